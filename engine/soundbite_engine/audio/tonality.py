"""How much of a sound is held notes, how many different ones, and whether they change: what sets music and beeps apart.

A held note is a sharp line in a quarter-second spectrum; a voice glides and smears its lines, a motor holds them for
good, music moves on to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio.spectra import Floats
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

WINDOW_SAMPLES = 4096
HOP_SAMPLES = 2048
BIN_HZ = SAMPLE_RATE_HZ / WINDOW_SAMPLES
LOWEST_HZ, HIGHEST_HZ = 110.0, 4200.0

_LINE_REACH = 2  # bins either side that a line of the Hann window covers
_SURROUNDINGS = 16
_LINE_RATIO = 20.0
_BATCH_FRAMES = 64
_QUIET = 1e-7  # of full scale squared: frames below are not heard
_LATER_FRAMES = 4  # half a second


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
    hz = np.maximum(np.arange(WINDOW_SAMPLES // 2 + 1) * BIN_HZ, 1.0)
    semitones: npt.NDArray[np.int64] = np.round(12 * np.log2(hz / LOWEST_HZ)).astype(np.int64)
    return semitones


def tonality(sound: Floats) -> Tonality:
    """Of `sound` (float32, 16 kHz); no lines where it is shorter than a quarter of a second or silent."""
    if sound.size < WINDOW_SAMPLES:
        return NOT_TONAL
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::HOP_SAMPLES]
    first, last = round(LOWEST_HZ / BIN_HZ), round(HIGHEST_HZ / BIN_HZ)
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
    spectra = np.fft.rfft(heard * np.hanning(WINDOW_SAMPLES).astype(np.float32))
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
