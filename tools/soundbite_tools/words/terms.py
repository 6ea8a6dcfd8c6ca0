"""Terms, as words are compared: stems of English words and how rare they are; numbers, said or written ("23")."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
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
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_SCALES = {"thousand": 1_000, "million": 1_000_000}
NUMBER_WORDS = frozenset([*_VALUES, *_SCALES, "hundred"])
_UNITS = {
    word: value
    for value, word in enumerate(
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"], start=1
    )
}
_ORDINALS = (
    _UNITS
    | {f"{word}th": _VALUES[word] for word in _ONES[10:] if word != "twelve"}
    | {"twelfth": 12}
    | {f"{word[:-1]}ieth": _VALUES[word] for word in _TENS}
)
# These two tell a day beside a month only: "the second call" is not the 2nd.
_SELDOM_DAYS = ("first", "second")
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
# What may stand inside a number that is said: "four hundred and six", "nineteen oh five".
_LINKS = ("and", "oh")


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


def is_number(term: str) -> bool:
    """Whether a term is a number in digits, or an ordinal: "23", "23rd"."""
    return term.isdecimal() or (term[:1].isdecimal() and term.rstrip("stndrh").isdecimal())


def weight_of(term: str) -> float:
    """Return how much a term tells, 0 to 4, by how rare it is in English: a step of 1 is ten times as rare."""
    if is_number(term):
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


def folded_numbers(words: Sequence[str]) -> Sequence[str]:
    """Return the words of a text with the numbers among them in digits, and ordinals as "23rd".

    Whole numbers below a thousand million are known, and years by their halves ("nineteen eighty four"). A single
    "one" is as often a pronoun and stays.
    """
    if NUMBER_WORDS.isdisjoint(words) and _ORDINALS.keys().isdisjoint(words):
        return words
    folded = list[str]()
    at = 0
    while at < len(words):
        last, value = _read_ordinal(words, at)
        text = _ordinal(value)
        if last == at:
            last, value = _read(words, at)
            text = str(value)
        folded.append(text if last > at else words[at])
        at = max(last, at + 1)
    return folded


def _read_ordinal(words: Sequence[str], first: int) -> tuple[int, int]:
    """Where the ordinal that begins at `first` ends, and its value; it ends where it begins if there is none."""
    word = words[first]
    if word in _TENS and first + 1 < len(words) and words[first + 1] in _UNITS:
        return first + 2, _VALUES[word] + _UNITS[words[first + 1]]
    if word not in _ORDINALS or (word in _SELDOM_DAYS and not _is_beside_month(words, first)):
        return first, 0
    return first + 1, _ORDINALS[word]


def _is_beside_month(words: Sequence[str], at: int) -> bool:
    before, after = words[max(at - 1, 0) : at], words[at + 1 : at + 3]
    return not _MONTHS.isdisjoint([*before, *(after[1:] if "of" in after[:1] else after[:1])])


def _ordinal(value: int) -> str:
    """An ordinal as it is written: 1st, 12th, 23rd."""
    ending = "th" if value // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"


def _read(words: Sequence[str], first: int) -> tuple[int, int]:
    """Where the number that begins at `first` ends, and its value; it ends where it begins if there is none."""
    last = first
    while last < len(words) and (words[last] in NUMBER_WORDS or (last > first and words[last] in _LINKS)):
        last += 1
    for end in range(last, first, -1):  # what is said in one breath may be two numbers: the longest that is one
        run = [word for word in words[first:end] if word != "and"]
        if words[end - 1] in _LINKS or (run == ["one"] and not _is_beside_number(words, first)):
            continue
        if (value := _value(run)) is not None:
            return end, value
    return first, 0


def _is_beside_number(words: Sequence[str], at: int) -> bool:
    return any(word in NUMBER_WORDS for word in (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2]))


def _value(run: Sequence[str]) -> int | None:
    """What the words of a number are worth; None where they are not one number."""
    total = below = 0
    before = ""
    for word in run:
        if word in _SCALES:
            total, below = total + max(below, 1) * _SCALES[word], 0
        elif word == "hundred":
            if below >= 100:
                return None
            below = max(below, 1) * 100
        elif word == "oh":
            if not 11 <= below <= 20:
                return None
            below *= 100
        else:
            value = _VALUES[word]
            is_year = value >= 10 and 11 <= below <= 20
            is_tail = before in _TENS and 0 < value < 10
            if not (not before or before in (*_SCALES, "hundred", "oh") or is_year or is_tail):
                return None
            below = below * 100 + value if is_year else below + value
        before = word
    return total + below
