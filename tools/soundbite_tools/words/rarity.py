"""Terms of English words, and how rare they are."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING

from soundbite_tools.text import plain_text

if TYPE_CHECKING:
    from snowballstemmer.english_stemmer import EnglishStemmer

# Of what a word that the table of rarity does not have weighs, and a number, which is in no table.
UNKNOWN_WEIGHT = 4.0
NUMBER_WEIGHT = 2.5
# British to American endings. What they do to other words does not matter, as both sides are treated alike.
_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"isation(s?)$", r"ization\1"),
        (r"is(e|ed|es|ing|er|ers)$", r"iz\1"),
        (r"ys(e|ed|es|ing)$", r"yz\1"),
        (r"our(s|ed|ing|ite|ites|able|ful|hood|ly)?$", r"or\1"),
        (r"(\w{3,})tre(s?)$", r"\1ter\2"),
        (r"(\w{5,})ll(ed|ing|er|ers)$", r"\1l\2"),
        (r"ogue(s?)$", r"og\1"),
        (r"(def|off|pret|lic)ence(s?)$", r"\1ense\2"),
        (r"ramme(s?)$", r"ram\1"),
        (r"^grey", "gray"),
        (r"^cheque", "check"),
        (r"^plough", "plow"),
    )
)
_SHORTEST_RESPELT = 5
_MOST_UNSURE = 8
_LONGEST_UNSURE = 40


@functools.lru_cache(maxsize=50_000)
def term_of(word: str) -> str:
    """Return the term of a word in lower case: without possessive and apostrophe, in American spelling, its stem."""
    plain = word.removesuffix("'s").replace("'", "")
    if len(plain) >= _SHORTEST_RESPELT:
        for pattern, replacement in _SPELLINGS:
            respelt = pattern.sub(replacement, plain)
            if respelt != plain:
                plain = respelt
                break
    return str(_stemmer().stemWord(plain))


def weight_of(term: str) -> float:
    """Return how much a term tells, 0 to 4, by how rare it is in English: a step of 1 is ten times as rare."""
    if term.isdecimal():
        return NUMBER_WEIGHT
    return _rarity().get(term, UNKNOWN_WEIGHT)


def unsure_words(words: Iterable[str], text: str) -> list[str]:
    """Return the first of `words` that stand in `text`, as a result shows them, without those that tell nothing."""
    telling = (word for word in words if word in text and _tells(word.lower()))
    return [plain_text(word, _LONGEST_UNSURE) for word in itertools.islice(telling, _MOST_UNSURE)]


def _tells(word: str) -> bool:
    return word not in ("a", "i") and weight_of(term_of(word)) > 0.0


@functools.cache
def _stemmer() -> EnglishStemmer:
    # Imported here, as all its languages come with it: a server that is asked nothing must not pay for them.
    from snowballstemmer.english_stemmer import EnglishStemmer

    return EnglishStemmer()


@functools.cache
def _rarity() -> Mapping[str, float]:
    """Weights below `UNKNOWN_WEIGHT` by term: each line of the table has a weight in tenths and its terms."""
    text = (resources.files("soundbite_tools.words") / "english_rarity.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {term: int(tenths) / 10.0 for tenths, *terms in lines for term in terms}
