"""Words that sound alike: what a recogniser writes for a name or a rare word it does not know.

The code of a word is made of its consonants in classes of those that are easily taken for each other, after spelling
rules in the manner of Metaphone (Lawrence Philips, 1990). English only: in other languages few codes agree by chance,
and a code counts half of the word itself at most.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

_RULES = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(kn|gn)", "n"),
        (r"^wr", "r"),
        (r"^ps", "s"),
        (r"mb$", "m"),
        (r"ght", "t"),
        (r"gh", ""),
        (r"ph", "f"),
        (r"tch|ch|sh", "j"),
        (r"(t|ss?)ion", "jn"),
        (r"s?c(?=[eiy])", "s"),
        (r"ck", "k"),
        (r"d?g(?=[eiy])", "j"),
        (r"qu", "kw"),
        (r"x", "ks"),
        (r"th", "0"),
    )
)
_CLASSES = str.maketrans("bvcgqzd", "pfkkkst")
_SILENT = re.compile(r"[^bcdfgjklmnpqrstvxz0]")
_REPEATED = re.compile(r"(.)\1+")
_LEAST_LETTERS = 5
_LEAST_CODE = 3
_LEAST_CLOSENESS = 0.8
# What sounds like a word is likely it, and never as sure as the word.
_TRUST = 0.5


def likely_heard(weight_of: Mapping[str, float], words: tuple[str, ...]) -> float:
    """Return the share, 0 to .5, of a question's weight that lies in words which only sound like words of a clip."""
    total = sum(weight_of.values())
    missing = [term for term in weight_of if len(term) >= _LEAST_LETTERS and term not in words]
    if not missing or not total:
        return 0.0
    heard = _codes(words)
    return _TRUST * sum(weight_of[term] * _closest(code(term), heard) for term in missing) / total


@functools.lru_cache(maxsize=5_000)
def _codes(words: tuple[str, ...]) -> frozenset[str]:
    codes = [code(word) for word in words]
    # One word may be heard as two.
    codes += map(_joined, codes, codes[1:])
    return frozenset([found for found in codes if len(found) >= _LEAST_CODE])


def _joined(first: str, second: str) -> str:
    return first + second[1:] if first[-1:] == second[:1] else first + second


@functools.lru_cache(maxsize=50_000)
def code(word: str) -> str:
    """Return the phonetic code of a word, empty where it has no consonants."""
    for pattern, sound in _RULES:
        word = pattern.sub(sound, word)
    return _REPEATED.sub(r"\1", _SILENT.sub("", word).translate(_CLASSES))


def _closest(wanted: str, heard: frozenset[str]) -> float:
    if wanted in heard:
        return 1.0
    # In a shorter code, one difference is too many.
    if len(wanted) < _LEAST_CODE or len(wanted) * (1.0 - _LEAST_CLOSENESS) < 1.0 - 1e-9:
        return 0.0
    # Words that are close agree at one end at least; comparing only those is what makes this quick.
    first, last, sizes = wanted[0], wanted[-1], (len(wanted) - 1, len(wanted), len(wanted) + 1)
    alike = [each for each in heard if (each[0] == first or each[-1] == last) and len(each) in sizes]
    closeness = max([_closeness(wanted, each) for each in alike], default=0.0)
    return closeness if closeness >= _LEAST_CLOSENESS else 0.0


@functools.lru_cache(maxsize=50_000)
def _closeness(one: str, other: str) -> float:
    """Return 1 for equal codes, less for each insertion, deletion and substitution between them (Levenshtein).

    0 where more than one would be needed and one is all that counts as close.
    """
    longest = max(len(one), len(other))
    if 2.0 / longest > 1.0 - _LEAST_CLOSENESS + 1e-9:
        return 1.0 - 1.0 / longest if _is_one_apart(one, other) else 0.0
    row = list(range(len(other) + 1))
    for i, sound in enumerate(one, start=1):
        previous, row[0] = row[0], i
        for j, another in enumerate(other, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (sound != another))
    return 1.0 - row[-1] / longest


def _is_one_apart(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    same = next((at for at, sound in enumerate(shorter) if sound != longer[at]), len(shorter))
    rest = longer[same + 1 :]
    return rest == shorter[same:] or (len(one) == len(other) and rest == shorter[same + 1 :])
