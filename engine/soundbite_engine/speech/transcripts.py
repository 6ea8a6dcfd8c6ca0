"""What was said: words with times, and the sentences they make."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SENTENCE_PAUSE_SEC = 0.55
SENTENCE_MAX_WORDS = 40
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001 - full-width marks are meant

# Without those that are common words too (may, march, august, polish).
_NAMES = """
    i i'm i'd i'll i've monday tuesday wednesday thursday friday saturday sunday january february april june july
    september october november december christmas easter english french german spanish italian russian chinese japanese
    american british european african indian canadian australian america england britain france germany spain italy
    russia japan india canada australia africa europe asia london paris berlin york chicago washington california
    mr mrs dr
"""
_ALWAYS_CAPITAL = {word: word[:1].upper() + word[1:] for word in _NAMES.split()}


@dataclass(frozen=True)
class Word:
    """One word as it was heard, times in seconds of the source; the base recogniser writes lower case, no marks."""

    value: str
    start_sec: float
    end_sec: float


@dataclass(frozen=True)
class Sentence:
    """Words between two pauses or up to a recogniser's own full stop, with a capital and a full stop."""

    value: str
    start_sec: float
    end_sec: float


@dataclass(frozen=True)
class Transcript:
    """What was said, in order of time."""

    words: tuple[Word, ...]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        return " ".join(sentence.value for sentence in self.sentences)


def sentences(words: Sequence[Word]) -> tuple[Sentence, ...]:
    """`words` split at pauses of `SENTENCE_PAUSE_SEC`, and after `SENTENCE_MAX_WORDS` without one."""
    found: list[Sentence] = []
    current: list[Word] = []
    for word in words:
        is_pause = bool(current) and word.start_sec - current[-1].end_sec >= SENTENCE_PAUSE_SEC
        is_ended = bool(current) and current[-1].value.endswith(_SENTENCE_ENDS)
        if is_pause or is_ended or len(current) >= SENTENCE_MAX_WORDS:
            found.append(_sentence(current))
            current = []
        current.append(word)
    if current:
        found.append(_sentence(current))
    return tuple(found)


def _sentence(words: Sequence[Word]) -> Sentence:
    text = " ".join(_cased(word.value) for word in words)
    stop = "" if text.endswith(_SENTENCE_ENDS) else "."
    return Sentence(f"{text[:1].upper()}{text[1:]}{stop}", words[0].start_sec, words[-1].end_sec)


def _cased(word: str) -> str:
    """`word` with the capital that it has anywhere in a sentence; "monday's" is cased as "monday" is."""
    stem, mark, ending = word.partition("'s")
    return f"{_ALWAYS_CAPITAL[stem]}{mark}{ending}" if stem in _ALWAYS_CAPITAL else _ALWAYS_CAPITAL.get(word, word)


def transcript(words: Sequence[Word]) -> Transcript:
    """The transcript of `words`, in order of time."""
    ordered = tuple(sorted(words, key=lambda word: (word.start_sec, word.end_sec)))
    return Transcript(ordered, sentences(ordered))


def texts_between(said: Transcript, spans: Iterable[tuple[float, float]]) -> list[str]:
    """For each span in seconds, the sentences of the words whose middle lies in it; empty without any."""
    middles = [(word.start_sec + word.end_sec) / 2 for word in said.words]  # once: four hours are 36,000 words
    inside = (said.words[bisect_left(middles, start) : bisect_left(middles, end)] for start, end in spans)
    return [" ".join(sentence.value for sentence in sentences(words)) for words in inside]
