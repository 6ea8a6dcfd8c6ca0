"""What a stretch of sound is like, in numbers: timbre, dynamics, rhythm, pitch, held notes; numpy only.

The list follows what separates everyday sounds without a trained model: cepstra and their spread and speed, the shape
of the spectrum, how it moves, how the envelope is modulated, how pitched it is. How a sound goes on in time is
measured after the statistics that listeners are known to tell sound textures apart by (McDermott & Simoncelli, 2011),
over eight bands of the mel spectrum. A held note is a sharp line in a quarter-second spectrum; a voice glides and
smears its lines, a motor holds them for good, music moves on to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio.spectra import (
    BIN_HZ,
    BINS,
    HOP_SEC,
    Floats,
    cosine_basis,
    decibels,
    mel_filters,
    power_spectra,
)
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

BANDS = 8
MODULATION_EDGES_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 31.0)
REPETITION_EDGES_SEC = (0.064, 0.128, 0.208, 0.32, 0.512, 0.8, 1.28, 2.0, 3.2)

_RANGE_DB = 60.0
_SMALLEST_TRANSFORM = 256
NOTE_WINDOW_SAMPLES = 4096
NOTE_HOP_SAMPLES = 2048
NOTE_BIN_HZ = SAMPLE_RATE_HZ / NOTE_WINDOW_SAMPLES
LOWEST_HZ, HIGHEST_HZ = 110.0, 4200.0
_LINE_REACH = 2  # bins either side that a line of the Hann window covers
_SURROUNDINGS = 16
_LINE_RATIO = 20.0
_BATCH_FRAMES = 64
_QUIET = 1e-7  # of full scale squared: frames below are not heard
_LATER_FRAMES = 4  # half a second
Flags = npt.NDArray[np.bool_]
MEL_BANDS = 40
CEPSTRA = 20
ACTIVE_RANGE_DB = 40.0
SILENCE_DB = -60.0
LOUDNESS_RANGE_DB = 50.0
_OCTAVE_EDGES_HZ = (0, 125, 250, 500, 1000, 2000, 4000, 8001)
_PITCH_LAGS = (16, 160)  # samples at 8 kHz: 500 Hz down to 50 Hz
# Name, how many numbers, and the weight of each in a comparison. Weights were set by hand in steps of about a third and
# checked on ESC-10 with each fold left out: .73 to .77 mAP against .63 to .64 with every weight 1 (bench/quality.py).
GROUPS = (
    ("cepstra", 20, 1.0),
    ("cepstral spread", 20, 1.0),
    ("cepstral speed", 20, 1.0),
    ("octaves", 7, 1.0),
    ("loudness modulation", 6, 1.0),
    ("band modulation", 48, 0.7),
    ("skewness", 8, 1.0),
    ("band levels", 24, 0.5),
    ("repetition", 8, 1.5),
    ("pulse", 1, 1.5),
    ("period", 1, 0.5),
    ("scalars", 27, 0.5),
    ("tonality", 2, 1.0),
)


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


@dataclass(frozen=True)
class Tonality:
    """`line_share`: energy in held lines, 0..1. `note_entropy`: its spread over semitones in nats, 0 for one note.

    `note_change`: how unlike the notes are half a second later, 0 for the same ones, 1 for none of them.
    """

    line_share: float
    note_entropy: float
    note_change: float


NOT_TONAL = Tonality(0.0, 0.0, 0.0)


@cache
def _semitones() -> npt.NDArray[np.int64]:
    hz = np.maximum(np.arange(NOTE_WINDOW_SAMPLES // 2 + 1) * NOTE_BIN_HZ, 1.0)
    semitones: npt.NDArray[np.int64] = np.round(12 * np.log2(hz / LOWEST_HZ)).astype(np.int64)
    return semitones


def tonality(sound: Floats) -> Tonality:
    """Of `sound` (float32, 16 kHz); no lines where it is shorter than a quarter of a second or silent."""
    if sound.size < NOTE_WINDOW_SAMPLES:
        return NOT_TONAL
    frames = np.lib.stride_tricks.sliding_window_view(sound, NOTE_WINDOW_SAMPLES)[::NOTE_HOP_SAMPLES]
    first, last = round(LOWEST_HZ / NOTE_BIN_HZ), round(HIGHEST_HZ / NOTE_BIN_HZ)
    # In parts: the spectra of half a minute at once are the most that a worker would ever hold.
    parts = (frames[at : at + _BATCH_FRAMES] for at in range(0, len(frames), _BATCH_FRAMES))
    power = np.concatenate([_heard_power(part)[:, first:last] for part in parts])
    if not power.size:
        return NOT_TONAL
    notes = _notes(_lines(power), _semitones()[first:last])
    energy = notes.sum(axis=0)
    total = float(energy.sum())
    shares = energy[energy > 0] / max(total, 1e-12)
    entropy = float(-(shares * np.log(shares)).sum())
    return Tonality(total / float(power.sum() + 1e-12), entropy, _note_change(notes))


def _heard_power(frames: Floats) -> Floats:
    """Power spectra of the frames that are not quiet."""
    heard = frames[(frames**2).mean(axis=1) > _QUIET]
    spectra = np.fft.rfft(heard * np.hanning(NOTE_WINDOW_SAMPLES).astype(np.float32))
    power: Floats = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    return power


def _notes(lines: Floats, semitones: npt.NDArray[np.int64]) -> Floats:
    """The energy of each semitone in each frame."""
    # Lines come in order of pitch, so each semitone is a run of columns.
    return np.add.reduceat(lines, np.flatnonzero(np.diff(semitones, prepend=-1)), axis=1)


def _note_change(notes: Floats) -> float:
    """One less the mean likeness of frames half a second apart, of those that hold notes at all."""
    heard = notes[notes.sum(axis=1) > 0]
    if len(heard) <= _LATER_FRAMES:
        return 0.0
    amplitudes = np.sqrt(heard)
    amplitudes /= np.linalg.norm(amplitudes, axis=1, keepdims=True)
    return 1.0 - float((amplitudes[_LATER_FRAMES:] * amplitudes[:-_LATER_FRAMES]).sum(axis=1).mean())


def _lines(power: Floats) -> Floats:
    """`power` where it belongs to a peak that stands out of its surroundings, zero elsewhere."""
    padded = np.pad(power, ((0, 0), (_SURROUNDINGS, _SURROUNDINGS)), mode="edge")
    sums = np.cumsum(np.pad(np.sqrt(padded), ((0, 0), (1, 0))), axis=1)
    width = 2 * _SURROUNDINGS + 1
    surroundings = ((sums[:, width:] - sums[:, :-width]) / width) ** 2
    is_peak = power > _LINE_RATIO * surroundings
    is_line = is_peak.copy()
    for shift in range(1, _LINE_REACH + 1):
        is_line[:, shift:] |= is_peak[:, :-shift]
        is_line[:, :-shift] |= is_peak[:, shift:]
    lines: Floats = np.where(is_line, power, np.float32(0.0))
    return lines


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

    @cached_property
    def is_active(self) -> Flags:
        """Frames within `ACTIVE_RANGE_DB` of the loud ones and above silence; all, where none is."""
        loud = float(np.percentile(self.level_db, 95))
        active = self.level_db > max(SILENCE_DB - 15.0, loud - ACTIVE_RANGE_DB)
        return active if active.any() else np.ones_like(active)

    @cached_property
    def shape(self) -> dict[str, Floats]:
        """`spectral_shape` of the active frames."""
        return spectral_shape(self.power[self.is_active])

    @cached_property
    def onsets(self) -> Floats:
        """`onset_strength` of all frames."""
        return onset_strength(self.mel_db)


def _moments(values: Floats) -> list[float]:
    return [float(np.mean(values)), float(np.std(values))]


def _cepstral(frames: Frames, active: Flags) -> list[Floats]:
    cepstra = frames.mel_db @ cosine_basis(MEL_BANDS, CEPSTRA)
    active_cepstra = cepstra[active]
    moves = np.abs(np.diff(cepstra, axis=0))[active[1:]] if active[1:].any() else np.zeros((1, CEPSTRA), np.float32)
    return [active_cepstra.mean(axis=0), active_cepstra.std(axis=0), moves.mean(axis=0)]


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


def _octaves(power: Floats, active: Flags) -> Floats:
    bins = np.arange(BINS) * BIN_HZ
    bands = np.stack(
        [power[:, (bins >= low) & (bins < high)].sum(axis=1) for low, high in pairwise(_OCTAVE_EDGES_HZ)], axis=1
    )
    shares = bands[active].sum(axis=0)
    relative: Floats = np.log10(shares / (shares.sum() + 1e-12) + 1e-4).astype(np.float32)
    return relative


def onset_strength(mel_db: Floats) -> Floats:
    """Per frame, how much the bands rise over the frame two before, in dB."""
    floor = mel_db.max() - 60.0
    clipped = np.maximum(mel_db, floor)
    rise = np.maximum(clipped[2:] - clipped[:-2], 0.0).mean(axis=1)
    return np.concatenate([np.zeros(min(2, len(mel_db)), np.float32), rise]).astype(np.float32)


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


def band_levels(bands_db: Floats) -> Floats:
    """Quiet, middle and loud level of each band, in dB against the middle level of all: (3 x bands,)."""
    levels = np.percentile(bands_db, (10, 50, 90), axis=0)
    relative: Floats = (levels - levels[1].mean()).astype(np.float32).ravel()
    return relative


def _scalars(sound: Floats, frames: Frames, active: Flags, onsets: Floats, speech_ratio: float) -> Floats:
    shape = frames.shape
    periodicity, hz = pitch(frames.power[active])
    voiced = periodicity > 0.5
    octave = np.log2(hz[voiced]) if voiced.any() else np.array([7.0])
    levels = np.percentile(frames.level_db, (5, 25, 50, 75, 95))
    values = [
        *(value for name in ("flatness", "peak") for value in _moments(shape[name])),
        *(value for name in ("centroid", "bandwidth", "rolloff") for value in _moments(np.log2(shape[name] + 50.0))),
        *_moments(periodicity),
        *(voiced.mean(), octave.std(), octave.mean()),
        zero_crossings(sound),
        *np.diff(levels),
        levels[4],
        active.mean(),
        (frames.level_db < SILENCE_DB).mean(),
        speech_ratio,
        *(onsets.mean(), onsets.std(), (onsets > onsets.mean() + 2 * onsets.std()).mean()),
    ]
    return np.array(values, np.float32)


@cache
def weights() -> Floats:
    """The weight of each descriptor, (192,): as many as `GROUPS` counts."""
    return np.concatenate([np.full(count, weight, np.float32) for _, count, weight in GROUPS])


def describe(sound: Floats, frames: Frames, tonal: Tonality, speech_ratio: float) -> Floats:
    """The descriptors of `sound` (float32, 16 kHz), unscaled, in the order of `GROUPS`: (192,)."""
    active = frames.is_active
    bands = broad_bands(frames.mel_db)
    audible = np.clip(frames.level_db, frames.level_db.max() - LOUDNESS_RANGE_DB, None)
    onsets = frames.onsets
    parts = [
        *_cepstral(frames, active),
        _octaves(frames.power, active),
        modulation(audible[:, None]),
        modulation(bands),
        skewness(bands),
        band_levels(bands[active]),
        repetition(onsets),
        pulse(onsets),
        _scalars(sound, frames, active, onsets, speech_ratio),
        [tonal.line_share, tonal.note_entropy],
    ]
    return np.concatenate([np.asarray(part, np.float32) for part in parts])
