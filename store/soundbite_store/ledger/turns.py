"""Turns as spans of time: what a speaker says of a recording, whatever the speaker is called."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

Span = tuple[float, float]
"""From when to when, in seconds."""
# Sentences of one speaker that follow each other so soon are one turn.
_PAUSE_SEC = 1.0


def turns_of(texts: Iterable[tuple[float, float, str]]) -> dict[str, list[Span]]:
    """The turns of each speaker, in order, of texts as (start, end, speaker); those without a speaker are left out."""
    turns: dict[str, list[Span]] = defaultdict(list)
    for start_sec, end_sec, speaker in sorted(texts):
        if not speaker or end_sec <= start_sec:
            continue
        own = turns[speaker]
        if own and start_sec - own[-1][1] < _PAUSE_SEC:
            own[-1] = (own[-1][0], max(own[-1][1], end_sec))
        else:
            own.append((start_sec, end_sec))
    return dict(turns)


def length_of(spans: Iterable[Span]) -> float:
    """The seconds that spans take together."""
    return sum(end - start for start, end in spans)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch each other as one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return tuple(whole)


def is_touched(start_sec: float, end_sec: float, spans: Iterable[Span]) -> bool:
    """Whether any of the spans reaches into these times."""
    return any(start_sec < end and end_sec > start for start, end in spans)


def within(spans: Iterable[Span], bounds: Span) -> list[Span]:
    """What of the spans lies between two times."""
    cut = ((max(start, bounds[0]), min(end, bounds[1])) for start, end in spans)
    return [span for span in cut if span[0] < span[1]]


def overlap_of(one: Sequence[Span], other: Sequence[Span]) -> float:
    """The seconds that two lists of spans share, each in order and without overlaps of its own."""
    shared_sec, at = 0.0, 0
    for start, end in one:
        while at and other[at - 1][1] > start:
            at -= 1
        while at < len(other) and other[at][0] < end:
            shared_sec += max(0.0, min(end, other[at][1]) - max(start, other[at][0]))
            at += 1
    return shared_sec


def turns_in(body: bytes) -> dict[str, list[Span]]:
    """The turns of each speaker of a transcript as the ledger packs it."""
    packed = json.loads(zlib.decompress(body))
    rows = packed["sentences"] or packed["words"]
    return turns_of((start, end, speaker[0] if speaker else "") for _, start, end, *speaker in rows)


def speaker_seconds(body: bytes) -> str:
    """How long each speaker of a packed transcript speaks, and from when on: [[speaker, seconds, first_sec], ...]."""
    return json.dumps([[speaker, length_of(spans), spans[0][0]] for speaker, spans in turns_in(body).items()])
