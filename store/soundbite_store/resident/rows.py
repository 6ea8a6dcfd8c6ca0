"""Rows held in memory as the clips they are: which of them a filter lets through, and which answer words (BM25).

Words are cut and folded as the full-text indexes see them, where they are in letters of Latin script. The indexes cut
by the rules of Unicode (UAX 29, as ICU applies them), drop what is 40 bytes or longer, and fold letters to lower case
without accents. Scripts that need a dictionary are cut by LanceDB alone: here such a run only ends a word.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from soundbite_store.filters import COMPARED, EQUALS, share_end

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from soundbite_store.clips import StoredClip
    from soundbite_store.filters import ClipFilter

_ROOM = 1.25
_CODED = ("clip_id", "asset_id", *EQUALS, "speaker", "tags")
_REMEMBERED_FILTERS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


class GrowingArray:
    """Numbers row after row; what was handed out stays as it is when more come."""

    def __init__(self, dtype: DTypeLike, *row_shape: int) -> None:
        import numpy as np

        self._held: NDArray[Any] = np.empty((0, *row_shape), dtype)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def values(self) -> NDArray[Any]:
        """All rows."""
        return self._held[: self._rows]

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows behind the others."""
        import numpy as np

        needed = self._rows + len(rows)
        if needed > len(self._held):
            # Filled once, it is exactly as large; only what goes on growing gets room.
            larger = np.empty((int(needed * (_ROOM if self._rows else 1)), *self._held.shape[1:]), self._held.dtype)
            larger[: self._rows] = self.values
            self._held = larger
        self._held[self._rows : needed] = rows
        self._rows = needed


class _Codes:
    """A column as small numbers, one for each different value."""

    def __init__(self) -> None:
        self._of_value: dict[Hashable, int] = {}
        self._of_row = GrowingArray("int32")

    def extend(self, values: Sequence[Hashable]) -> None:
        import numpy as np

        codes = self._of_value
        self._of_row.extend(np.array([codes.setdefault(value, len(codes)) for value in values], "int32"))

    def values(self) -> Iterable[Any]:
        return self._of_value

    def are(self, values: Iterable[Hashable]) -> NDArray[np.bool_]:
        """Which rows have one of the values."""
        import numpy as np

        is_wanted = np.zeros(len(self._of_value) + 1, bool)
        is_wanted[[self._of_value.get(value, -1) for value in values]] = True
        is_wanted[-1] = False
        mask: NDArray[np.bool_] = is_wanted[self._of_row.values]
        return mask


class ResidentRows:
    """The rows of a table without their vectors, in the order in which they came."""

    def __init__(self) -> None:
        self.clips: list[StoredClip] = []
        self._addresses = GrowingArray("int64")
        self._codes = {name: _Codes() for name in _CODED}
        self._times = {name: GrowingArray("float64") for name in ("start_sec", "end_sec")}
        self._created = GrowingArray("int64")
        self._is_there = GrowingArray("bool")
        self._masks: dict[ClipFilter, NDArray[np.bool_]] = {}
        self._order: NDArray[np.intp] | None = None  # of the rows by address

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Which rows the table still has."""
        return self._is_there.values

    @property
    def addresses(self) -> NDArray[np.int64]:
        """Where LanceDB has each row."""
        return self._addresses.values

    def places(self, addresses: NDArray[np.int64]) -> NDArray[np.intp] | None:
        """The rows at these addresses; None where there is none at one of them."""
        import numpy as np

        if self._order is None:
            self._order = np.argsort(self.addresses)
        in_order = np.searchsorted(self.addresses, addresses, sorter=self._order)
        rows: NDArray[np.intp] = self._order[np.minimum(in_order, len(self) - 1)]
        return rows if np.array_equal(self.addresses[rows], addresses) else None

    def extend(self, addresses: NDArray[np.int64], clips: Sequence[StoredClip]) -> None:
        """Add rows."""
        import numpy as np

        self._addresses.extend(addresses)
        for name, codes in self._codes.items():
            codes.extend([getattr(clip, name) for clip in clips])
        for name, times in self._times.items():
            times.extend(np.array([getattr(clip, name) for clip in clips]))
        self._created.extend(np.array([_microseconds(clip.created_at) for clip in clips], "int64"))
        self._is_there.extend(np.ones(len(clips), bool))
        self.clips += clips
        self._masks.clear()
        self._order = None

    def keep_only(self, addresses: NDArray[np.int64]) -> None:
        """Take the rows that are not at one of these addresses as deleted."""
        import numpy as np

        self._is_there.values[~np.isin(self.addresses, addresses)] = False
        self._masks.clear()

    def matching(self, where: ClipFilter) -> NDArray[np.bool_]:
        """Which rows a filter lets through."""
        mask = self._masks.get(where)
        if mask is None:
            mask = self._passing(where)
            if len(self._masks) >= _REMEMBERED_FILTERS:
                self._masks.clear()
            self._masks[where] = mask
        return mask

    def _passing(self, where: ClipFilter) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.is_there.copy()
        for condition in (*self._named(where), *self._timed(where)):
            mask &= condition
        return mask

    def _named(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        codes = self._codes
        one_of = {"clip_id": where.clip_ids, "asset_id": where.asset_ids}
        for name, values in one_of.items():
            if values is not None:
                yield codes[name].are(values)
        for name, values in (("clip_id", where.exclude_clip_ids), ("asset_id", where.exclude_asset_ids)):
            if values:
                yield ~codes[name].are(values)
        for name, (column, sign) in COMPARED.items():
            if (value := getattr(where, name)) is not None:
                mask = codes[column].are([value])
                yield mask if sign == "=" else ~mask
        if where.tags_any is not None:
            wanted = set(where.tags_any)
            yield codes["tags"].are([tags for tags in codes["tags"].values() if wanted & set(tags)])
        yield from self._spoken(where)
        if where.share is not None:
            end = share_end(where.share)
            yield codes["clip_id"].are([clip_id for clip_id in codes["clip_id"].values() if clip_id < end])

    def _spoken(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        import numpy as np

        if where.speakers_any is None and where.speakers_in is None:
            return
        mask = self._codes["speaker"].are(where.speakers_any or ())
        speakers = where.speakers_in or ()
        for name in dict.fromkeys(one.speaker for one in speakers):
            is_said = self._codes["asset_id"].are([one.asset_id for one in speakers if one.speaker == name])
            is_said &= self._codes["speaker"].are([name])
            if name is None:  # speaks alone in a recording: says what words it has
                places = np.flatnonzero(is_said)
                is_said[places] = [bool(self.clips[place].transcript) for place in places]
            mask |= is_said
        yield mask

    def _timed(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        starts, ends = self._times["start_sec"].values, self._times["end_sec"].values
        if where.start_after_sec is not None:
            yield starts >= where.start_after_sec
        if where.end_before_sec is not None:
            yield ends <= where.end_before_sec
        if where.ends_after_sec is not None:
            yield ends > where.ends_after_sec
        if where.starts_before_sec is not None:
            yield starts < where.starts_before_sec
        if where.min_seconds is not None:
            yield ends - starts >= where.min_seconds
        if where.created_after is not None:
            yield self._created.values > _microseconds(where.created_after)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


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
        postings = [self._postings(word) for word in words if word in self._rows_of]
        if not postings:
            return scores
        present = lengths if is_there.all() else lengths[is_there]
        documents = np.count_nonzero(present)  # a row without words is no document
        total = int(present.sum()) or 1
        for rows, times in postings:
            frequency = int(is_there[rows].sum())
            rarity = math.log1p((documents - frequency + 0.5) / (frequency + 0.5))
            length_share = lengths[rows] * documents / total
            scores[rows] += rarity * times * (_K1 + 1.0) / (times + _K1 * (1.0 - _B + _B * length_share))
        return scores

    def _postings(self, word: str) -> tuple[NDArray[np.int32], NDArray[np.int64] | int]:
        import numpy as np

        rows = np.array(self._rows_of[word], "int32")
        is_next = rows[1:] != rows[:-1]
        if is_next.all():
            return rows, 1
        starts = np.flatnonzero(np.concatenate(([True], is_next)))
        return rows[starts], np.diff(starts, append=len(rows))
