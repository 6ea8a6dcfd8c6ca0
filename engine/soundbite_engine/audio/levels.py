"""How loud a recording is along its time: what a picture of its waveform needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio.decode import Samples, decoded_blocks
from soundbite_engine.workers.jobs import Report

Levels = npt.NDArray[np.int32]

# A picture needs no overtones, and half the samples are half the work.
_RATE_HZ = 8_000
_FULL_SCALE = 32_768


def levels(report: Report, path: str, count: int) -> tuple[float, bytes]:
    """The length in seconds of the sound in the file at `path`, and `count` peaks over it, 0 to 255 of full scale.

    Raises:
        MediaError: see `decoded_blocks`.
    """
    del report
    peaks: list[Levels] = []
    rest = np.zeros(0, np.int16)
    samples = 0
    for block in decoded_blocks(path, rate_hz=_RATE_HZ):
        samples += block.size
        whole, rest = _peaks(np.concatenate([rest, block]))
        peaks.append(whole)
    if rest.size:
        peaks.append(np.abs(rest.astype(np.int32)).max(keepdims=True))
    fine = np.concatenate(peaks)
    return samples / _RATE_HZ, _spread(fine, count).astype(np.uint8).tobytes()


def _peaks(samples: Samples) -> tuple[Levels, Samples]:
    step = _RATE_HZ // 100
    whole = samples.size - samples.size % step
    return np.abs(samples[:whole].astype(np.int32)).reshape(-1, step).max(axis=1), samples[whole:]


def _spread(fine: Levels, count: int) -> Levels:
    """The highest of the hundredths of a second in each of `count` equal parts."""
    edges = np.linspace(0, fine.size, count + 1).astype(int)
    parts = zip(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1), strict=True)
    highest = [int(fine[min(first, fine.size - 1) : last].max()) * 256 // _FULL_SCALE for first, last in parts]
    return np.minimum(np.array(highest, np.int32), 255)
