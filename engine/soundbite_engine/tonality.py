"""How much of a sound is held notes, and how many different ones: what sets music and beeps apart from voices.

A held note is a sharp line in a quarter-second spectrum; a voice glides and smears its lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from soundbite_engine.plans import SAMPLE_RATE_HZ
from soundbite_engine.spectra import Floats

WINDOW_SAMPLES = 4096
HOP_SAMPLES = 2048
BIN_HZ = SAMPLE_RATE_HZ / WINDOW_SAMPLES
LOWEST_HZ, HIGHEST_HZ = 110.0, 4200.0

_LINE_REACH = 2  # bins either side that a line of the Hann window covers
_SURROUNDINGS = 16
_LINE_RATIO = 20.0
_QUIET = 1e-7  # of full scale squared: frames below are not heard


@dataclass(frozen=True)
class Tonality:
    """`line_share`: energy in held lines, 0..1. `note_entropy`: its spread over semitones in nats, 0 for one note."""

    line_share: float
    note_entropy: float


@cache
def _semitones() -> npt.NDArray[np.int64]:
    hz = np.maximum(np.arange(WINDOW_SAMPLES // 2 + 1) * BIN_HZ, 1.0)
    semitones: npt.NDArray[np.int64] = np.round(12 * np.log2(hz / LOWEST_HZ)).astype(np.int64)
    return semitones


def tonality(sound: Floats) -> Tonality:
    """Of `sound` (float32, 16 kHz); no lines where it is shorter than a quarter of a second or silent."""
    if sound.size < WINDOW_SAMPLES:
        return Tonality(0.0, 0.0)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectra = np.fft.rfft(frames * np.hanning(WINDOW_SAMPLES).astype(np.float32))
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    first, last = round(LOWEST_HZ / BIN_HZ), round(HIGHEST_HZ / BIN_HZ)
    power = power[:, first:last][(frames**2).mean(axis=1) > _QUIET]
    if not power.size:
        return Tonality(0.0, 0.0)
    lines = _lines(power)
    energy = np.bincount(_semitones()[first:last], weights=lines.sum(axis=0))
    total = float(energy.sum())
    shares = energy[energy > 0] / max(total, 1e-12)
    return Tonality(total / float(power.sum() + 1e-12), float(-(shares * np.log(shares)).sum()))


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
