"""How words sound: rules from English spelling to sounds, and how near two of them are.

Codes such as Metaphone and Soundex answer yes or no and drop the vowels; a recogniser's slip is a matter of degree. So
a word becomes a string of sounds, one character each, and two strings are compared by an edit distance in which sounds
that are heard for one another cost little. Upper case: C as in church, J judge, S ship, Z measure, T thin, N ring,
A day, I my, R an r and L an l that end a syllable.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, product

from soundbite_tools.text import folded

_VOWELS = "aeiouAI"
# The first rule that fits is taken; what none fits is written as it sounds.
_RULES = tuple(
    (re.compile(pattern), sounds)
    for pattern, sounds in (
        (r"^[kgp]n", "n"),
        (r"^wr", "r"),
        (r"^ps", "s"),
        (r"^x", "z"),
        (r"^who", "hu"),
        (r"^mc(?=[^aeiouyh])", "mak"),
        (r"([bdfklmnprstvz])\1", r"\1"),
        (r"tch", "C"),
        (r"dge?(?=[iy]|$)", "J"),
        (r"sch", "S"),
        (r"ch(?=[rl])", "k"),
        (r"ch", "C"),
        (r"sh", "S"),
        (r"ph", "f"),
        (r"th", "T"),
        (r"wh", "w"),
        (r"ck", "k"),
        (r"(?<=..)cester", "steR"),
        (r"ould$", "ud"),
        (r"[ts]ion", "San"),
        (r"[ct]i(?=[aou])", "S"),
        (r"[ao]ugh", "o"),
        (r"eigh", "A"),
        (r"igh", "I"),
        (r"^gh", "g"),
        (r"gh", ""),
        (r"ng(?=[ei])", "nJ"),
        (r"ng", "N"),
        (r"n(?=[kx])", "N"),
        (r"gu(?=[ei])", "g"),
        (r"qu", "kw"),
        (r"q", "k"),
        (r"x", "ks"),
        (r"cc(?=[eiy])", "ks"),
        (r"cc?(?![eiy])", "k"),
        (r"c", "s"),
        (r"gg?(?![eiy])|gg", "g"),
        (r"g", "J"),
        (r"mb$", "m"),
        (r"mpt", "mt"),
        (r"(?<=w)ar(?![aeiouyr])", "oR"),
        (r"oul(?=[dt])", "oL"),
        (r"l(?=[^aeiouyl])", "L"),
        (r"(?<=[aeiou])r(?=$|[^aeiouyr])", "R"),
        (r"y(?=[aeiou])", "y"),
        (r"ai|ay|ei|ey(?!$)", "A"),
        (r"ee|ea|ie|ey$", "i"),
        (r"au|aw|oa|ow$", "o"),
        (r"oo|ou|ew|ue|ui|ow", "u"),
        (r"oi|oy", "oi"),
        (r"(?<=[^aeiouy])e(s?)$", r"\1"),
        (r"a(?=[^aeiouyrwx]es?$)", "A"),
        (r"i(?=[^aeiouyrwx]es?$)", "I"),
        (r"(?<=^[bcdfghklmnprst])y$", "I"),
        (r"y", "i"),
    )
)
_LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        re.split(" ", "A bi si di i ef Ji AC I JA kA el em en o pi kyu aR es ti yu vi dabalyu eks wI zi"),
        strict=True,
    )
)
_DIGITS = dict(zip("0123456789", re.split(" ", "ziro wan tu Tri foR fIv siks sevan At nIn"), strict=True))
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|[0-9]|[^\W\d_]+")
_LONGEST_SPELT = 5
_MOST_READINGS = 8

_LIKE, _NEAR = 0.3, 0.5
# Pairs that are heard for one another, and what it costs.
_PAIRS = {
    _LIKE: "pb td kg fv sz SZ CJ Rr CS JZ gJ nN tT ei ae ou ao Ai Ae Ia iI",
    _NEAR: (
        "mn mN sS fT Ts lr lw wv wr zZ zJ tC sC dJ kC vb pf Td dT Ll Lr LR Lo Lu Le La Ra Re Ro "
        "Ao Iu Au au eo iu aA aI eI"
    ),
}
_COSTS = {frozenset(pair): cost for cost, pairs in _PAIRS.items() for pair in pairs.split()}
_OTHER_VOWEL, _OTHER_CONSONANT, _OTHER = 0.6, 1.0, 2.0
_WEIGHTS = {"h": 0.4, "R": 0.3, "L": 0.5, "w": 0.6, "y": 0.4, **dict.fromkeys(_VOWELS, 0.5)}
_ROUNDING = 1e-9
_REPEATED = re.compile(r"(.)\1")


def sounds_of(word: str) -> str:
    """Return the sounds of a word that is written in letters."""
    word = "".join(character for character in folded(word) if character.isalpha())
    sounds, at = "", 0
    while at < len(word):
        for pattern, replacement in _RULES:
            if match := pattern.match(word, at):
                sounds += match.expand(replacement)
                at = match.end()
                break
        else:
            sounds += word[at]
            at += 1
    return _REPEATED.sub(r"\1", sounds)


def tokens(text: str) -> list[str]:
    """Return what of a text is said by itself: `OpenAI` is open and AI."""
    return _TOKENS.findall(text)


@lru_cache(maxsize=100_000)
def readings(text: str) -> tuple[str, ...]:
    """Return the ways to say a text, as strings of sounds without borders of words: capitals are read and spelt."""
    ways = ("".join(way) for way in islice(product(*map(_ways, tokens(text))), _MOST_READINGS))
    return tuple(dict.fromkeys(_REPEATED.sub(r"\1", way) for way in ways if way))


def _ways(token: str) -> tuple[str, ...]:
    spelt = "".join(_LETTERS.get(letter, "") for letter in token.lower())
    if token.isdigit():
        return (_DIGITS.get(token, ""),)
    if len(token) == 1 and spelt:
        return (spelt,)
    if token.isascii() and token.isupper() and len(token) <= _LONGEST_SPELT:
        return (spelt, sounds_of(token))
    return (sounds_of(token),)


def likeness(one: str, other: str) -> float:
    """Return how near two texts are in sound, from 0 to 1 (the same)."""
    return max((nearness(first, second) for first in readings(one) for second in readings(other)), default=0.0)


def nearness(one: str, other: str, least: float = 0.0) -> float:
    """Return how near two strings of sounds are, from 0 to 1 (the same); 0 for what is under `least`."""
    weights = sound_weight(one), sound_weight(other)
    whole = max(weights)
    most = (1.0 - least) * whole + _ROUNDING
    if not whole or abs(weights[0] - weights[1]) > most:
        return 0.0
    row = [0.0]
    for sound in other:
        row.append(row[-1] + _WEIGHTS.get(sound, 1.0))
    for sound in one:
        gone = _WEIGHTS.get(sound, 1.0)
        after = [row[0] + gone]
        for at, another in enumerate(other):
            here = min(row[at] + _cost(sound, another), row[at + 1] + gone, after[at] + _WEIGHTS.get(another, 1.0))
            after.append(here)
        row = after
        if min(row) > most:
            return 0.0
    return max(0.0, 1.0 - row[-1] / whole) if row[-1] <= most else 0.0


def begins_alike(one: str, other: str) -> bool:
    """Return whether the first of their sounds are heard for one another."""
    return _cost(one[:1], other[:1]) < _OTHER_CONSONANT


@lru_cache(maxsize=100_000)
def sound_weight(sounds: str) -> float:
    """Return how much sound a string of sounds has: about 1 a consonant, half of it a vowel."""
    return sum(_WEIGHTS.get(sound, 1.0) for sound in sounds)


@lru_cache(maxsize=4096)
def _cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    are_vowels = one in _VOWELS, other in _VOWELS
    usual = _OTHER_VOWEL if all(are_vowels) else _OTHER if any(are_vowels) else _OTHER_CONSONANT
    return _COSTS.get(frozenset(one + other), usual)
