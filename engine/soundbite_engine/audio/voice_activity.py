"""Where people speak: Silero's probabilities, 31.25 a second, and the stretches of speech they mean.

The network is the Silero VAD (MIT) that faster-whisper carries; it is run here without the rest of that package, over
one stretch of a stream at a time.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundbite_engine.errors import EngineError
from soundbite_engine.workers.plans import TICK_SAMPLES, TICK_SEC

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int16]

# Silero's authors propose .5 to begin and .15 less to end; the rest is measured, see `speech_stretches`.
BEGIN_PROBABILITY = 0.5
END_PROBABILITY = 0.35

_CONTEXT_SAMPLES = 64  # of the tick before, which the network is given again
_STATE = (1, 1, 128)
_TICKS_AT_ONCE = 1024  # what the network holds of half a minute is some 40 MB


@dataclass(frozen=True)
class Stretch:
    """Ticks `first` to `last`, the end excluded."""

    first: int
    last: int

    @property
    def seconds(self) -> float:
        return (self.last - self.first) * TICK_SEC


@dataclass(frozen=True)
class Leniency:
    """What counts as speech: where it begins and ends, and which pauses, blips and margins belong to it."""

    begin: float = BEGIN_PROBABILITY
    end: float = END_PROBABILITY
    pause_sec: float = 0.2
    shortest_sec: float = 0.2
    pad_sec: float = 0.1


STRICT = Leniency()
# For a recogniser that judges for itself: the usual threshold throws the speech of telephones away (word errors .20
# instead of .10 with a shown half and an unseen one), this one nothing but silence and steady noise.
LENIENT = Leniency(begin=0.1, end=0.01, pause_sec=1.5, shortest_sec=0.1, pad_sec=0.8)


class VoiceDetector:
    """Silero VAD over one continuous stream of 16 kHz samples."""

    def __init__(self) -> None:
        self._session = _session()
        self._h = self._c = np.zeros(_STATE, np.float32)
        self._tail: Floats = np.zeros(_CONTEXT_SAMPLES, np.float32)

    def probabilities(self, samples: Samples) -> Floats:
        """One probability of speech for each whole tick of `samples` (512 samples, 32 ms)."""
        ticks = samples.size // TICK_SAMPLES
        found = np.empty(ticks, np.float32)
        for first in range(0, ticks, _TICKS_AT_ONCE):
            last = min(first + _TICKS_AT_ONCE, ticks)
            found[first:last] = self._heard(samples[first * TICK_SAMPLES : last * TICK_SAMPLES])
        return found

    def _heard(self, samples: Samples) -> Floats:
        sound = samples.astype(np.float32) / np.float32(32768.0)
        frames = sound.reshape(-1, TICK_SAMPLES)
        tails = np.concatenate([self._tail[None], frames[:-1, -_CONTEXT_SAMPLES:]])
        given = np.concatenate([tails, frames], axis=1)
        found, self._h, self._c = self._session.run(None, {"input": given, "h": self._h, "c": self._c})
        self._tail = frames[-1, -_CONTEXT_SAMPLES:]
        probabilities: Floats = found
        return probabilities

    def reset(self) -> None:
        """Forget what was heard, before another stream."""
        self._h = self._c = np.zeros(_STATE, np.float32)
        self._tail = np.zeros(_CONTEXT_SAMPLES, np.float32)


@cache
def _session() -> Any:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return runtime.InferenceSession(str(_network()), options, providers=["CPUExecutionProvider"])


def _network() -> Path:
    found = importlib.util.find_spec("faster_whisper")  # finds it without importing it
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        if networks := sorted((Path(folder) / "assets").glob("silero_vad*.onnx")):
            return networks[-1]
    raise EngineError("pack_missing", "faster-whisper's voice activity network is missing; install soundbite again")


def speech_stretches(probabilities: Floats, leniency: Leniency = STRICT) -> list[Stretch]:
    """Stretches of speech in ticks: hysteresis, short pauses bridged, blips dropped, then padded."""
    joined = bridged(_hysteresis(probabilities, leniency), leniency.pause_sec)
    long = [stretch for stretch in joined if stretch.seconds >= leniency.shortest_sec]
    return _padded(long, round(leniency.pad_sec / TICK_SEC), probabilities.size)


def bridged(stretches: list[Stretch], pause_sec: float) -> list[Stretch]:
    """`stretches` with pauses shorter than `pause_sec` taken in."""
    merged: list[Stretch] = []
    for stretch in stretches:
        if merged and (stretch.first - merged[-1].last) * TICK_SEC < pause_sec:
            merged[-1] = Stretch(merged[-1].first, stretch.last)
        else:
            merged.append(stretch)
    return merged


def _hysteresis(probabilities: Floats, leniency: Leniency) -> list[Stretch]:
    """Runs that reach `begin` and last while above `end`."""
    above = np.concatenate([[False], probabilities >= leniency.end, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)
    return [
        Stretch(first + int(np.argmax(probabilities[first:last] >= leniency.begin)), last)
        for first, last in edges.tolist()
        if probabilities[first:last].max() >= leniency.begin
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
