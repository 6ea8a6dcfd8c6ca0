"""Numbers as they are said and as they are written: "twenty three" and "23" are one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
_NAMES = frozenset([*_VALUES, *_SCALES, "hundred"])
_LINKS = ("and", "oh")
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Number:
    """A number among the words `first` to `last` (excluded) of a text, and the ways to say or write it."""

    first: int
    last: int
    forms: tuple[tuple[str, ...], ...]


def numbers_in(terms: Sequence[str]) -> list[Number]:
    """Return the numbers among the words of a text, each with the form it has there first.

    Written are whole numbers of up to nine digits; said are those from zero to nine hundred and ninety-nine million,
    and years by their halves ("nineteen eighty four").
    """
    found = []
    at = 0
    while at < len(terms):
        last, value = _read(terms, at)
        if last > at:
            here = tuple(terms[at:last])
            found.append(Number(at, last, tuple(dict.fromkeys((here, *forms_of(value))))))
        at = max(last, at + 1)
    return found


def forms_of(value: int) -> tuple[tuple[str, ...], ...]:
    """Return the ways to write and to say a number below a thousand million, without `and` and as a year too."""
    forms = [(str(value),), tuple(_said(value))]
    century, year = divmod(value, 100)
    if 11 <= century <= 19 or (century == 20 and year >= 10):
        ending = ("hundred",) if not year else (*(("oh",) if year < 10 else ()), *_said(year))
        forms.append((*_said(century), *ending))
    return tuple(forms)


def _said(value: int) -> Iterator[str]:
    for name, scale in reversed(_SCALES.items()):
        if value >= scale:
            yield from _said(value // scale)
            yield name
            value %= scale
            if not value:
                return
    if value >= 100:
        yield from (_ONES[value // 100], "hundred")
        value %= 100
        if not value:
            return
    if value >= len(_ONES):
        yield _TENS[value // 10 - 2]
        value %= 10
        if not value:
            return
    yield _ONES[value]


def _read(terms: Sequence[str], first: int) -> tuple[int, int]:
    """Where the number that begins at `first` ends, and its value; it ends where it begins if there is none."""
    if _is_written(terms[first]):
        return first + 1, int(terms[first])
    last = _longest_run(terms, first)
    for end in range(last, first, -1):  # what is said in one breath may be two numbers: the longest that is one
        run = [term for term in terms[first:end] if term != "and"]
        value = _value(run)
        if terms[end - 1] != "and" and value is not None and any(list(form) == run for form in forms_of(value)):
            return end, value
    return first, 0


def _is_written(term: str) -> bool:
    return term.isascii() and term.isdecimal() and len(term) <= _MOST_DIGITS and str(int(term)) == term


def _longest_run(terms: Sequence[str], first: int) -> int:
    last = first
    while last < len(terms) and (terms[last] in _NAMES or (last > first and terms[last] in _LINKS)):
        last += 1
    return last


def _value(run: Sequence[str]) -> int | None:
    """What the words of a number are worth if they are one; whether they are is for the caller to check."""
    total = below = 0
    for word in run:
        if word in _SCALES:
            total, below = total + below * _SCALES[word], 0
        elif word in ("hundred", "oh"):
            below *= 100
        else:
            value = _VALUES[word]
            is_second_half = 10 <= below < 100 and (value >= 10 or below % 10) and below <= 20
            below = below * 100 + value if is_second_half else below + value
    value = total + below
    return value if 0 < value < 1_000_000_000 or list(run) == ["zero"] else None
