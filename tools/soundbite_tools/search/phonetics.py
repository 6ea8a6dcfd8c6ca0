"""Words that sound alike: what a recogniser writes for a name or a rare word it does not know.

The code of a word is made of its consonants in classes of those that are easily taken for each other, after spelling
rules in the manner of Metaphone (Lawrence Philips, 1990). English only: in other languages few codes agree by chance,
and a code counts half of the word itself at most.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping

# Spelling and sound. A word that does not hold the letters in front is not looked at: most words hold few of them.
_RULES = tuple(
    (letters, re.compile(pattern), sound)
    for letters, pattern, sound in (
        ("n", r"^(kn|gn)", "n"),
        ("wr", r"^wr", "r"),
        ("ps", r"^ps", "s"),
        ("mb", r"mb$", "m"),
        ("ght", r"ght", "t"),
        ("gh", r"gh", ""),
        ("ph", r"ph", "f"),
        ("h", r"tch|ch|sh", "j"),
        ("ion", r"(t|ss?)ion", "jn"),
        ("c", r"s?c(?=[eiy])", "s"),
        ("ck", r"ck", "k"),
        ("g", r"d?g(?=[eiy])", "j"),
        ("qu", r"qu", "kw"),
        ("x", r"x", "ks"),
        ("th", r"th", "0"),
    )
)
_CLASSES = str.maketrans("bvcgqzd", "pfkkkst")
_SILENT = re.compile(r"[^bcdfgjklmnpqrstvxz0]")
_REPEATED = re.compile(r"(.)\1+")
_DOUBLED = [2 * sound for sound in "pfkstjlmnrx0"]
_LEAST_LETTERS = 5
_LEAST_CODE = 3
_LEAST_CLOSENESS = 0.8
# What sounds like a word is likely it, and never as sure as the word.
_TRUST = 0.5
_MOST_KNOWN = 50_000


class LikelyHeard:
    """The words of a question, told from what only sounds like them in the words of a clip."""

    def __init__(self, weight_of: Mapping[str, float]) -> None:
        self._total = sum(weight_of.values())
        codes = {term: code(term) for term in weight_of if len(term) >= _LEAST_LETTERS}
        self._wanted = [
            _Wanted(term, weight_of[term], found) for term, found in codes.items() if len(found) >= _LEAST_CODE
        ]

    def share(self, words: tuple[str, ...]) -> float:
        """Return the share, 0 to .5, of the question's weight that lies in words which only sound like `words`."""
        if not self._wanted or not self._total:
            return 0.0
        run = _run_together(words)
        missing = [each for each in self._wanted if each.may_be_in(run) and each.term not in words]
        if not missing:
            return 0.0
        heard = _codes(words)
        return _TRUST * sum([each.weight * _closest(each.code, heard) for each in missing]) / self._total


class _Wanted:
    """A word of a question."""

    __slots__ = ("code", "may_be_in", "term", "weight")

    def __init__(self, term: str, weight: float, code: str) -> None:
        self.term, self.weight, self.code = term, weight, code
        self.may_be_in: Callable[[str], object] = re.compile(_traces(code)).search
        """Whether codes run together may hold what is close to this one: most do not, which this tells at once."""


def _traces(wanted: str) -> str:
    """A pattern of what is left of a code wherever one that is close to it stands."""
    differences = _differences(len(wanted) + 1) if _may_differ(wanted) else 0
    if differences == 0:
        return wanted
    if differences > 1:  # they leave whole at least one of so many pieces and one more
        cuts = [len(wanted) * cut // (differences + 1) for cut in range(differences + 2)]
        return "|".join([wanted[first:last] for first, last in itertools.pairwise(cuts)])
    first, last = wanted[0], wanted[-1]
    inside = [
        pattern
        for at in range(1, len(wanted) - 1)
        for pattern in (f"{wanted[1:at]}.?{wanted[at + 1 : -1]}", f"{wanted[1:at]}.{wanted[at:-1]}")
    ]
    inside.append(f"{wanted[1:-1]}.")
    return f"{wanted[1:]}|{wanted[:-1]}|{first}(?:{'|'.join(inside)}){last}"


@functools.lru_cache(maxsize=5_000)
def _run_together(words: tuple[str, ...]) -> str:
    """The codes of words without a gap: the code of each of them, and of each two, is a part of it."""
    run = "".join(map(_codes_known.__getitem__, words))
    for doubled in _DOUBLED:
        while doubled in run:
            run = run.replace(doubled, doubled[0])
    return run


@functools.lru_cache(maxsize=1_000)
def _codes(words: tuple[str, ...]) -> frozenset[str]:
    codes = list(map(_codes_known.__getitem__, words))
    # One word may be heard as two.
    codes += map(_joined, codes, codes[1:])
    return frozenset([found for found in codes if len(found) >= _LEAST_CODE])


def _joined(first: str, second: str) -> str:
    return first + second[1:] if first[-1:] == second[:1] else first + second


def code(word: str) -> str:
    """Return the phonetic code of a word, empty where it has no consonants."""
    return _codes_known[word]


class _CodesKnown(dict[str, str]):
    """The codes of words met so far: asked for each word of each clip, where every call would count."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        heard = word
        for letters, pattern, sound in _RULES:
            if letters in heard:
                heard = pattern.sub(sound, heard)
        found = self[word] = _REPEATED.sub(r"\1", _SILENT.sub("", heard).translate(_CLASSES))
        return found


_codes_known = _CodesKnown()


def _may_differ(wanted: str) -> bool:
    # In a shorter code, one difference is too many.
    return _differences(len(wanted)) >= 1


def _differences(letters: int) -> int:
    """How many differences leave a code of so many letters close enough."""
    return int(letters * (1.0 - _LEAST_CLOSENESS) + 1e-9)


def _closest(wanted: str, heard: frozenset[str]) -> float:
    if wanted in heard:
        return 1.0
    if not _may_differ(wanted):
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
