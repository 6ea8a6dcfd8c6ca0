"""What is searched for: what a question is about, which kind of answer it wants, and its vectors."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from soundbite_store import BadVector
from soundbite_tools.library import CurrentSpace, current_space
from soundbite_tools.search.calibration import knows_sound_names
from soundbite_tools.search.numbers import NUMBER_WORDS
from soundbite_tools.search.words import names_plain_sounds, terms_of

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
