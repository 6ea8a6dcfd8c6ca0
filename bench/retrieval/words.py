"""Compares recognised words with the words that were said."""

import re
from collections.abc import Sequence

from soundbite_tools.words.terms import folded_numbers

_WORD = re.compile(r"[a-z0-9']+")
_EQUALS = {"mister": "mr", "missus": "mrs", "doctor": "dr", "okay": "ok", "one": "1"}
_ORDINALS = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
}
_ORDINALS |= {
    f"{word}th": word
    for word in (
        *("four", "six", "seven", "ten", "eleven", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
        *("eighteen", "nineteen", "hundred", "thousand", "million"),
    )
}
_ORDINALS |= {
    f"{word}ieth": f"{word}y" for word in ("twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet")
}
_ORDINAL = "th"


def spoken_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def folded_words(text: str) -> list[str]:
    """The words of a text as they are compared: what is written in two ways, and said in one, is one.

    Numbers in words and in digits (42, 1,455, years by their halves), ordinals (15th), %, and a few spellings (mr,
    mrs, dr, ok) are folded. A number and its ordinal, singular and plural, and words that only sound alike differ.
    """
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower()).replace("%", " percent ").replace("&", " and ")
    words = list[str]()
    for word in spoken_words(re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", f" {_ORDINAL}", text)):
        words += [_ORDINALS[word], _ORDINAL] if word in _ORDINALS else [word]
    folded = list[str]()
    for word in folded_numbers(words):
        word = _EQUALS.get(word, word)
        if word == _ORDINAL and folded:
            folded[-1] += word
        else:
            folded.append(word)
    return folded


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Insertions, deletions and substitutions that turn what was said into what was heard (Levenshtein).

    Two words and the one that they make together ("data set", "dataset") are no error.
    """
    rows = [list(range(len(heard) + 1))]
    for i, word in enumerate(said, start=1):
        before, row = rows[-1], [i]
        for j, other in enumerate(heard, start=1):
            fewest = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
            if i > 1 and said[i - 2] + word == other:
                fewest = min(fewest, rows[-2][j - 1])
            if j > 1 and heard[j - 2] + other == word:
                fewest = min(fewest, before[j - 2])
            row.append(fewest)
        rows.append(row)
    return rows[-1][-1]
