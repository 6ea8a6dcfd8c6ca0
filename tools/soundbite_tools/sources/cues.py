"""Cues that lie over each other, put one after the other; and rolling captions without the words that they repeat."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from soundbite_store import TimedText

_QUICKEST = 25.0
"""Characters a second that somebody may say."""
_SHORTEST_SEC = 0.05
_LEAST_ROLLING = 2


def one_after_the_other(sentences: Sequence[TimedText]) -> list[TimedText]:
    """Return sentences in order of their start with times that do not overlap, so that each one's words stay together.

    A sentence ends where the next begins, if it can be said until then; those that can't share their time by length.
    """
    texts = _without_repeats(sorted(sentences, key=lambda one: (one.start_sec, one.end_sec)))
    starts = [one.start_sec for one in texts]
    lengths = [0, *accumulate(len(one.value) + 1 for one in texts)]
    ends = list(accumulate((one.end_sec for one in texts), max))
    placed, at = list[TimedText](), 0.0
    for number, one in enumerate(texts):
        start_sec, end_sec = max(at, one.start_sec), one.end_sec
        if at > one.start_sec:
            end_sec = max(end_sec, ends[number - 1])
            end_sec = end_sec if end_sec > start_sec else start_sec + _SHORTEST_SEC
        if number + 1 < len(texts) and starts[number + 1] < end_sec:
            next_sec = starts[number + 1]
            if next_sec - start_sec >= len(one.value) / _QUICKEST:
                end_sec = next_sec
            else:
                last = bisect_left(starts, end_sec, number + 1)
                share = (lengths[number + 1] - lengths[number]) / (lengths[last] - lengths[number])
                shared_sec = start_sec + share * (max(end_sec, ends[last - 1]) - start_sec)
                end_sec = max(next_sec, min(end_sec, shared_sec))
        at = round(end_sec, 3)
        placed.append(replace(one, start_sec=round(start_sec, 3), end_sec=at))
    return placed


def _without_repeats(sentences: Sequence[TimedText]) -> list[TimedText]:
    """The sentences; of captions that roll, where most begin with the end of the one before, what is new in each."""
    words = [one.value.split() for one in sentences]
    again = [_repeated(*both, *values) for both, values in zip(pairwise(sentences), pairwise(words), strict=True)]
    partly = sum(0 < count < len(values) for count, values in zip(again, words[1:], strict=True))
    if partly < _LEAST_ROLLING or 2 * sum(map(bool, again)) <= len(again):
        return list(sentences)
    fresh = (values[count:] for count, values in zip([0, *again], words, strict=True))
    return [replace(one, value=" ".join(values)) for one, values in zip(sentences, fresh, strict=True) if values]


def _repeated(before: TimedText, after: TimedText, old: Sequence[str], new: Sequence[str]) -> int:
    """How many words at the begin of a sentence are those at the end of the one that is shown until then."""
    if before.speaker != after.speaker or after.start_sec > before.end_sec + _SHORTEST_SEC:
        return 0
    most = min(len(old), len(new))
    return next((count for count in range(most, 0, -1) if old[-count:] == new[:count]), 0)
