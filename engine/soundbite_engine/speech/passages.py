"""What the recogniser is given: passages of up to half a minute, cut in pauses, without the silences."""

from __future__ import annotations

import numpy as np

from soundbite_engine.audio.voice_activity import LENIENT, Floats, speech_stretches
from soundbite_engine.workers.plans import (
    PASSAGE_SEC,
    TICK_SAMPLES,
    TICK_SEC,
    Passage,
    Utterance,
)

# How far before the end of a passage its last pause may lie.
_REACH_TICKS = round(8.0 / TICK_SEC)
_PAUSE_TICKS = 9
_LONGEST_TICKS = int(PASSAGE_SEC / TICK_SEC)


def passages(probabilities: Floats) -> list[Passage]:
    """The speech of a recording, whose ticks have these `probabilities`, in passages of at most `PASSAGE_SEC`.

    A passage takes as much as there is room for: the recogniser's time is that of thirty seconds however little it is
    given.
    """
    openness = _smoothed(1.0 - probabilities) if probabilities.size else probabilities
    stretches = speech_stretches(probabilities, LENIENT)
    parts: list[list[Utterance]] = [[]]
    room = _LONGEST_TICKS
    for stretch in stretches:
        begin = stretch.first
        while stretch.last - begin > room:
            cut = _cut(openness, begin, begin + room)
            if cut > begin:
                parts[-1].append((begin * TICK_SAMPLES, cut * TICK_SAMPLES))
            begin, room = cut, _LONGEST_TICKS
            parts.append([])
        parts[-1].append((begin * TICK_SAMPLES, stretch.last * TICK_SAMPLES))
        room -= stretch.last - begin
    return [tuple(part) for part in parts if part]


def _cut(openness: Floats, first: int, last: int) -> int:
    """The tick of the widest pause shortly before `last`; `first` where too little would go into this passage."""
    if last - first < _REACH_TICKS:
        return first
    begin = max(first + 1, last - _REACH_TICKS)
    return begin + int(np.argmax(openness[begin:last]))


def _smoothed(values: Floats) -> Floats:
    padded = np.pad(values, _PAUSE_TICKS // 2, mode="edge")
    smoothed: Floats = np.convolve(padded, np.full(_PAUSE_TICKS, 1 / _PAUSE_TICKS, np.float32), mode="valid")
    return smoothed.astype(np.float32)
