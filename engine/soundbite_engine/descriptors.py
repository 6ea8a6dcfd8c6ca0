"""What a stretch of sound is like, in numbers: timbre, dynamics, rhythm, pitch; numpy only.

The list follows what separates everyday sounds without a trained model: cepstra and their spread and speed, the shape
of the spectrum, how it moves, how the envelope is modulated, how pitched it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from soundbite_engine.spectra import (
    BIN_HZ,
    BINS,
    HOP_SEC,
    Floats,
    cosine_basis,
    decibels,
    mel_filters,
    power_spectra,
)

MEL_BANDS = 40
CEPSTRA = 20
ACTIVE_RANGE_DB = 40.0
SILENCE_DB = -60.0

_OCTAVE_EDGES_HZ = (0, 125, 250, 500, 1000, 2000, 4000, 8001)
_MODULATION_EDGES_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 31.0)
_PITCH_LAGS = (16, 160)  # samples at 8 kHz: 500 Hz down to 50 Hz


@dataclass(frozen=True)
class Frames:
    """Per frame of 32 ms, every 16 ms: power spectrum (n, 257), mel bands in dB (n, 40), level in dB (n,)."""

    power: Floats
    mel_db: Floats
    level_db: Floats

    @classmethod
    def of(cls, sound: Floats) -> Frames:
        power = power_spectra(sound)
        return cls(power, decibels(power @ mel_filters(MEL_BANDS)), decibels(power.sum(axis=1)))

    @property
    def is_active(self) -> np.ndarray:
        """Frames within `ACTIVE_RANGE_DB` of the loud ones and above silence; all, where none is."""
        loud = float(np.percentile(self.level_db, 95))
        active = self.level_db > max(SILENCE_DB - 15.0, loud - ACTIVE_RANGE_DB)
        return active if active.any() else np.ones_like(active)


def _moments(values: Floats) -> list[float]:
    return [float(np.mean(values)), float(np.std(values))]


def _cepstral(frames: Frames, active: np.ndarray) -> list[Floats]:
    cepstra = frames.mel_db @ cosine_basis(MEL_BANDS, CEPSTRA)
    kept = cepstra[active]
    moves = np.abs(np.diff(cepstra, axis=0))[active[1:]] if active[1:].any() else np.zeros((1, CEPSTRA), np.float32)
    return [kept.mean(axis=0), kept.std(axis=0), moves.mean(axis=0)]


def spectral_shape(power: Floats) -> dict[str, Floats]:
    """Per frame: centroid and bandwidth in Hz, flatness 0..1, roll-off in Hz, share of the strongest peak 0..1."""
    hz = np.arange(BINS, dtype=np.float32) * BIN_HZ
    total = power.sum(axis=1) + 1e-12
    centroid = power @ hz / total
    spread = np.sqrt(np.maximum(power @ hz**2 / total - centroid**2, 0.0))
    safe = power[:, 4:] + 1e-12
    flatness = np.exp(np.log(safe).mean(axis=1)) / safe.mean(axis=1)
    rolloff = (np.cumsum(power, axis=1) < 0.85 * total[:, None]).sum(axis=1) * BIN_HZ
    peak = power.argmax(axis=1)
    around = np.clip(peak[:, None] + np.arange(-2, 3), 0, BINS - 1)
    share = np.take_along_axis(power, around, axis=1).sum(axis=1) / total
    return {"centroid": centroid, "bandwidth": spread, "flatness": flatness, "rolloff": rolloff, "peak": share}


def _octaves(power: Floats, active: np.ndarray) -> Floats:
    bins = np.arange(BINS) * BIN_HZ
    bands = np.stack(
        [power[:, (bins >= low) & (bins < high)].sum(axis=1) for low, high in _pairs(_OCTAVE_EDGES_HZ)], axis=1
    )
    shares = bands[active].sum(axis=0)
    relative: Floats = np.log10(shares / (shares.sum() + 1e-12) + 1e-4).astype(np.float32)
    return relative


def _pairs(edges: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(pairwise(edges))


def modulation(level_db: Floats) -> Floats:
    """Share of the envelope's movement in six bands from 0.5 to 31 Hz, log10."""
    envelope = np.clip(level_db, level_db.max() - 50.0, None)
    envelope = envelope - envelope.mean()
    size = max(256, 1 << (len(envelope) - 1).bit_length())
    spectrum = np.abs(np.fft.rfft(envelope * np.hanning(len(envelope)), size)) ** 2
    hz = np.fft.rfftfreq(size, HOP_SEC)
    bands = np.array([spectrum[(hz >= low) & (hz < high)].sum() for low, high in _pairs(_MODULATION_EDGES_HZ)])
    relative: Floats = np.log10(bands / (bands.sum() + 1e-9) + 1e-3).astype(np.float32)
    return relative


def onset_strength(mel_db: Floats) -> Floats:
    """Per frame, how much the bands rise over the frame two before, in dB."""
    floor = mel_db.max() - 60.0
    clipped = np.maximum(mel_db, floor)
    rise = np.maximum(clipped[2:] - clipped[:-2], 0.0).mean(axis=1)
    return np.concatenate([np.zeros(min(2, len(mel_db)), np.float32), rise]).astype(np.float32)


def pulse(onsets: Floats) -> tuple[float, float]:
    """(strength 0..1, period in s) of the clearest repetition between 0.2 and 1.5 s; (0, 0) without one."""
    low, high = round(0.2 / HOP_SEC), round(1.5 / HOP_SEC)
    centred = onsets - onsets.mean()
    if len(onsets) < 2 * high or not centred.any():
        return 0.0, 0.0
    size = 1 << (2 * len(centred)).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2)[: high + 1]
    correlation *= len(centred) / (len(centred) - np.arange(high + 1))
    window = correlation[low:]
    best = int(np.argmax(window))
    return float(np.clip(window[best] / (correlation[0] + 1e-9), 0.0, 1.0)), (low + best) * HOP_SEC


def pitch(power: Floats) -> tuple[Floats, Floats]:
    """Per frame: how periodic (0..1) and the pitch in Hz, from the autocorrelation of the spectrum below 4 kHz."""
    low_passed = power[:, : BINS // 2 + 1]
    correlation = np.fft.irfft(low_passed, axis=1)
    first, last = _PITCH_LAGS[0], min(_PITCH_LAGS[1], correlation.shape[1] // 2)
    window = correlation[:, first:last]
    best = window.argmax(axis=1)
    height = np.take_along_axis(window, best[:, None], axis=1)[:, 0] / (correlation[:, 0] + 1e-12)
    return np.clip(height, 0.0, 1.0).astype(np.float32), (8000.0 / (first + best)).astype(np.float32)


def zero_crossings(sound: Floats) -> float:
    """Crossings per sample, 0..1."""
    return float(np.mean(sound[1:] * sound[:-1] < 0)) if sound.size > 1 else 0.0


def describe(sound: Floats, frames: Frames, speech_ratio: float) -> Floats:
    """The descriptor vector of `sound` (float32, 16 kHz), raw: see `reference` for its scale."""
    active = frames.is_active
    shape = spectral_shape(frames.power[active])
    periodicity, hz = pitch(frames.power[active])
    onsets = onset_strength(frames.mel_db)
    strength, period = pulse(onsets)
    level = frames.level_db
    voiced = periodicity > 0.5
    levels = np.percentile(level, (5, 25, 50, 75, 95))
    scalars = [
        *(value for name in ("flatness", "peak") for value in _moments(shape[name])),
        *(value for name in ("centroid", "bandwidth", "rolloff") for value in _moments(np.log2(shape[name] + 50.0))),
        *_moments(periodicity),
        float(voiced.mean()),
        float(np.log2(hz[voiced]).std()) if voiced.any() else 0.0,
        float(np.log2(hz[voiced]).mean()) if voiced.any() else 7.0,
        zero_crossings(sound),
        *np.diff(levels).tolist(),
        float(levels[4]),
        float(active.mean()),
        float((level < SILENCE_DB).mean()),
        float(speech_ratio),
        float(onsets.mean()),
        float(onsets.std()),
        float((onsets > onsets.mean() + 2 * onsets.std()).mean()),
        strength,
        period,
    ]
    parts = [*_cepstral(frames, active), _octaves(frames.power, active), modulation(level)]
    return np.concatenate([*parts, np.array(scalars, np.float32)]).astype(np.float32)
