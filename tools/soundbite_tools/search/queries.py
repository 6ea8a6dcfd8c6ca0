"""What is searched for: what a question is about, whose words and which kind of answer it wants, and its vectors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundbite_store import BadVector
from soundbite_tools.library import CurrentSpace, current_space
from soundbite_tools.search.calibration import knows_sound_names
from soundbite_tools.search.words import COMMON_WORDS, content_terms, names_plain_sounds, terms_of
from soundbite_tools.text import folded, person_name, speaker_label
from soundbite_tools.words.terms import NUMBER_WORDS

if TYPE_CHECKING:
    from soundbite_tools.library import Library

Vector = NDArray[np.float32]

SOUND, SPEECH = "sound", "speech"
Kind = Literal["number", "time"]
# "What did the manager think about the budget?" is about the budget: who speaks and that they speak is in every clip.
_DISCUSSION = re.compile(
    r"""\b(?:summari[sz]e|what|why|how|who|whom|which|did|do|does|was|were)\b .*?
    \b(?:discussions?|discuss|discussed|discussing|talk|talks|talked|talking|think|thinks|thought|said|say|says|feel|
    opinions?|ideas?|views?|mention|mentions|mentioned|believe|attitude|propose|proposed|suggest|suggested|recommend)\b
    (?:\s\w+)?? \s(?:about|of|on|towards?|for|regarding)\s+ (?P<topic>\S.*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# "Why did they cut the functions when discussing the design?": what is nearest to the clause is the rest of that
# discussion, and not the answer.
_OCCASION = re.compile(
    r""",?\s(?:when|while)\s (?:(?:they|we|you|people|the\s(?:team|group|members))\s)? (?:(?:were|was|had)\s)?
    (?:discuss(?:ing|ed) | (?:talk|speak)ing\s(?:about|of) | talked\s(?:about|of) | spoke\s(?:about|of) | debating
    | debated | presenting | presented | reflecting\son | considering | assessing)\s\S.*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# A question that keeps fewer words that tell something ("how did Ann react") is about what it was said of.
_LEAST_LEFT = 3
_WANTS_NUMBER = re.compile(
    r"""\bhow\ (?:many|much|long|old|far|big|large|tall|high|often)\b
    | \b(?:what|which)\ (?:number|amount|percentage|price|share|digits|code|year)\b
    | \bwhat\b.*\b(?:cost|costs|price|number)\b | \blicen[cs]e\ plate\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WANTS_TIME = re.compile(
    r"""^(?:by\ |since\ |until\ )?when\b | \b(?:at\ )?(?:what|which)\ (?:day|year|month|date|hour|time|week)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TIMES = frozenset(
    terms_of(
        """monday tuesday wednesday thursday friday saturday sunday january february march april june july august
        september october november december today tomorrow yesterday tonight morning afternoon evening noon midnight
        o'clock day days week weeks month months year years hour hours minute minutes second seconds"""
    )
)
_WORD = re.compile(r"[^\W_]+")
_BEFORE_PLACES = frozenset(("at", "in", "near", "on"))
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


@dataclass(frozen=True, eq=False)
class QueryVectors:
    """Unit vectors over the whole space, None where there is nothing to compare; `whole` is for fused embeddings."""

    current: CurrentSpace
    speech: Vector | None = None
    sound: Vector | None = None
    whole: Vector | None = None

    def only(self, modality: str) -> QueryVectors:
        """Return the vectors that a modality (any, speech, sound) leaves."""
        if modality == SPEECH:
            return replace(self, sound=None, whole=self.speech)
        if modality == SOUND:
            return replace(self, speech=None, whole=self.sound)
        return self


async def query_vectors(library: Library, text: str) -> QueryVectors:
    """Return the vectors of a text; the same text in the same space is embedded once.

    Raises:
        PlatformError, StoreError: it can't be embedded or looked up.
    """
    ledger = await library.ledger()
    current = await library.spaces.current()
    known = await ledger.get_query_vector(current.space.id, "text", text)
    if known is not None and len(known) == current.space.dimension:
        return _asked(known, current, text)
    answer = await library.client.embed_text(text)
    current = current_space(answer.space, len(answer.vector))
    library.spaces.seen(current)
    vector = np.asarray(answer.vector, dtype=np.float32)
    try:
        await ledger.put_query_vector(current.space.id, "text", text, vector)
    except BadVector:
        # No word of it means anything to the platform; the words themselves may still be found.
        return QueryVectors(current)
    return _asked(vector, current, text)


def _asked(vector: Vector, current: CurrentSpace, text: str) -> QueryVectors:
    vectors = split(vector, current)
    # A profile that knows no sounds by name compares "siren" with any tone, and a chainsaw would answer.
    is_named = knows_sound_names(current.space.id) or names_plain_sounds(text)
    return vectors if is_named else replace(vectors, sound=None)


def split(vector: Vector, current: CurrentSpace) -> QueryVectors:
    """Return a vector cut into its blocks, each scaled to length one.

    Compared block by block, the cosine with a clip that fills one block is what it would be were the query that
    block alone: the scores of the options compare.
    """
    if not {SOUND, SPEECH} <= set(current.blocks):
        unit = scaled(vector)
        return QueryVectors(current, unit, unit, unit)
    return QueryVectors(
        current,
        speech=scaled(vector * _mask(current, SPEECH)),
        sound=scaled(vector * _mask(current, SOUND)),
        whole=scaled(vector),
    )


def scaled(vector: Vector) -> Vector | None:
    """Return the vector at length one, None for zeros."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length > 1e-6 else None


def _mask(current: CurrentSpace, block: str) -> Vector:
    names, widths = list(current.blocks), list(current.blocks.values())
    return np.concatenate(
        [np.full(width, float(name == block), np.float32) for name, width in zip(names, widths, strict=True)]
    )


def topic_of(question: str) -> str:
    """Return what a question about a discussion is about; any other question as it is."""
    match = _DISCUSSION.search(question)
    return match["topic"] if match else question


def without_occasion(question: str) -> str:
    """Return a question without a clause that says when in a discussion, if enough of it is left."""
    rest = _OCCASION.sub("", question)
    return rest if topic_of(rest) != rest or len(content_terms(rest)) >= _LEAST_LEFT else question


def kind_wanted(question: str) -> Kind | None:
    """Return the kind of answer that a question in English wants, where that can be told from its words."""
    if _WANTS_TIME.search(question):
        return "time"
    return "number" if _WANTS_NUMBER.search(question) else None


def holds(kind: Kind, text: str) -> bool:
    """Return whether a text holds an answer of that kind: a number, in digits or words, or for a time a day or date."""
    words = terms_of(text)
    if not NUMBER_WORDS.isdisjoint(words) and any(word in NUMBER_WORDS and word != "one" for word in words):
        return True
    if any(char.isdecimal() for char in text):
        return True
    return kind == "time" and not _TIMES.isdisjoint(words)


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
    runs = (match for match in _CAPITALISED.finditer(question) if match.start() and not _is_place(question, match))
    names = (run.group() for run in runs)
    return next((run for run in names if folded(run) not in _NO_NAMES and words_of(question, [run])), "")


def _is_place(question: str, run: re.Match[str]) -> bool:
    """Whether a capitalised run says where: "the shop on Market Street says", but not "in Bob's opinion"."""
    before = _WORD.findall(folded(question[: run.start()]))
    return not _BEFORE_PLACES.isdisjoint(before[-1:]) and question[run.end() : run.end() + 1] not in ("'", "\u2019")


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
