"""Numbers as they are said and as they are written: "twenty three" and "23" are one."""

from __future__ import annotations

from collections.abc import Sequence

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
# What may stand inside a number that is said: "four hundred and six", "nineteen oh five".
_LINKS = ("and", "oh")


def folded_numbers(words: Sequence[str]) -> Sequence[str]:
    """Return the words of a text with the numbers among them in digits.

    Whole numbers below a thousand million are known, and years by their halves ("nineteen eighty four"). A single
    "one" is as often a pronoun and stays.
    """
    if NUMBER_WORDS.isdisjoint(words):
        return words
    folded = list[str]()
    at = 0
    while at < len(words):
        last, value = _read(words, at)
        folded.append(str(value) if last > at else words[at])
        at = max(last, at + 1)
    return folded


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
