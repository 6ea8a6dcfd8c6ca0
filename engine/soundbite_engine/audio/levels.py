"""Levels that 16 bits can hold: what is above full scale is turned down, and very quiet speech up, stretch by stretch.

The gain changes slowly, and is written down for whoever needs the true level: samples divided by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from soundbite_engine.audio.mix import STRETCH_SEC, speech_share
from soundbite_engine.audio.spectra import Floats, Samples
from soundbite_engine.workers.plans import MOST_PEAKS, TICK_SAMPLES

_FULL_SCALE = 32_768
_ALLOWED_PEAK = 1.12  # a decibel above full scale, as lossy codecs go: cut
_QUIET_PEAK = 0.03
_QUIETEST_PEAK = 1e-6
_RAISED_PEAK = 0.3
_LEAST_SPEECH = 0.1


@dataclass(frozen=True)
class Levelled:
    """Samples in 16 bits, and their gain at the beginning of each 512 of them."""

    samples: Samples
    gains: Floats


class Leveller:
    """Turns float32 samples of one stream into 16 bits; `raises_speech` where quiet speech is to be turned up."""

    def __init__(self, rate_hz: int, *, raises_speech: bool = False) -> None:
        self._rate_hz = rate_hz
        # Whole ticks, so that a gain belongs to one.
        self._size = round(STRETCH_SEC * rate_hz) // TICK_SAMPLES * TICK_SAMPLES
        self._raises_speech = raises_speech
        self._pending: list[Floats] = []
        self._count = 0
        self._stretch: tuple[Floats, float] | None = None
        self._begin_gain = 0.0

    def push(self, samples: Floats) -> Iterator[Levelled]:
        """What is ready: a stretch waits for the one after it, whose gain it must lead to."""
        self._pending.append(samples)
        self._count += samples.size
        while self._count >= self._size:
            joined = np.concatenate(self._pending)
            yield from self._take(joined[: self._size])
            self._pending = [joined[self._size :]]
            self._count -= self._size

    def finish(self) -> Iterator[Levelled]:
        """The rest."""
        if self._count:
            yield from self._take(np.concatenate(self._pending))
        if self._stretch is not None:
            yield self._levelled(*self._stretch, self._stretch[1])

    def _take(self, samples: Floats) -> Iterator[Levelled]:
        gain = self._gain(samples)
        if self._stretch is None:
            self._begin_gain = gain
        else:
            yield self._levelled(*self._stretch, min(self._stretch[1], gain))
        self._stretch = (samples, gain)

    def _gain(self, samples: Floats) -> float:
        peak = float(np.abs(samples).max())
        if peak > _ALLOWED_PEAK:
            return 1.0 / peak
        is_quiet = self._raises_speech and _QUIETEST_PEAK < peak < _QUIET_PEAK
        if is_quiet and speech_share(samples, self._rate_hz) > _LEAST_SPEECH:
            return _RAISED_PEAK / peak
        return 1.0

    def _levelled(self, samples: Floats, gain: float, end_gain: float) -> Levelled:
        """`samples` with a gain that is at most `gain` and passes over into its neighbours'."""
        begin_gain = min(self._begin_gain, gain)
        self._begin_gain = end_gain
        ticks = -(-samples.size // TICK_SAMPLES)
        if begin_gain == gain == end_gain:
            gains = np.full(ticks, gain, np.float32)
        else:
            half = ticks // 2
            gains = np.concatenate(
                [np.geomspace(begin_gain, gain, half + 1)[:half], np.geomspace(gain, end_gain, ticks - half)]
            ).astype(np.float32)
        scaled = samples * np.repeat(gains, TICK_SAMPLES)[: samples.size] if not np.all(gains == 1.0) else samples
        whole = np.clip(np.rint(scaled * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
        return Levelled(whole.astype(np.int16), gains)


def tick_peaks(part: Levelled) -> Samples:
    """The highest level in each 512 samples before their gain, in 16 bits."""
    padded = np.pad(part.samples, (0, -part.samples.size % TICK_SAMPLES))
    highest = np.abs(padded.reshape(-1, TICK_SAMPLES).astype(np.int32)).max(axis=1)
    peaks: Samples = np.minimum(highest / part.gains, _FULL_SCALE - 1).astype(np.int16)
    return peaks


def spread_peaks(peaks: Samples) -> bytes:
    """The highest of `peaks` in each of at most `MOST_PEAKS` equal parts, 0 to 255 of full scale."""
    firsts = np.linspace(0, peaks.size, min(MOST_PEAKS, peaks.size), endpoint=False).astype(int)
    return (np.maximum.reduceat(peaks, firsts) // (_FULL_SCALE // 256)).astype(np.uint8).tobytes()
