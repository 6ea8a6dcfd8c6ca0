"""Words of a question: how they are compared with those of a clip, and how much each of them tells.

Two words are one where they have the same stem, whatever their ending, their spelling (British or American), a
possessive or a hyphen; a number is one in digits and in words. Words that only build sentences tell nothing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from soundbite_tools.words.terms import folded_numbers, is_number, term_of, weight_of

MOST_TERMS = 64
# A word with so many letters is known with one of them wrong.
_LEAST_LETTERS_WITH_SLIP = 6
_SLIP_SHARE = 0.8
# Fewer words in a row are no quotation.
LEAST_QUOTED = 3

# As the store's index sees words (ICU): letters and digits, apostrophes inside, accents folded.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
# What is between words of ASCII as spaces, letters as small ones; an apostrophe may be either.
_ASCII_WORDS = bytes(ord(char.lower()) if char.isalnum() or char == "'" else 32 for char in map(chr, range(128)))
_ASCII_WORDS += bytes(128)
_SPELT = re.compile(r"\b[^\W\d_](?:-[^\W\d_])+\b|\b[^\W\d_]-(?=[^\W\d_]{2})")
_QUOTED = re.compile(r"[\"\u201c\u201d\u201e]([^\"\u201c\u201d\u201e]+)[\"\u201c\u201d]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# So much of a word stays as it is in its stem and in the other spelling: words that differ there are not compared.
_FIRST_LETTERS = 2


@functools.lru_cache(maxsize=4_000)
def terms_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in their order, lower case, accents folded, repeats kept."""
    if not text.isascii():
        return tuple(_WORD.findall(_without_accents(text).lower().replace("\u2019", "'")))
    plain = text.encode("ascii").translate(_ASCII_WORDS).decode("ascii")
    return tuple(_WORD.findall(plain) if "'" in plain else plain.split())


def distinct_terms(text: str) -> tuple[str, ...]:
    """Return the different words of a question, the first 64 of them."""
    return tuple(dict.fromkeys(terms_of(text)))[:MOST_TERMS]


def content_terms(text: str) -> tuple[str, ...]:
    """Return the different words of a text that tell something as terms, in their order: at most 64.

    A term is the stem of a word, or a number in digits.
    """
    return tuple(_content(text))


def _content(text: str) -> dict[str, str]:
    """The words that tell something, by term."""
    words = folded_numbers(terms_of(_joined(text)))
    by_term = {term_of(word): word for word in reversed(words) if word not in COMMON_WORDS}
    return dict(list(reversed(by_term.items()))[:MOST_TERMS])


def _joined(text: str) -> str:
    """The text with what is one word or number written as one: e-mail, letters that are spelt, and 90,000."""
    if "-" in text:
        text = _SPELT.sub(lambda match: match.group().replace("-", ""), text)
    return _THOUSANDS.sub("", text) if "," in text else text


class QuestionWords:
    """The words of a question, ready to be compared with those of many clips."""

    def __init__(self, question: str) -> None:
        self._words = _content(question)
        self._weights = {term: weight_of(term) for term in self._words}
        self._total = sum(self._weights.values())
        self._spoken = terms_of(question)
        self._plain = _plain_terms(question)
        self._spoken_words = frozenset(self._spoken)
        self._has_number = any(map(is_number, self._words))
        self._beginnings = {word[:_FIRST_LETTERS] for word in self._words.values()}
        self._long = [(term, word) for term, word in self._words.items() if _may_have_slip(word)]
        # A question is compared with hundreds of texts, which have most of their words in common.
        self._compared = set[str]()
        self._terms_of_word: dict[str, tuple[str, ...]] = {}
        self._slips_of_word: dict[str, tuple[str, ...]] = {}
        self._alike = set[str]()
        self._shares: dict[frozenset[str], float] = {frozenset(): 0.0}

    def share(self, text: str) -> float:
        """Return the share, 0 to 1, of what the question's words tell that a text holds."""
        if not self._total:
            return 0.0
        words: Sequence[str] = terms_of(_joined(text))
        if self._has_number:
            words = folded_numbers(words)
        if fresh := set(words) - self._compared:
            self._compare(fresh)
        alike = frozenset(self._alike.intersection(words))
        if alike not in self._shares:
            self._shares[alike] = self._share_of(alike)
        return self._shares[alike]

    def _compare(self, words: set[str]) -> None:
        """Note which of the question's terms these words of a text are, and which of them with a slip."""
        self._compared |= words
        # Most words of a text begin otherwise than any of the question's and need no stem.
        for word in [word for word in words if word[:_FIRST_LETTERS] in self._beginnings]:
            term = term_of(word)
            terms = (term,) if term in self._words else ()
            is_long = len(word) >= _LEAST_LETTERS_WITH_SLIP
            slips = tuple(other for other, own in self._long if has_slip(own, word)) if is_long else ()
            if terms or slips:
                self._alike.add(word)
                self._terms_of_word[word], self._slips_of_word[word] = terms, slips

    def _share_of(self, words: frozenset[str]) -> float:
        present = {term for word in words for term in self._terms_of_word[word]}
        slips = {term for word in words for term in self._slips_of_word[word]}
        weight = sum(
            weight * (1.0 if term in present else _SLIP_SHARE * (term in slips))
            for term, weight in self._weights.items()
        )
        return weight / self._total

    def quoted(self, text: str) -> float:
        """Return the share of the question's words, 0 to 1, that a text holds in a row: 0 for fewer than three."""
        if len(self._spoken) < LEAST_QUOTED:
            return 0.0
        words = terms_of(text)
        if sum(map(self._spoken_words.__contains__, words)) < LEAST_QUOTED:
            return 0.0
        longest = longest_run(self._spoken, words)
        return longest / len(self._spoken) if longest >= LEAST_QUOTED else 0.0

    def spellings(self) -> tuple[str, ...]:
        """Return words to look for in an index that knows no stems, so that most clips with these terms come."""
        plain = [word for word in self._plain if word not in COMMON_WORDS]
        content = [word for word in folded_numbers(self._plain) if word not in COMMON_WORDS]
        forms = [form for word in dict.fromkeys([*plain, *content]) for form in _forms(word)]
        return tuple(dict.fromkeys(forms))[: 2 * MOST_TERMS]


class ExactWords:
    """Words that must all be said as they are, and phrases in quotes whose words must follow each other.

    A number in digits is one with a comma at its thousands and without, and may be asked for in words.
    """

    def __init__(self, query: str) -> None:
        phrases = [_plain_terms(phrase) for phrase in _QUOTED.findall(query)]
        words = _plain_terms(_QUOTED.sub(" ", query))
        plain = _Wanted(frozenset(words), tuple(phrase for phrase in phrases if phrase))
        numbers = _Wanted(
            frozenset(folded_numbers(words)), tuple(tuple(folded_numbers(phrase)) for phrase in plain.phrases)
        )
        self._plain, self._numbers = plain, numbers

    @property
    def spellings(self) -> tuple[str, ...]:
        """All of the words, numbers in each way that an index may have them."""
        words = dict.fromkeys([*self._plain.all, *self._numbers.all])
        return tuple(dict.fromkeys(form for word in words for form in (word, *_with_comma(word))))

    def are_in(self, text: str) -> bool:
        """Return whether a text holds all of them."""
        words = _plain_terms(text)
        return self._plain.is_in(words) or self._numbers.is_in(folded_numbers(words))


class _Wanted(NamedTuple):
    """Words, and phrases of several, that a text must hold."""

    words: frozenset[str]
    phrases: tuple[Sequence[str], ...]

    @property
    def all(self) -> Iterator[str]:
        return chain(sorted(self.words), *self.phrases)

    def is_in(self, words: Sequence[str]) -> bool:
        return self.words.issubset(words) and all(longest_run(phrase, words) == len(phrase) for phrase in self.phrases)


def _plain_terms(text: str) -> tuple[str, ...]:
    """The words of a text, 4,000 as 4000."""
    return terms_of(_THOUSANDS.sub("", text) if "," in text else text)


def _with_comma(word: str) -> Iterator[str]:
    """A number in digits as a text may have it: with commas at its thousands."""
    if len(word) > 3 and word.isascii() and word.isdecimal() and word[0] != "0":
        yield f"{int(word):,}"


def sound_terms(question: str) -> frozenset[str]:
    """Return the terms of a question that may name a sound."""
    return frozenset(content_terms(question)) - _ABOUT_SOUNDS


def sound_share(wanted: frozenset[str], sound_words: str) -> float:
    """Return how surely a question names what is heard, 0 to 1: the square of the share of its words that do.

    Squared, because a question with one word in four for a sound is hardly about that sound.
    """
    sounds = set(content_terms(sound_words))
    return (len(wanted & sounds) / len(wanted)) ** 2 if wanted else 0.0


def longest_run(words: Sequence[str], others: Sequence[str]) -> int:
    """Return how many of the words, at the most, follow each other in `others` as they do here."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(others):
        places.setdefault(word, []).append(place)
    longest, before = 0, dict[int, int]()
    for word in words:
        before = {place: before.get(place - 1, 0) + 1 for place in places.get(word, ())}
        longest = max(longest, max(before.values(), default=0))
    return longest


def has_slip(word: str, other: str) -> bool:
    """Return whether two words differ in one letter: another, one more, one less, or two that changed places."""
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    short, long = sorted((word, other), key=len)
    at = next((place for place, (one, two) in enumerate(zip(short, long, strict=False)) if one != two), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or swapped == long[at:]


def _may_have_slip(word: str) -> bool:
    """Whether a word of a question is known in others that have a slip."""
    return len(word) >= _LEAST_LETTERS_WITH_SLIP and word.isalpha()


def _forms(word: str) -> Iterator[str]:
    plain = word.removesuffix("'s")
    yield plain
    yield from _with_comma(plain)
    if plain.isalpha():
        stem = term_of(plain)
        yield from (f"{plain}'s", f"{plain}s", stem, f"{stem}s", f"{stem}ed", f"{stem}ing")


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


# English words that only build sentences, or say nothing of what a sentence is about.
COMMON_WORDS = frozenset(
    terms_of(
        """a about above after again against all also am an and any are aren't as at be because been before being below
        between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each
        either else even ever every for from further get gets getting go goes going gone got had hadn't has hasn't have
        haven't having he he'd he'll he's her here here's hers herself him himself his how how's i i'd i'll i'm i've if
        in into is isn't it it'd it'll it's its itself just let let's like ll made make makes many may maybe me might
        mine more most much must my myself neither no nor not now of off oh ok okay on once one only onto or other our
        ours ourselves out over own per please quite rather really right said same say says see seem shall she she'd
        she'll she's should shouldn't so some someone something such take tell than that that's the their theirs them
        themselves then there there's these they they'd they'll they're they've thing things think this those though
        through to too uh um under until up upon us ve very via was wasn't way we we'd we'll we're we've well were
        weren't what what's whatever when when's where where's whether which while who who's whom whose why will with
        within without won't would wouldn't yeah yes yet you you'd you'll you're you've your yours yourself"""
    )
)
# Words of a question about a sound that do not name it.
_ABOUT_SOUNDS = frozenset(content_terms("sound noise hear hearing heard audio someone something anything"))
# What the base profile can tell of a sound, as far as it is asked for in nothing but these words.
_PLAIN_SOUNDS = frozenset(
    content_terms(
        """speech voice speaking talking spoken speaker conversation dialogue narration music musical song melody tune
        silence silent loud noisy quiet soft faint hushed whisper whispering"""
    )
)
# Words that name a sound and hardly anything else.
_SOUND_NAMES = frozenset(
    content_terms(
        """alarm applause bark barking beep birdsong bleat buzz buzzer chainsaw chime chirp clapping cough coughing
        crackling croak doorbell drumming explosion footsteps gunshot helicopter hiss honk howl hum laughter meow moo
        oink purr ringtone roar rustling scream screaming siren snore snoring sneeze squeak thunder whistling"""
    )
)
_SOUND_PHRASE = re.compile(r"\b(?:sounds?|noises?) (?:of|like)\b", re.IGNORECASE)
_MOST_WORDS_OF_NAME = 3


def names_plain_sounds(question: str) -> bool:
    """Return whether a question names nothing but speech, music, silence and loudness."""
    wanted = sound_terms(question)
    return bool(wanted) and wanted <= _PLAIN_SOUNDS


def asks_for_sound(question: str) -> bool:
    """Return whether a question, in English, asks for something that is heard: "sound of a siren", "dog barking"."""
    if _SOUND_PHRASE.search(question):
        return True
    named = sound_terms(question)
    return (
        0 < len(named) <= _MOST_WORDS_OF_NAME
        and len(terms_of(question)) <= _MOST_WORDS_OF_NAME
        and bool(named & _SOUND_NAMES)
    )
