"""Short-time spectra of 16 kHz sound, numpy only: the ground that segments and descriptors stand on."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16]

WINDOW_SAMPLES = 512
HOP_SAMPLES = 256
HOP_SEC = HOP_SAMPLES / SAMPLE_RATE_HZ
BINS = WINDOW_SAMPLES // 2 + 1
BIN_HZ = SAMPLE_RATE_HZ / WINDOW_SAMPLES
FLOOR_POWER = 1e-10  # of full scale: about -100 dB

_BATCH_FRAMES = 512


def as_floats(samples: Samples) -> Floats:
    """-1 to 1."""
    return samples.astype(np.float32) / np.float32(32768.0)


def power_spectra(sound: Floats) -> Floats:
    """Power, frames x 257: Hann windows of 32 ms every 16 ms, padded so that any sound has a frame.

    Scaled so that a row sums to the mean square of the windowed sound (a full-scale sine sums to about .5).
    """
    missing = max(0, WINDOW_SAMPLES - sound.size)
    padded = np.pad(sound, (0, missing)) if missing else sound
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    window = _window()
    power = np.empty((len(frames), BINS), np.float32)
    for at in range(0, len(frames), _BATCH_FRAMES):
        spectrum = np.fft.rfft(frames[at : at + _BATCH_FRAMES] * window)
        power[at : at + _BATCH_FRAMES] = spectrum.real**2 + spectrum.imag**2
    return power


@cache
def _window() -> Floats:
    hann = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    scale = np.sqrt(2.0 / (WINDOW_SAMPLES * np.sum(hann**2)))
    window: Floats = (hann * scale).astype(np.float32)
    return window


@cache
def mel_filters(bands: int) -> Floats:
    """Triangular filters, 257 x `bands`, 50 Hz to 8 kHz, evenly spaced on the mel scale (2595 log10(1 + f/700))."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (50.0, 8000.0))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, bands + 2) / 2595.0) - 1.0)
    bins = np.arange(BINS)[:, None] * BIN_HZ
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    for band in np.flatnonzero(filters.sum(axis=0) == 0):  # narrower than a bin
        filters[round((edges[band + 1]) / BIN_HZ), band] = 1.0
    filters32: Floats = filters.astype(np.float32)
    return filters32


def decibels(power: Floats) -> Floats:
    """10 log10 of `power`, no lower than -100."""
    return np.float32(10.0) * np.log10(np.maximum(power, np.float32(FLOOR_POWER)))


@cache
def cosine_basis(inputs: int, outputs: int) -> Floats:
    """The orthonormal DCT-II, `inputs` x `outputs`."""
    angles = np.pi / inputs * (np.arange(inputs)[:, None] + 0.5) * np.arange(outputs)[None, :]
    basis = np.sqrt(2.0 / inputs) * np.cos(angles)
    basis[:, 0] /= np.sqrt(2.0)
    basis32: Floats = basis.astype(np.float32)
    return basis32
