"""People in a question: whose words it asks for ("what did Ann say about the budget?")."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from soundbite_tools.search.words import COMMON_WORDS
from soundbite_tools.text import folded, person_name, speaker_label

_WORD = re.compile(r"[^\W_]+")
_CAPITALISED = re.compile(r"\b[^\W\d_a-z][^\W\d_]*(?: [^\W\d_a-z][^\W\d_]*)*")
_SAYING = frozenset(
    _WORD.findall(
        """say says said saying tell tells told telling think thinks thought thinking mention mentions mentioned believe
    believes believed feel feels felt suggest suggests suggested propose proposes proposed recommend recommends
    recommended ask asks asked asking answer answers answered reply replies replied explain explains explained talk
    talks talked talking speak speaks spoke speaking discuss discusses discussed argue argues argued claim claims
    claimed promise promises promised report reports reported describe describes described announce announces announced
    warn warns warned complain complains complained admit admits admitted object objects objected comment comments
    commented agree agrees agreed disagree disagrees disagreed state states stated"""
    )
)
_STATEMENTS = frozenset(
    _WORD.findall(
        """opinion opinions view views idea ideas thoughts answer answers reply replies suggestion suggestions proposal
    proposals argument arguments comment comments words question questions explanation report statement statements
    remarks attitude advice position recommendation recommendations"""
    )
)
_TITLES = frozenset(_WORD.findall("mr mrs ms miss dr doctor prof professor sir madam the"))
# "the project said" does not ask for the words of Project Manager.
_ARTICLES = frozenset(_WORD.findall("a an the our my your his her their this that"))
# What may stand between a name and its verb, with adverbs in -ly; behind another word somebody else speaks.
_BETWEEN = frozenset(
    _WORD.findall(
        """did do does has have had will would can could shall should may might must and or both also always actually
    already again all ever even first finally just later never not often once only so still then usually"""
    )
)
_NO_NAMES = COMMON_WORDS | frozenset(_WORD.findall("somebody anybody nobody everybody anyone everyone nothing"))
_BEING = frozenset(_WORD.findall("is are was were be been being get gets got"))
_WORDS_BETWEEN = 3


@dataclass(frozen=True)
class WordsOf:
    """Whose words a question asks for, as filters name them, and the question without their names."""

    people: tuple[str, ...]
    question: str


class _Place(NamedTuple):
    """Where a name stands in the words of a question."""

    people: tuple[str, ...]
    first: int
    end: int
    is_whole: bool


def asks_for_words_of_somebody(question: str) -> bool:
    """Return whether a question, in English, asks for what somebody says or thinks, by name or not."""
    words = set(_WORD.findall(folded(question)))
    return not (_SAYING.isdisjoint(words) and _STATEMENTS.isdisjoint(words)) or "according" in words


def words_of(question: str, speakers: Iterable[str]) -> WordsOf | None:
    """Return whose words a question asks for, of these names and numbers of speakers; None where of nobody's.

    A part of a name is enough, whatever its case and accents: all who are called so are meant. One word that also
    builds sentences ("will", "may") is a name where it is capitalised inside the question.
    """
    matches = list(_WORD.finditer(question))
    words = [folded(match.group()) for match in matches]
    places = [
        place
        for place in _places(words, _names(speakers))
        if place.end - place.first > 1
        or words[place.first] not in _NO_NAMES
        or (place.first and matches[place.first].group().istitle())
    ]
    named = {at for place in places for at in range(place.first, place.end)}
    asked = [place for place in places if _is_asked_for(words, place, named)]
    if not asked:
        return None
    text = question
    for place in reversed(asked):
        is_owner = words[place.end : place.end + 1] == ["s"]
        end = matches[place.end if is_owner else place.end - 1].end()
        text = text[: matches[place.first].start()] + ("their" if is_owner else "they") + text[end:]
    return WordsOf(tuple(dict.fromkeys(name for place in asked for name in place.people)), text)


def unknown_speaker(question: str) -> str:
    """Return the name, written with capitals inside a question, of the one whose words it asks for; empty if none."""
    runs = (match.group() for match in _CAPITALISED.finditer(question) if match.start())
    return next((run for run in runs if folded(run) not in _NO_NAMES and words_of(question, [run])), "")


def _names(speakers: Iterable[str]) -> dict[tuple[str, ...], tuple[bool, list[str]]]:
    """By the words of a name, its first or its last ones: whether it is the whole name, and who are called so."""
    names: dict[tuple[str, ...], tuple[bool, list[str]]] = {}
    for speaker in dict.fromkeys(speakers):
        is_named = bool(person_name("", speaker))
        whole = tuple(_WORD.findall(folded(speaker_label(speaker))))
        cuts = [part for at in range(1, len(whole)) for part in (whole[:at], whole[at:])] if is_named else []
        parts = [part for part in cuts if len(part) > 1 or _TITLES.isdisjoint(part)]
        for words in dict.fromkeys([whole, *parts] if whole else []):
            is_whole, called = names.get(words, (False, []))
            names[words] = is_whole or words == whole, [*called, speaker]
    return names


def _places(words: Sequence[str], names: dict[tuple[str, ...], tuple[bool, list[str]]]) -> Iterator[_Place]:
    longest = max(map(len, names), default=0)
    at = 0
    while at < len(words):
        ends = range(min(at + longest, len(words)), at, -1)
        end = next((end for end in ends if tuple(words[at:end]) in names), 0)
        if end:
            is_whole, called = names[tuple(words[at:end])]
            yield _Place(tuple(called), at, end, is_whole)
        at = max(end, at + 1)


def _is_asked_for(words: Sequence[str], place: _Place, named: Collection[int]) -> bool:
    """Whether a question asks for the words of who stands at a place; `named` are the places of words in names."""
    before, after = words[: place.first], words[place.end :]
    if not place.is_whole and place.end - place.first == 1 and before and before[-1] in _ARTICLES:
        return False
    if before and before[-1] == "the":
        before = before[:-1]
    if after[:1] == ["s"]:
        return not _STATEMENTS.isdisjoint(after[1 : _WORDS_BETWEEN + 1])
    if _speaks(words, place, named):
        return True
    if before[-2:] == ["according", "to"]:
        return True
    if len(before) > 1 and before[-1] == "of" and before[-2] in _STATEMENTS:
        # "the report of May" is that of a month.
        return place.end - place.first > 1 or words[place.first] not in _NO_NAMES
    return len(before) > 1 and before[-1] == "by" and before[-2] in _SAYING


def _speaks(words: Sequence[str], place: _Place, named: Collection[int]) -> bool:
    """Whether the next verb is one of saying and nobody else's: between may be auxiliaries, adverbs and other names."""
    is_passive = not _BEING.isdisjoint(words[max(place.first - 1, 0) : place.first])
    between = 0
    for at in range(place.end, len(words)):
        word = words[at]
        if word in _SAYING:
            return not is_passive or word.endswith("ing")
        is_passive = is_passive or word in _BEING
        if at in named or word in _BEING:
            continue
        between += 1
        if between > _WORDS_BETWEEN or not (word in _BETWEEN or word.endswith("ly")):
            return False
    return False
