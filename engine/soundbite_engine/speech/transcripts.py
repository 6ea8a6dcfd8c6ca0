"""What is said in a recording: words with times, the sentences they make, and lines of a clip's length."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

# A pause that ends a sentence though no mark does; speakers hesitate for up to a second inside one.
TURN_PAUSE_SEC = 1.2
SENTENCE_MAX_WORDS = 60
# A clip of speech holds a sentence, or some short ones; longer ones are cut at a comma or a pause.
CLIP_SEC = 8.0

# Languages whose writing has no spaces between words.
UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

_ENDS = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001 - full-width marks are meant
_CLAUSE_ENDS = (",", ";", ":", "-", "–", "—", "、", "，")  # noqa: RUF001 - full-width marks are meant
_OPENING = "\"'([{«“‘"  # noqa: RUF001 - and the opening ones
_CLOSING = "\"')]}»”’"  # noqa: RUF001 - the closing quotation marks of several languages
# What a full stop behind never ends a sentence, and what it ends only in front of a capital.
_TITLE = re.compile(
    r"(?:[A-Za-z]|mr|mrs|ms|dr|st|prof|rev|gen|col|sgt|capt|lt|no|vs|vol|fig|approx|mt|e\.g|i\.e)\.", re.IGNORECASE
)
_ABBREVIATION = re.compile(r"(?:(?:[A-Za-z]\.)+[A-Za-z]|etc|jr|sr|inc|ltd|co|corp|ave|dept)\.", re.IGNORECASE)
# How much better a line may be cut after a mark of a clause, in seconds of pause that it is worth; and how much worse
# an uneven cut is than one into halves.
_CLAUSE_WORTH_SEC = 0.6
_UNEVEN_COST_SEC = 1.2
# A line is not begun or ended by a word or two if it can be helped.
_SHORTEST_PART = 0.2


class Timed(Protocol):
    """A word or more with its times, in seconds."""

    @property
    def value(self) -> str: ...
    @property
    def start_sec(self) -> float: ...
    @property
    def end_sec(self) -> float: ...
    @property
    def speaker(self) -> str: ...


TimedWord = TypeVar("TimedWord", bound=Timed)


@dataclass(frozen=True)
class Word:
    """One word as it was heard, with its marks: times in seconds of the source, how likely it is, and its language.

    `language` is the code of ISO 639-1, `speaker` a number in the recording; both are empty where they are not known.
    """

    value: str
    start_sec: float
    end_sec: float
    probability: float = 1.0
    language: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Recognition:
    """Words of some passages, and what tells a language that the recogniser does not know.

    `speech_sec` is how long someone surely speaks there; `doubt` the negative mean log-probability of all words, those
    refused included, times `doubted_words`, their number.
    """

    words: tuple[Word, ...] = ()
    speech_sec: float = 0.0
    doubt: float = 0.0
    doubted_words: int = 0

    @classmethod
    def joined(cls, parts: Sequence[Recognition]) -> Recognition:
        """All parts as one, in order."""
        return cls(
            tuple(word for part in parts for word in part.words),
            sum(part.speech_sec for part in parts),
            sum(part.doubt for part in parts),
            sum(part.doubted_words for part in parts),
        )


@dataclass(frozen=True)
class Sentence:
    """Words up to a full stop, a question mark, or the end of a turn; the probability is the mean of theirs.

    `speaker` is that of most of them.
    """

    value: str
    start_sec: float
    end_sec: float
    probability: float = 1.0
    language: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Transcript:
    """What is said, in order of time; `language` is that of most words."""

    words: tuple[Word, ...]
    sentences: tuple[Sentence, ...]
    language: str = ""

    @property
    def text(self) -> str:
        return " ".join(sentence.value for sentence in self.sentences)


def transcript(words: Sequence[Word]) -> Transcript:
    """The transcript of `words`, in order of time."""
    ordered = tuple(sorted(words, key=lambda word: (word.start_sec, word.end_sec)))
    return Transcript(ordered, tuple(_sentence(run) for run in sentence_runs(ordered)), language_of(ordered))


def language_of(words: Iterable[Word]) -> str:
    """The language of most of `words`, by their length in characters; empty without any."""
    characters: dict[str, int] = {}
    for word in words:
        if word.language:
            characters[word.language] = characters.get(word.language, 0) + len(word.value)
    return max(characters, key=lambda language: characters[language], default="")


def text_of(words: Sequence[Timed], language: str = "") -> str:
    """The words of one line, as they are written."""
    return ("" if language in UNSPACED_LANGUAGES else " ").join(word.value for word in words)


def sentence_runs(words: Sequence[TimedWord]) -> list[Sequence[TimedWord]]:
    """`words` in runs of a sentence each: up to a mark that ends one, a pause of `TURN_PAUSE_SEC`, or a new speaker."""
    runs: list[Sequence[TimedWord]] = []
    begin = 0
    for at in range(1, len(words) + 1):
        if at == len(words) or _is_border(words[at - 1], words[at]) or at - begin >= SENTENCE_MAX_WORDS:
            runs.append(words[begin:at])
            begin = at
    return runs


def lines(words: Sequence[TimedWord], longest_sec: float) -> list[Sequence[TimedWord]]:
    """`words` of one sentence in as few parts as fit, cut where a clause ends or the speaker pauses."""
    if len(words) < 2 or words[-1].end_sec - words[0].start_sec <= longest_sec:
        return [words]
    cut = max(range(1, len(words)), key=lambda at: _cut_worth(words, at))
    return [*lines(words[:cut], longest_sec), *lines(words[cut:], longest_sec)]


def clip_runs(words: Sequence[Word]) -> list[Sequence[Word]]:
    """`words` in runs of a clip each: sentences of up to `CLIP_SEC`, short ones that follow each other together."""
    runs: list[Sequence[Word]] = []
    begin = 0
    for part in (line for run in sentence_runs(words) for line in lines(run, CLIP_SEC)):
        previous = runs[-1] if runs else None
        if previous and _follows(previous, part):
            runs[-1] = words[begin : begin + len(previous) + len(part)]
        else:
            begin += len(previous) if previous else 0
            runs.append(part)
    return runs


def sayings(transcript: Transcript, spans: Iterable[tuple[float, float]]) -> list[Sentence]:
    """What is said in each span in seconds: the words whose middle lies in it, with the span's times."""
    middles = [(word.start_sec + word.end_sec) / 2 for word in transcript.words]  # once: four hours are 36,000 words
    sentences = []
    for start_sec, end_sec in spans:
        words = transcript.words[bisect_left(middles, start_sec) : bisect_left(middles, end_sec)]
        sentences.append(replace(_sentence(words), start_sec=start_sec, end_sec=end_sec))
    return sentences


def _sentence(words: Sequence[Word]) -> Sentence:
    if not words:
        return Sentence("", 0.0, 0.0)
    language = language_of(words)
    probability = round(sum(word.probability for word in words) / len(words), 3)
    text = text_of(words, language)
    return Sentence(text, words[0].start_sec, words[-1].end_sec, probability, language, _speaker_of(words))


def _speaker_of(words: Sequence[Word]) -> str:
    """The speaker of most of `words`, by the time that they take."""
    seconds: dict[str, float] = {}
    for word in words:
        seconds[word.speaker] = seconds.get(word.speaker, 0.0) + word.end_sec - word.start_sec
    return max(seconds, key=lambda speaker: seconds[speaker])


def _is_border(word: Timed, following: Timed) -> bool:
    if following.start_sec - word.end_sec >= TURN_PAUSE_SEC or following.speaker != word.speaker:
        return True
    return ends_sentence(word.value) and not (
        _ABBREVIATION.fullmatch(_bare(word.value)) and following.value[:1].islower()
    )


def ends_sentence(word: str) -> bool:
    """Whether a word ends with the mark of a sentence, and is no title such as "Mr."."""
    bare = _bare(word)
    return bare.endswith(_ENDS) and not _TITLE.fullmatch(bare)


def _bare(word: str) -> str:
    return word.rstrip(_CLOSING).lstrip(_OPENING)


def _cut_worth(words: Sequence[Timed], at: int) -> float:
    """How good it is to cut before word `at`."""
    pause_sec = max(0.0, words[at].start_sec - words[at - 1].end_sec)
    mark = _CLAUSE_WORTH_SEC if words[at - 1].value.endswith((*_CLAUSE_ENDS, *_ENDS)) else 0.0
    share = at / len(words)
    uneven = abs(share - 0.5) * 2 * _UNEVEN_COST_SEC * (0.5 if _SHORTEST_PART <= share <= 1 - _SHORTEST_PART else 1.0)
    return min(pause_sec, TURN_PAUSE_SEC) + mark - uneven


def _follows(words: Sequence[Word], part: Sequence[Word]) -> bool:
    """Whether `part` still belongs into the clip of `words`."""
    is_near = part[0].start_sec - words[-1].end_sec < TURN_PAUSE_SEC and part[0].speaker == words[-1].speaker
    return is_near and part[-1].end_sec - words[0].start_sec <= CLIP_SEC
