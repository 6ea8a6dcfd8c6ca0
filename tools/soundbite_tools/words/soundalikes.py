"""Names matched by sound: words of a transcript that may be misheard and sound like a name that was taught."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import is_hardly_understood
from soundbite_tools.words.pronunciation import begins_alike, nearness, readings
from soundbite_tools.words.terms import UNKNOWN_WEIGHT, term_of, weight_of
from soundbite_tools.words.timed_words import Passage, letters, timed_words

if TYPE_CHECKING:
    from soundbite_store import StoredTranscript, TimedText
    from soundbite_tools.words.glossary import Name

# A word that is likelier than this is under no doubt. Names are often misheard as words that are likelier than half.
MOST_PROBABLE = 0.8
# And one that is likelier than this is no part of a name, but for those that are words of it.
_SURE = 0.9
_NEVER = 2.0
_SAME = 1e-9
# How near in sound words must be to a name: the more, the likelier they are, the commoner in English, and the less
# sound the name has. Chosen on one half of the recordings (bench/retrieval/glossary.py), which reads the other.
LEAST_NEAR, _BY_PROBABILITY, _BY_COMMONNESS, _BY_SHORTNESS = 0.57, 0.2, 0.3, 0.3
_ENOUGH_SOUND = 4.0
# The first sound is seldom misheard for a very different one.
_BY_BEGINNING = 0.1
# Words beside some of the name's own ("Shirley Hinton" for Cherry Hinton) are no common ones in their place.
_ANCHORED_COMMONNESS = 0.5
_LEAST_ANCHOR = 3
# Words on both sides of a pause are not one name.
_LONGEST_PAUSE_SEC = 1.0
_END = re.compile(r"[.!?…][\"'”’)]*$")  # noqa: RUF001 - marks of books are meant
_MARKS = re.compile(r"^([^\w]*)(.*?)([^\w]*)$", re.DOTALL)
_POSSESSIVE = re.compile(r"['’]s$")  # noqa: RUF001 - the apostrophe of books is meant


@dataclass(frozen=True)
class NewName:
    """Words of a transcript that sound like a name."""

    passage: Passage
    name: str
    text: str
    """What is to be written there: the name, with the marks around the words."""
    nearness: float
    """In sound, 0 to 1 (the same)."""
    is_listed: bool = False
    """Whether the glossary says that the name is heard as these very words."""


def matches(transcript: StoredTranscript, names: Sequence[Name]) -> list[NewName]:
    """Return where words are to give way to names, none over another, in order of time."""
    words = timed_words(transcript)
    is_foreign = is_hardly_understood(words)
    sought = _Sought(names)
    there = [
        match
        for passage in _passages(words, sought)
        if (match := sought.listed(passage) or (None if is_foreign else sought.likest(passage)))
    ]
    taken: set[int] = set()
    best = []
    for match in sorted(there, key=lambda one: (not one.is_listed, -one.nearness, len(one.passage.words))):
        places = range(match.passage.first, match.passage.last)
        if taken.isdisjoint(places):
            taken.update(places)
            best.append(match)
    return sorted(best, key=lambda one: one.passage.first)


def _passages(words: Sequence[TimedText], sought: _Sought) -> Iterator[Passage]:
    """The words, and words in a row, that may stand for a name; none of them belongs to one that is written there."""
    bare = [letters(word.value) for word in words]
    written = {
        place
        for first in range(len(words))
        for last in range(first + 1, min(len(words), first + sought.most_words) + 1)
        if "".join(bare[first:last]) in sought.names and not _is_apart(words[first:last], sought)
        for place in range(first, last)
    }
    for first in range(len(words)):
        for last in range(first, min(len(words), first + sought.most_words)):
            is_after_pause = last > first and _is_border(words[last - 1], words[last])
            is_sure = words[last].probability > _SURE and bare[last] not in sought.parts
            if last in written or is_after_pause or is_sure:
                break
            yield Passage(first, last + 1, tuple(words[first : last + 1]))


def _is_border(word: TimedText, following: TimedText) -> bool:
    """Whether no name goes on from one word to the next: a pause or the end of a sentence is between them."""
    is_end = bool(_END.search(word.value)) and len(letters(word.value)) > 1
    return is_end or following.start_sec - word.end_sec > _LONGEST_PAUSE_SEC


def _is_apart(words: Sequence[TimedText], sought: _Sought) -> bool:
    """Whether a name stands there in more words than it has ("new gate"), under doubt or as the glossary has it."""
    bare = "".join(letters(word.value) for word in words)
    is_doubtful = min(word.probability for word in words) <= MOST_PROBABLE
    return (is_doubtful or bare in sought.heard_as) and len(words) > len(sought.names[bare].text.split())


class _Sought:
    """The names of a glossary, as passages are compared with them."""

    def __init__(self, names: Sequence[Name]) -> None:
        self.names = {letters(name.text): name for name in names}
        self.heard_as = {letters(text): name for name in names for text in name.heard_as}
        heard_as = {letters(word) for name in names for text in name.heard_as for word in text.split()}
        self.parts = frozenset().union(heard_as, *(name.parts for name in names))
        self.most_words = max((name.most_words for name in names), default=0)

    def listed(self, passage: Passage) -> NewName | None:
        """The name that the glossary says is heard as these very words."""
        before, plain, after = _parts(passage.text)
        name = self.heard_as.get(letters(plain))
        if name is None:
            return None
        return NewName(passage, name.text, f"{before}{name.text}{after}", 1.0, is_listed=True)

    def likest(self, passage: Passage) -> NewName | None:
        """The name that these words sound most like, if that is enough for how doubtful they are."""
        before, plain, after = _parts(passage.text)
        if not letters(plain) or min(word.probability for word in passage.words) > MOST_PROBABLE:
            return None
        best: NewName | None = None
        for name in self.names.values():
            if len(passage.words) > name.most_words:
                continue
            least = best.nearness + _SAME if best else LEAST_NEAR
            if not _nearness(plain, name, least):  # far quicker than what follows, and true of nearly all
                continue
            least = max(least, _least_near(passage.words, name))
            if least <= 1.0 and (near := _nearness(plain, name, least)):
                best = NewName(passage, name.text, f"{before}{name.text}{after}", near)
        return best


def bare_name(text: str) -> str:
    """Return a text without the marks around it and the s of a possessive."""
    return _parts(text)[1]


def in_marks_of(old: str, named: str, text: str) -> str:
    """Return a text with the marks around the words it takes the place of, unless it has some or they were named."""
    before, _, after = _marks(old)
    named_before, _, named_after = _marks(named)
    own_before, plain, own_after = _marks(text)
    if not plain:
        return text
    return f"{own_before or (not named_before and before) or ''}{plain}{own_after or (not named_after and after) or ''}"


def _marks(text: str) -> tuple[str, str, str]:
    """The marks before words, the words, and the marks after them."""
    match = _MARKS.match(text)
    assert match is not None
    before, plain, after = match.groups()
    return before, plain, after


def _parts(text: str) -> tuple[str, str, str]:
    """The marks before words, the words, and what follows them: marks, and the s of a possessive."""
    before, plain, after = _marks(text)
    if possessive := _POSSESSIVE.search(plain):
        return before, plain[: possessive.start()], possessive.group() + after
    return before, plain, after


def _nearness(text: str, name: Name, least: float) -> float:
    """How near a text is to a name; one that begins otherwise has to be nearer than `least`."""
    return max(
        (
            nearness(one, other, least if begins_alike(one, other) else least + _BY_BEGINNING)
            for one in readings(text)
            for other in name.readings
        ),
        default=0.0,
    )


def _are_numbers(words: Sequence[TimedText]) -> bool:
    return all(letters(word.value).isdigit() for word in words)


def _least_near(words: Sequence[TimedText], name: Name) -> float:
    """How near in sound these words must be to a name to give way to it; over 1 where they never do."""
    if "".join(letters(word.value) for word in words) == letters(name.text):
        return 0.0
    others = [word for word in words if letters(word.value) not in name.parts]
    probabilities = [word.probability for word in others]
    if not others or min(probabilities) > MOST_PROBABLE or max(probabilities) > _SURE:
        return _NEVER
    if _are_numbers(others) and not any(character.isdigit() for character in name.text):
        return _NEVER
    rarest = max(weight_of(term_of(letters(word.value))) for word in others)
    commonness = 1.0 - rarest / UNKNOWN_WEIGHT
    if any(len(bare) >= _LEAST_ANCHOR and bare in name.parts for bare in (letters(word.value) for word in words)):
        commonness = min(commonness, _ANCHORED_COMMONNESS)
    return (
        LEAST_NEAR
        + _BY_PROBABILITY * sum(probabilities) / len(probabilities)
        + _BY_COMMONNESS * commonness
        + _BY_SHORTNESS * max(0.0, 1.0 - name.weight / _ENOUGH_SOUND)
    )
