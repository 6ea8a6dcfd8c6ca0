"""Words of a question: which of them a clip holds, and how much each of them tells."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundbite_store import TermCounts

MOST_TERMS = 64
_SHORTEST_STEM = 3

# As the store's index sees words (ICU): letters and digits, apostrophes inside, accents folded.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
# What is between words of ASCII as spaces, letters as small ones; an apostrophe may be either.
_ASCII_WORDS = bytes(ord(char.lower()) if char.isalnum() or char == "'" else 32 for char in map(chr, range(128)))
_ASCII_WORDS += bytes(128)


@functools.lru_cache(maxsize=4_000)
def terms_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in their order, lower case, accents folded, repeats kept."""
    if not text.isascii():
        return tuple(_WORD.findall(_without_accents(text).lower().replace("\u2019", "'")))
    plain = text.encode("ascii").translate(_ASCII_WORDS).decode("ascii")
    return tuple(_WORD.findall(plain) if "'" in plain else plain.split())


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def distinct_terms(text: str) -> tuple[str, ...]:
    """Return the different words of a question, the first 64 of them."""
    return tuple(dict.fromkeys(terms_of(text)))[:MOST_TERMS]


def stem(word: str) -> str:
    """Return an English word without the commonest endings, so that `barking` and `barks` are one with `bark`."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def sound_terms(question: str) -> frozenset[str]:
    """Return the stems of the words of a question that may name a sound."""
    return frozenset(stem(term) for term in distinct_terms(question) if term not in COMMON_WORDS | _ABOUT_SOUNDS)


def named_share(wanted: frozenset[str], sound_words: str) -> float:
    """Return how surely a question names what is heard, 0 to 1: the square of the share of its words that do.

    Squared, because a question with one word in four for a sound is hardly about that sound.
    """
    heard = {stem(term) for term in terms_of(sound_words)}
    return (len(wanted & heard) / len(wanted)) ** 2 if wanted else 0.0


def weights(counts: TermCounts) -> dict[str, float]:
    """Return how much each word tells: its inverse document frequency as BM25 has it (Robertson), never negative."""
    return {
        term: math.log1p((max(counts.documents, found) - found + 0.5) / (found + 0.5))
        for term, found in counts.by_term.items()
    }


def coverage(weight_of: Mapping[str, float], held: Iterable[str]) -> float:
    """Return the share, 0 to 1, of the question's weight that these words hold."""
    present = weight_of.keys() & held
    total = sum(weight_of.values()) if present else 0.0
    return sum([weight for term, weight in weight_of.items() if term in present]) / total if total else 0.0


# English words that tell nothing by themselves, whichever group they are frequent in.
COMMON_WORDS = frozenset(
    terms_of(
        """a about after again all also am an and any are aren't as at be because been before being but by can can't
        could couldn't did didn't do does doesn't doing don't down each even ever every for from get gets getting go
        goes going gone good got had has hasn't have haven't having he he's her here hers him his how i i'd i'll i'm
        i've if in into is isn't it it's its just know let let's like ll made make many may me might more most much
        must my no nor not now of off oh ok okay on once one only or other our ours out over own quite rather really
        right said same say says see seem she she's should shouldn't so some still such take than that that's the
        their them then there there's these they they're thing things think this those through to too two um uh
        under until up upon us ve very was wasn't way we we'll we're we've well were weren't what what's when where
        which while who whose why will with within without won't would wouldn't yeah yes yet you you'd you'll you're
        you've your yours"""
    )
)
# Words of a question about a sound that do not name it.
_ABOUT_SOUNDS = frozenset(
    terms_of("sound sounds noise noises hear hears heard hearing someone something anything audio")
)
