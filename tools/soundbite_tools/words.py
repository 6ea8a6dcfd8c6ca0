"""Words of a question: which of them a clip holds, and how much each of them tells."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundbite_store import TermCounts

MOST_TERMS = 64

# As the store's index sees words (ICU): letters and digits, apostrophes inside, accents folded.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def terms_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in their order, lower case, accents folded, repeats kept."""
    folded = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return tuple(word.replace("\u2019", "'") for word in _WORD.findall(folded.lower()))


def distinct_terms(text: str) -> tuple[str, ...]:
    """Return the different words of a question, the first 64 of them."""
    return tuple(dict.fromkeys(terms_of(text)))[:MOST_TERMS]


def weights(counts: TermCounts) -> dict[str, float]:
    """Return how much each word tells: its inverse document frequency as BM25 has it (Robertson), never negative."""
    return {
        term: math.log1p((max(counts.documents, found) - found + 0.5) / (found + 0.5))
        for term, found in counts.by_term.items()
    }


def coverage(weight_of: Mapping[str, float], held: Iterable[str]) -> float:
    """Return the share, 0 to 1, of the question's weight that these words hold."""
    total = sum(weight_of.values())
    present = set(held)
    return sum(weight for term, weight in weight_of.items() if term in present) / total if total else 0.0
