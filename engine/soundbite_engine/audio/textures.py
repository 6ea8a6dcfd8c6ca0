"""How a sound goes on in time: modulation of its bands, their lopsidedness, and what it repeats.

After the statistics that listeners are known to tell sound textures apart by (McDermott & Simoncelli, 2011), over
eight bands of the mel spectrum.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from soundbite_engine.audio.spectra import HOP_SEC, Floats

BANDS = 8
MODULATION_EDGES_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 31.0)
REPETITION_EDGES_SEC = (0.064, 0.128, 0.208, 0.32, 0.512, 0.8, 1.28, 2.0, 3.2)

_RANGE_DB = 60.0
_SMALLEST_TRANSFORM = 256


def broad_bands(mel_db: Floats) -> Floats:
    """`mel_db` (frames, bands) in eight bands, no lower than 60 dB under the loudest."""
    audible = np.maximum(mel_db, mel_db.max() - _RANGE_DB)
    bands: Floats = audible.reshape(len(audible), BANDS, -1).mean(axis=2)
    return bands


def modulation(envelopes: Floats) -> Floats:
    """Share (log10) of each envelope's movement in six ranges from 0.5 to 31 Hz: (6 x envelopes,), range by range."""
    centred = envelopes - envelopes.mean(axis=0)
    size = max(_SMALLEST_TRANSFORM, 1 << (len(centred) - 1).bit_length())
    window = np.hanning(len(centred))[:, None]
    spectrum = np.abs(np.fft.rfft(centred * window, size, axis=0)) ** 2
    hz = np.fft.rfftfreq(size, HOP_SEC)
    ranges = np.array([spectrum[(hz >= low) & (hz < high)].sum(axis=0) for low, high in pairwise(MODULATION_EDGES_HZ)])
    shares: Floats = np.log10(ranges / (ranges.sum(axis=0) + 1e-9) + 1e-3).astype(np.float32)
    return shares.ravel()


def skewness(envelopes: Floats) -> Floats:
    """Third moment of each envelope: positive where it is mostly quiet with bursts."""
    centred = envelopes - envelopes.mean(axis=0)
    spread = centred.std(axis=0) + np.float32(1e-3)
    moments: Floats = ((centred / spread) ** 3).mean(axis=0)
    return moments


def autocorrelation(series: Floats) -> Floats:
    """Of the centred series, 1 at lag 0, as many lags as values."""
    centred = series - series.mean()
    spectrum = np.abs(np.fft.rfft(centred, 1 << (2 * len(centred)).bit_length())) ** 2
    raw = np.fft.irfft(spectrum)[: len(centred)]
    scaled: Floats = (raw / (raw[0] + 1e-9)).astype(np.float32)
    return scaled


def repetition(onsets: Floats) -> Floats:
    """The clearest repetition of the onsets in each of eight ranges of period, 64 ms to 3.2 s; 0 where too short."""
    correlation = autocorrelation(onsets)
    edges = [round(seconds / HOP_SEC) for seconds in REPETITION_EDGES_SEC]
    return np.array(
        [correlation[low:high].max() if len(correlation) > low else 0.0 for low, high in pairwise(edges)], np.float32
    )


def pulse(onsets: Floats) -> tuple[float, float]:
    """(strength 0..1, period in s) of the clearest repetition between 0.2 and 1.5 s; (0, 0) without one."""
    low, high = round(0.2 / HOP_SEC), round(1.5 / HOP_SEC)
    if len(onsets) < 2 * high or not onsets.any():
        return 0.0, 0.0
    lags = np.arange(low, high + 1)
    unbiased = autocorrelation(onsets)[low : high + 1] * len(onsets) / (len(onsets) - lags)
    best = int(np.argmax(unbiased))
    return float(np.clip(unbiased[best], 0.0, 1.0)), (low + best) * HOP_SEC
