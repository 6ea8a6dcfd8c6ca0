"""CLAP's front end: ten seconds at 48 kHz as a log-mel picture, the numbers its own feature extractor makes."""

from __future__ import annotations

from functools import cache

import numpy as np

from soundbite_engine.space import Floats

RATE_HZ = 48_000
WINDOW_SAMPLES = 10 * RATE_HZ
FRAMES = 1001
BANDS = 64
_FFT_SAMPLES = 1024
_HOP_SAMPLES = 480
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 14_000.0
_LEAST_POWER = 1e-10

# The Slaney scale: straight up to 1 kHz, logarithmic from there.
_HZ_PER_MEL = 200.0 / 3.0
_CORNER_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def windows(sound: Floats) -> list[Floats]:
    """`sound` (float32 at 48 kHz) in windows of ten seconds; a shorter one is repeated and filled up with zeros.

    The rest after whole windows is left out if it is under a second and there is a whole one.
    """
    found = [_filled(sound[at : at + WINDOW_SAMPLES]) for at in range(0, max(sound.size, 1), WINDOW_SAMPLES)]
    is_rest_short = len(found) > 1 and 0 < sound.size % WINDOW_SAMPLES < RATE_HZ
    return found[:-1] if is_rest_short else found


def log_mel(window: Floats) -> Floats:
    """Decibels, float32 (1001, 64), of a window of ten seconds."""
    padded = np.pad(window, _FFT_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[::_HOP_SAMPLES]
    power = np.abs(np.fft.rfft(frames * _hann(), axis=1)) ** 2
    mels = np.maximum(power @ _filters(), _LEAST_POWER)
    decibels: Floats = (10.0 * np.log10(mels)).astype(np.float32)
    return decibels


def _filled(sound: Floats) -> Floats:
    repeated = np.tile(sound, max(1, WINDOW_SAMPLES // max(sound.size, 1)))[:WINDOW_SAMPLES]
    filled: Floats = np.pad(repeated, (0, WINDOW_SAMPLES - repeated.size)).astype(np.float32)
    return filled


@cache
def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FFT_SAMPLES) / _FFT_SAMPLES)


@cache
def _filters() -> np.ndarray:
    """Triangles of equal area (Slaney), (513, 64)."""
    corners_hz = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2))
    bins_hz = np.linspace(0.0, RATE_HZ / 2, _FFT_SAMPLES // 2 + 1)
    slopes = corners_hz[None, :] - bins_hz[:, None]
    widths = np.diff(corners_hz)
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    triangles: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    filters: np.ndarray = triangles * (2.0 / (corners_hz[2:] - corners_hz[:-2]))
    return filters


def _mel(hz: float) -> float:
    if hz < _CORNER_HZ:
        return hz / _HZ_PER_MEL
    return _CORNER_HZ / _HZ_PER_MEL + float(np.log(hz / _CORNER_HZ) / _LOG_STEP)


def _hz(mels: np.ndarray) -> np.ndarray:
    corner = _CORNER_HZ / _HZ_PER_MEL
    curved = _CORNER_HZ * np.exp(_LOG_STEP * (np.maximum(mels, corner) - corner))
    return np.where(mels < corner, mels * _HZ_PER_MEL, curved)
