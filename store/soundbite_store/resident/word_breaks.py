"""The words of a text as the full-text indexes see them, for words in letters of Latin script.

The indexes cut by the rules of Unicode (UAX 29, as ICU applies them), drop what is 40 bytes or longer, and fold
letters to lower case without accents. Scripts that need a dictionary are cut by LanceDB alone: here such a run only
ends a word.
"""

from __future__ import annotations

import re
import unicodedata

_LONGEST_BYTES = 39
# Han, kana, Thai, Lao, Burmese, Khmer: a word ends where such a character stands.
_NEEDS_DICTIONARY = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_EXTENDING = "\u00ad\u0300-\u036f\u200c\u200d\u2060\ufe00-\ufe0f"
_RAISED = "\u00b2\u00b3\u00b9\u00bc-\u00be"
_APART = rf"(?![{_NEEDS_DICTIONARY}{_RAISED}])"
_LETTER = rf"(?:{_APART}[^\W_\d][{_EXTENDING}]*)"
_PART = rf"(?:{_APART}\w[{_EXTENDING}]*)"
_IN_WORDS = ".'\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\uff07\uff0e"
_IN_NUMBERS = ".',;\u037e\u0589\u060c\u060d\u066c\u07f8\u2018\u2019\u2024\u2044\ufe10\ufe14\ufe50\ufe52\ufe54"
_IN_NUMBERS += "\uff07\uff0c\uff0e\uff1b"
_ASCII_WORD = re.compile(r"\w+(?:(?<=[a-z])[.'](?=[a-z])\w+|(?<=\d)[.',;](?=\d)\w+)*", re.ASCII)
_WORD = re.compile(
    rf"{_PART}+(?:(?<=[^\W_\d])[{_IN_WORDS}](?={_LETTER}){_PART}+|(?<=\d)[{_IN_NUMBERS}](?=\d){_PART}+)*"
    rf"|[{_RAISED}]"
)
_SIMPLE = re.compile(r"[\x00-\u017f\u2010-\u2027]*")
# Letters that are no letter with a mark.
_LETTERS = {
    "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u00df": "ss", "\u00f0": "d", "\u00fe": "th", "\u0111": "d",
    "\u0127": "h", "\u0131": "i", "\u0142": "l", "\u0167": "t", "\u014b": "n", "\u0138": "k",
    "\u0149": "n", "\u0140": "l", "\u00bc": "14", "\u00bd": "12", "\u00be": "34",
}  # fmt: skip


class _Folding(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code < 128 or unicodedata.combining(char):
            folded = char
        else:
            plain = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
            folded = _LETTERS.get(char, plain if plain and plain.isascii() else char)
        self[code] = folded
        return folded


_folding = _Folding()


def words_of(text: str) -> list[str]:
    """The words in their order, folded, repeats kept."""
    if text.isascii():
        text = text.lower()
        # What a recogniser without punctuation writes is cut at spaces, a good deal faster.
        found = text.split() if text.replace(" ", "").isalnum() else _ASCII_WORD.findall(text)
        all_count = "_" not in text and max(map(len, found), default=0) <= _LONGEST_BYTES
        return found if all_count else [word for word in found if _counts(word)]
    lowered = (word.lower() for word in _WORD.findall(text) if _counts(word))
    return [word.translate(_folding) for word in lowered]


def is_simple(text: str) -> bool:
    """Whether its words are certainly cut and folded here as in the indexes."""
    return text.isascii() or _SIMPLE.fullmatch(text) is not None


def _counts(word: str) -> bool:
    return len(word.encode("utf-8", "replace")) <= _LONGEST_BYTES and word.strip("_") != ""
