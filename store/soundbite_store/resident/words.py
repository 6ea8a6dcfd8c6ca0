"""The words of one text column held in memory: which rows hold them, and how well a row answers (BM25)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from soundbite_store.resident.arrays import GrowingArray
from soundbite_store.resident.word_breaks import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# As the full-text indexes have them.
_K1, _B = 1.2, 0.75


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

    def holders(self, word: str) -> NDArray[np.int32]:
        """The rows that hold a word, each once, in order."""
        return self._found(word)[0]

    def scores(self, words: Iterable[str], is_there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """BM25 of every row for a question's words, 0 where none of them is; rows that are gone count for nothing."""
        import numpy as np

        lengths = self._lengths.values
        scores = np.zeros(len(lengths))
        documents = np.count_nonzero(lengths[is_there])  # a row without words is no document
        total = int(lengths[is_there].sum()) or 1
        for word in words:
            rows, times = self._found(word)
            if not len(rows):
                continue
            frequency = int(is_there[rows].sum())
            rarity = math.log1p((documents - frequency + 0.5) / (frequency + 0.5))
            length_share = lengths[rows] * documents / total
            scores[rows] += rarity * times * (_K1 + 1.0) / (times + _K1 * (1.0 - _B + _B * length_share))
        return scores

    def _found(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.int64] | int]:
        import numpy as np

        rows = np.array(self._rows_of.get(word, ()), "int32")
        is_next = rows[1:] != rows[:-1]
        if is_next.all():
            return rows, 1
        starts = np.flatnonzero(np.concatenate(([True], is_next)))
        return rows[starts], np.diff(starts, append=len(rows))
