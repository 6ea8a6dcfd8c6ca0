"""What an analysis answers: items of all options and scopes; and a long recording part by part, each with its record.

What a part gives is what an analysis in one go would give for the same stretch: sentences that later words may still
change, and the clips before them, whose vectors hold words of their neighbours, are left to the next part. A record
holds the blocks of its clips; items are vectors joined of blocks, and what is said in each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, chain, repeat

import numpy as np
from pydantic import TypeAdapter

from soundbite_engine.sound.sound_blocks import BLOCKS, Described, Floats, joined
from soundbite_engine.speech.recognition import words_of
from soundbite_engine.speech.transcripts import (
    Recognition,
    Sentence,
    Transcript,
    Word,
    clip_runs,
    sayings,
    sentence_runs,
    transcript,
)
from soundbite_engine.speech.turns import Turn, with_speakers
from soundbite_engine.text import AROUND_SEC
from soundbite_engine.workers.plans import (
    FIRST_PARTS_SEC,
    PART_SPEECH_SEC,
    SAMPLE_RATE_HZ,
    TICK_SEC,
    Passage,
    Segment,
    Span,
)

# The change of speakers near the end of what is known may still move.
_UNSURE_SEC = 2.0
_NO_WORDS = Transcript((), ())


def part_passages(passages: Sequence[Passage]) -> list[tuple[Passage, ...]]:
    """The passages of each part: the first parts are short, the others hold about `PART_SPEECH_SEC` of speech."""
    parts: list[tuple[Passage, ...]] = [()]
    sizes = chain(FIRST_PARTS_SEC, repeat(PART_SPEECH_SEC))
    room = next(sizes)
    for passage in passages:
        if room <= 0.0:
            parts.append(())
            room = next(sizes)
        parts[-1] = (*parts[-1], passage)
        room -= sum(last - first for first, last in passage) / SAMPLE_RATE_HZ
    return parts


@dataclass(frozen=True)
class PartFacts:
    """What is known of a part besides its vectors: what it was made of, its segments with their words, its transcript.

    `until_sec` is the time of the source up to which all parts so far have their segments.
    """

    passages: tuple[Passage, ...]
    recognition: Recognition
    segments: tuple[Segment, ...]
    sayings: tuple[Sentence, ...]
    transcript: Transcript
    until_sec: float
    names: tuple[tuple[str, ...], ...] | None = None
    """Of the sounds heard in each segment."""
    is_provisional: bool = False
    """Whether it was made before it was known who speaks: it gives way to the next part, which begins anew."""

    @classmethod
    def of_json(cls, text: str) -> PartFacts:
        return _facts_form().validate_json(text)

    def to_json(self) -> str:
        return _facts_form().dump_json(self).decode()


@cache
def _facts_form() -> TypeAdapter[PartFacts]:
    return TypeAdapter(PartFacts)


@dataclass(frozen=True, eq=False)
class Part:
    """A part that is done: `number` counts from 1, the blocks (segments, block) are None where not asked for."""

    number: int
    facts: PartFacts
    sound_blocks: Floats | None
    speech_blocks: Floats | None

    @property
    def sounds(self) -> Described | None:
        """How its segments sound."""
        if self.sound_blocks is None:
            return None
        return Described(self.sound_blocks, self.facts.names or ((),) * len(self.facts.segments))


@dataclass(frozen=True)
class PartRecords:
    """The parts of an analysis that an interrupted one has kept, in order, and what keeps another."""

    earlier: Sequence[Part]
    keep: Callable[[Part], Awaitable[None]]

    @property
    def has_provisional(self) -> bool:
        """Whether the first of them gives way to the second."""
        return bool(self.earlier) and self.earlier[0].facts.is_provisional

    def of_number(self, number: int, passages: Sequence[Passage]) -> Part | None:
        """The part kept under a number, if it is of these passages."""
        part = self.earlier[number - 1] if number <= len(self.earlier) else None
        return part if part and part.number == number and part.facts.passages == tuple(passages) else None


@dataclass(frozen=True)
class Cut:
    """What is to be cut into segments next: `clips`, of which the last only follows unless it `is_last`."""

    clips: tuple[Span, ...]
    begin_tick: int
    is_last: bool


@dataclass(frozen=True)
class Settled:
    """Segments that are final, what is said in them, and in those before and after that their vectors hold."""

    segments: tuple[Segment, ...]
    sayings: tuple[Sentence, ...]
    before: tuple[Sentence, ...]
    after: tuple[Sentence, ...]
    transcript: Transcript
    until_sec: float
    """Where the first segment that is not final begins, as far as that is known."""

    @property
    def surrounded(self) -> list[Sentence]:
        """The sayings with those before and after."""
        return [*self.before, *self.sayings, *self.after]

    def own(self, blocks: Floats) -> Floats:
        """The rows of the sayings, of those of all that surround them."""
        first = len(self.before)
        return blocks[first : first + len(self.sayings)]


@dataclass
class Settling:
    """Takes the words of a recording part by part and gives out what the words to come can't change.

    `start_sec` is where the recording's window begins; `language` the recogniser's only one, or empty.
    """

    start_sec: float
    language: str
    turns: Sequence[Turn] = ()
    _recognition: Recognition = field(default_factory=Recognition)
    _words: tuple[Word, ...] = ()
    _settled: int = 0
    """So many words are in clips that are final."""
    _told: int = 0
    """So many words were given out."""
    _begin_tick: int = 0
    _waiting: tuple[Segment, ...] = ()
    _before: tuple[Sentence, ...] = ()
    _until_sec: float = 0.0

    def __post_init__(self) -> None:
        self._until_sec = self.start_sec

    def take(self, recognition: Recognition, *, is_last: bool) -> Cut:
        """What can be cut, now that these words are known as well."""
        self._recognition = Recognition.joined([self._recognition, recognition])
        self._words = transcript(with_speakers(words_of(self._recognition, self.language), self.turns)).words
        fresh = self._words[self._settled :]
        count = len(fresh) if is_last else _settled_words(_sure_words(fresh))
        self._settled += count
        clips = [(run[0].start_sec, run[-1].end_sec) for run in clip_runs(fresh[:count])]
        if not is_last and count:
            clips.append((fresh[count].start_sec, fresh[count].end_sec))
        return Cut(tuple(clips), self._begin_tick, is_last)

    def settle(self, segments: Sequence[Segment], *, is_last: bool) -> Settled:
        """What is final of the segments cut since, and of those that waited for what follows them."""
        if segments:
            self._begin_tick = round((segments[-1].end_sec - self.start_sec) / TICK_SEC)
        known = (*self._waiting, *segments)
        spoken = sayings(Transcript(self._words, ()), [(one.start_sec, one.end_sec) for one in known])
        with_words = [at for at, saying in enumerate(spoken) if _has_words(saying)]
        open_from_sec = spoken[with_words[-1]].end_sec - AROUND_SEC if with_words else 0.0
        may_change = (at for at in with_words if at == with_words[-1] or spoken[at].end_sec >= open_from_sec)
        count = next(may_change, len(known)) if not is_last else len(known)
        self._waiting = known[count:]
        if known:
            self._until_sec = self._waiting[0].start_sec if self._waiting else known[-1].end_sec
        before, inside = self._before, [spoken[at] for at in with_words if at < count]
        self._before = _last_of([*before, *inside])
        told, self._told = self._told, self._settled
        words = self._words[told : self._settled]
        return Settled(
            known[:count],
            tuple(spoken[:count]),
            before,
            tuple(spoken[at] for at in with_words if at >= count),
            transcript(words) if words else _NO_WORDS,
            self._until_sec,
        )


def _sure_words(words: Sequence[Word]) -> Sequence[Word]:
    """Those whose speaker later words can't change."""
    return [word for word in words if word.end_sec < words[-1].end_sec - _UNSURE_SEC]


def _settled_words(words: Sequence[Word]) -> int:
    """How many of `words` make sentences and clips that words to come can't change."""
    *sentences, last = [0, *accumulate(len(run) for run in sentence_runs(words)[:-1])]
    clips = set(accumulate(len(run) for run in clip_runs(words)))
    # The first lines of the last sentence, which goes on, may still join the clip before it.
    return max((at for at in sentences if at in clips and at < last), default=0)


def _has_words(saying: Sentence) -> bool:
    return any(character.isalnum() for character in saying.value)


def _last_of(sayings: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """Those at the end that the vectors of what follows may hold."""
    return tuple(one for one in sayings if one is sayings[-1] or one.start_sec >= sayings[-1].start_sec - AROUND_SEC)


def joined_blocks(blocks: Sequence[Floats | None]) -> Floats | None:
    """The blocks of parts as one table; None where there are none."""
    given = [rows for rows in blocks if rows is not None and len(rows)]
    return np.concatenate(given) if given else None


@dataclass(frozen=True, eq=False)
class Embedding:
    """A vector (float32, unit length) of a span of the source, and the words said in it.

    `probability` is the mean of the words', `language` that of most of them, empty where it is not known.
    """

    vector: Floats
    option: str
    scope: str
    start_sec: float
    end_sec: float
    transcript: str
    sounds: tuple[str, ...] = ()
    """Names of what is heard in it."""
    probability: float = 1.0
    language: str = ""


def embeddings(
    segments: Sequence[Segment],
    sayings: Sequence[Sentence],
    whole_saying: Sentence,
    heard: Described | None,
    speech: Floats | None,
    options: Sequence[str],
    scopes: Sequence[str],
    blocks: Mapping[str, int] = BLOCKS,
) -> tuple[Embedding, ...]:
    """The items of all `options` and `scopes`, from blocks by segment (None where not asked for).

    `sayings` are what is said in each segment, `whole_saying` what is said in all.

    A segment without words has no `transcription` item, and its `fused` vector is its sound alone.
    """
    items: list[Embedding] = []
    if "clip" in scopes:
        for option in options:
            items.extend(_items(segments, sayings, heard, _vectors(option, heard, speech, blocks), option, "clip"))
    if "asset" in scopes:
        seconds = np.array([segment.seconds for segment in segments], np.float32)
        words = np.array([len(saying.value.split()) for saying in sayings], np.float32)
        whole = Segment(segments[0].start_sec, segments[-1].end_sec, "window")
        heard_all = heard.as_one(seconds) if heard is not None else None
        speech_mean = (words @ speech)[None] if speech is not None else None
        for option in options:
            vectors = _vectors(option, heard_all, speech_mean, blocks)
            items.extend(_items([whole], [whole_saying], heard_all, vectors, option, "asset"))
    return tuple(items)


def _vectors(option: str, heard: Described | None, speech: Floats | None, blocks: Mapping[str, int]) -> Floats:
    sound = heard.blocks if heard is not None and option in ("audio", "fused") else None
    return joined(sound, speech if option in ("transcription", "fused") else None, blocks)


def _items(
    segments: Sequence[Segment],
    sayings: Sequence[Sentence],
    heard: Described | None,
    vectors: Floats,
    option: str,
    scope: str,
) -> Iterator[Embedding]:
    names = heard.names if heard is not None else ((),) * len(segments)
    for segment, saying, sounds, vector in zip(segments, sayings, names, vectors, strict=True):
        if option != "transcription" or vector.any():
            times = segment.start_sec, segment.end_sec
            yield Embedding(vector, option, scope, *times, saying.value, sounds, saying.probability, saying.language)
