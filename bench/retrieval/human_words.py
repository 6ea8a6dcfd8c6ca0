"""A stand-in for the recogniser: the words a person wrote down, where the engine would recognise them.

Everything else stays the product's: decoding, segments, sentences, vectors, store and search. So the difference to an
ordinary run is what the recogniser costs. The words of a turn are spread evenly over it, up to where the next begins;
a turn without a mark at its end gets a full stop, since a turn of a call ends a sentence.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from retrieval.passages import LongSet, Turn

from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.workers.pool import WorkerPool

RECOGNISE, DECODE = "recognise", "decode"
STOPS = (".", "!", "?", ",", ";", ":")


@contextmanager
def human_words(long_set: LongSet) -> Iterator[None]:
    """While it lasts, engines of this process answer with the written words of the set's recordings."""
    words = {
        _digest(long_set.folder / recording.path): timed_words(long_set.turns_of(recording.path))
        for recording in long_set.recordings
    }
    recognised = WorkerPool.run
    WorkerPool.run = _run_with(words, recognised)  # type: ignore[method-assign]
    try:
        yield
    finally:
        WorkerPool.run = recognised  # type: ignore[method-assign]


def timed_words(turns: Sequence[Turn]) -> tuple[Word, ...]:
    """The words of turns, in order; none overlaps another."""
    words: list[Word] = []
    for turn, following in zip_longest(turns, turns[1:]):
        texts = turn.text.split()
        end_sec = min(turn.end_sec, following.start_sec) if following else turn.end_sec
        step_sec = max(end_sec - turn.start_sec, 0.01) / len(texts)
        if not texts[-1].endswith(STOPS):
            texts[-1] += "."
        words += [
            Word(text, turn.start_sec + at * step_sec, turn.start_sec + (at + 1) * step_sec)
            for at, text in enumerate(texts)
        ]
    return tuple(words)


def _run_with(words: Mapping[str, tuple[Word, ...]], recognised: Any) -> Any:
    # The first batch of a recording is answered with all of its words, the others with none: which batch a word
    # belongs to is the plan's business, and voice activity must not lose a word that somebody wrote down.
    unanswered: dict[str, tuple[Word, ...]] = {}

    async def run(pool: WorkerPool, job: str, /, *args: Any, **options: Any) -> Any:
        if job == DECODE:
            source, scratch = Path(getattr(args[0], "path", args[0])), Path(args[1]).parent
            unanswered[str(scratch)] = words.get(_digest(source), ())
        if job == RECOGNISE:
            return Recognition(unanswered.pop(str(args[0]), ()))
        return await recognised(pool, job, *args, **options)

    return run


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
