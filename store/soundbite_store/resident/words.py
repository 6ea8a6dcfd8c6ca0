"""The words of a text as the full-text indexes see them, and which rows held in memory answer them (BM25).

Cut and folded are words in letters of Latin script. The indexes cut by the rules of Unicode (UAX 29, as ICU applies
them), drop what is 40 bytes or longer, and fold letters to lower case without accents. Scripts that need a dictionary
are cut by LanceDB alone: here such a run only ends a word.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from soundbite_store.resident.rows import GrowingArray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
# As the full-text indexes have them.
_K1, _B = 1.2, 0.75


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
        words = text.split() if text.replace(" ", "").isalnum() else _ASCII_WORD.findall(text)
        all_count = "_" not in text and max(map(len, words), default=0) <= _LONGEST_BYTES
        return words if all_count else [word for word in words if _counts(word)]
    lowered = (word.lower() for word in _WORD.findall(text) if _counts(word))
    return [word.translate(_folding) for word in lowered]


def is_simple(text: str) -> bool:
    """Whether its words are certainly cut and folded here as in the indexes."""
    return text.isascii() or _SIMPLE.fullmatch(text) is not None


def _counts(word: str) -> bool:
    return len(word.encode("utf-8", "replace")) <= _LONGEST_BYTES and word.strip("_") != ""


class ResidentWords:
    """An inverted index: for each word the rows that hold it, a row as often as the word is in it."""

    def __init__(self) -> None:
        self._rows_of: dict[str, array[int]] = {}
        self._lengths = GrowingArray("int32")

    def extend(self, texts: Sequence[str]) -> None:
        """Add the texts of the next rows."""
        import numpy as np

        rows_of, first = self._rows_of, len(self._lengths)
        lengths = np.zeros(len(texts), "int32")
        for offset, text in enumerate(texts):
            if not text:
                continue
            words, row = words_of(text), first + offset
            lengths[offset] = len(words)
            for word in words:
                try:
                    rows_of[word].append(row)
                except KeyError:
                    rows_of[word] = array("i", (row,))
        self._lengths.extend(lengths)

    def scores(self, words: Iterable[str], is_there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """BM25 of every row for a question's words, 0 where none of them is; rows that are gone count for nothing."""
        import numpy as np

        lengths = self._lengths.values
        scores = np.zeros(len(lengths))
        documents = np.count_nonzero(lengths[is_there])  # a row without words is no document
        total = int(lengths[is_there].sum()) or 1
        for word in words:
            rows, times = self._postings(word)
            if not len(rows):
                continue
            frequency = int(is_there[rows].sum())
            rarity = math.log1p((documents - frequency + 0.5) / (frequency + 0.5))
            length_share = lengths[rows] * documents / total
            scores[rows] += rarity * times * (_K1 + 1.0) / (times + _K1 * (1.0 - _B + _B * length_share))
        return scores

    def _postings(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.int64] | int]:
        import numpy as np

        rows = np.array(self._rows_of.get(word, ()), "int32")
        is_next = rows[1:] != rows[:-1]
        if is_next.all():
            return rows, 1
        starts = np.flatnonzero(np.concatenate(([True], is_next)))
        return rows[starts], np.diff(starts, append=len(rows))
