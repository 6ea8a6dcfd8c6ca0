"""The clips of a table held in memory, and searches of them that need neither the disk nor LanceDB.

Where the vectors are too many, the rows are held without them: then LanceDB finds the nearest, and says where they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import TEXT_COLUMNS, ClipHit
from soundbite_store.filters import ClipFilter
from soundbite_store.resident.rows import GrowingArray, ResidentRows, ResidentWords, words_of
from soundbite_store.rows import RowReader, vectors_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from soundbite_store.clips import StoredClip

# A filter that leaves a smaller share of the rows is answered faster by picking them out first.
_FEW = 0.2
_PARTS_A_HIT = 8


class ResidentVectors:
    """The vectors of the rows of one option and scope. Outer columns in which all are zero are not kept.

    In a space of blocks an option fills its own block and leaves the others at zero.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._rows = GrowingArray("int32")
        self._first = self._end = 0
        self._matrix = GrowingArray("float32", 0)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._matrix.values.nbytes

    def extend(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        """Add vectors, shape (rows, dimension), with the numbers of their rows."""
        import numpy as np

        used = np.flatnonzero(vectors.any(axis=0))
        if len(used):
            self._widen(int(used[0]), int(used[-1]) + 1)
        self._rows.extend(rows)
        self._matrix.extend(vectors[:, self._first : self._end])

    def nearest(
        self, query: NDArray[np.float32], mask: NDArray[np.bool_], count: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The rows that the mask lets through with the greatest cosines, and these; in no order."""
        import numpy as np

        rows, matrix, part = self._rows.values, self._matrix.values, query[self._first : self._end]
        passing = np.flatnonzero(mask[rows])
        if len(passing) < _FEW * len(rows):
            rows = rows[passing]
            scores = _products(matrix[passing], part)
        else:
            scores = _products(matrix, part)
            if len(passing) < len(rows):
                rows, scores = rows[passing], scores[passing]
        best = _greatest(scores, count)
        return rows[best], scores[best]

    def cosines(self, rows: NDArray[np.intp], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosines of rows; NaN for those of another option or scope."""
        import numpy as np

        known = self._rows.values
        places = np.minimum(np.searchsorted(known, rows), len(known) - 1)
        is_here = known[places] == rows
        cosines = np.full(len(rows), np.nan, np.float32)
        cosines[is_here] = _products(self._matrix.values[places[is_here]], query[self._first : self._end])
        return cosines

    def _widen(self, first: int, end: int) -> None:
        if len(self._matrix):
            first, end = min(first, self._first) if self._end else first, max(end, self._end)
        if (first, end) == (self._first, self._end):
            return
        wider = GrowingArray("float32", end - first)
        if len(self._matrix):
            import numpy as np

            before = np.zeros((len(self._matrix), end - first), np.float32)
            before[:, self._first - first : self._end - first] = self._matrix.values
            wider.extend(before)
        self._first, self._end, self._matrix = first, end, wider


def _greatest(scores: NDArray[Any], count: int) -> NDArray[np.intp] | slice:
    """Where the greatest scores are, in no order; of those that are equal to the least of them, the first."""
    import numpy as np

    if len(scores) <= count:
        return slice(None)
    # As many parts of the scores have a greatest one that is no less than `least`, which so is no more than the least
    # wanted. To partition all scores takes a hundred times as long where many are nearly equal, as BM25's are.
    length = max(1, len(scores) // (_PARTS_A_HIT * count))
    greatest = scores[: len(scores) // length * length].reshape(length, -1).max(axis=0)
    least = np.partition(greatest, len(greatest) - count)[len(greatest) - count]
    above = np.flatnonzero(scores > least)
    if len(above) >= count:
        return above[np.argpartition(scores[above], len(above) - count)[-count:]]
    return np.concatenate((above, np.flatnonzero(scores == least)[: count - len(above)]))


def _products(matrix: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    # Reading the memory is what takes the time: the threads of a BLAS add nothing to that, and where the processors are
    # busy they wait for each other, which takes several times as long.
    products: NDArray[np.float32] = np.einsum("ij,j->i", matrix, vector)
    return products


class ResidentClips:
    """All rows of one version of a table, with their vectors or without."""

    def __init__(self, dimension: int, *, has_vectors: bool = True) -> None:
        self._dimension = dimension
        self._has_vectors = has_vectors
        self._reader = RowReader()
        self._rows = ResidentRows()
        self._vectors: dict[tuple[str, str], ResidentVectors] = {}
        self._words = {name: ResidentWords() for name in TEXT_COLUMNS}
        self._vector_bytes = 0

    @property
    def count(self) -> int:
        """Rows that are there."""
        return int(self._rows.is_there.sum())

    @property
    def gone(self) -> int:
        """Rows that are held and no longer there."""
        return len(self._rows) - self.count

    @property
    def has_vectors(self) -> bool:
        """Whether `nearest` can be asked."""
        return self._has_vectors

    @property
    def vector_bytes(self) -> int:
        """Memory of the vectors, most of the whole."""
        return self._vector_bytes

    @property
    def last_fragment(self) -> int:
        """The newest of LanceDB's fragments that a row came from; -1 without any."""
        return int(self._rows.addresses.max(initial=-1)) >> 32

    def extend(self, table: pa.Table) -> None:
        """Add rows of CLIP_COLUMNS, `_rowid`, and `vector` where vectors are held."""
        import numpy as np

        if not table.num_rows:
            return
        first, clips = len(self._rows), self._reader.clips(table)
        self._rows.extend(np.asarray(table.column("_rowid"), dtype="int64"), clips)
        for name, words in self._words.items():
            words.extend([getattr(clip, name) for clip in clips])
        if self._has_vectors:
            self._extend_vectors(vectors_of(table), clips, first)

    def _extend_vectors(self, vectors: NDArray[np.float32], clips: Sequence[StoredClip], first: int) -> None:
        import numpy as np

        kinds: dict[tuple[str, str], list[int]] = {}
        for offset, clip in enumerate(clips):
            kinds.setdefault((clip.embedding_option, clip.embedding_scope), []).append(offset)
        for kind, offsets in kinds.items():
            known = self._vectors.setdefault(kind, ResidentVectors(self._dimension))
            chosen = vectors if len(offsets) == len(clips) else vectors[offsets]
            known.extend(np.array(offsets, "int32") + np.int32(first), chosen)
        self._vector_bytes = sum(part.size for part in self._vectors.values())

    def drop_vectors(self) -> None:
        """Hold the rows without vectors from now on."""
        self._has_vectors, self._vector_bytes = False, 0
        self._vectors.clear()

    def keep_only(self, addresses: NDArray[np.int64]) -> None:
        """Take the rows that are not at one of these addresses as deleted."""
        self._rows.keep_only(addresses)

    async def nearest(self, vector: NDArray[np.float32], where: ClipFilter, count: int) -> list[ClipHit]:
        """The rows nearest to a unit vector by cosine, in no order."""
        import numpy as np

        mask = self._rows.matching(where)
        parts = [
            part.nearest(vector, mask, count)
            for (option, scope), part in self._vectors.items()
            if where.embedding_option in (None, option) and where.embedding_scope in (None, scope)
        ]
        if not parts:
            return []
        rows, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        best = _greatest(scores, count)
        return self._hits(rows[best], scores[best])

    def addresses(self, where: ClipFilter) -> NDArray[np.int64]:
        """Where LanceDB has the rows that a filter lets through."""
        addresses: NDArray[np.int64] = self._rows.addresses[self._rows.matching(where)]
        return addresses

    def at(self, addresses: NDArray[np.int64], scores: Sequence[float]) -> list[ClipHit] | None:
        """The rows at these addresses, those that are gone left out; None where one was never here."""
        rows = self._rows.places(addresses)
        if rows is None:
            return None
        hits = zip(rows.tolist(), self._rows.is_there[rows].tolist(), scores, strict=True)
        return [ClipHit(self._rows.clips[row], score) for row, is_there, score in hits if is_there]

    async def holding(
        self, words: str, where: ClipFilter, count: int, near: NDArray[np.float32] | None = None
    ) -> list[ClipHit]:
        """The rows that hold any of the words, those that answer best by BM25, in no order.

        With their cosines to a unit vector `near`, of rows held with vectors.
        """
        import numpy as np

        cut = words_of(words)
        scores = sum(column.scores(cut, self._rows.is_there) for column in self._words.values())
        scores = np.where(self._rows.matching(where), scores, 0.0)
        rows = np.flatnonzero(scores)
        rows = rows[_greatest(scores[rows], count)]
        # As wide as LanceDB has them: what is equal there has to be equal here, so that ties end in one order.
        hits = self._hits(rows, scores[rows].astype("float32"))
        if near is None or not self._vectors:
            return hits
        cosines = np.full(len(rows), np.nan, np.float32)
        for part in self._vectors.values():
            cosines = np.fmax(cosines, part.cosines(rows, near))  # a row is in one part
        return [
            hit if math.isnan(cosine) else ClipHit(hit.clip, hit.score, cosine)
            for hit, cosine in zip(hits, cosines.tolist(), strict=True)
        ]

    def _hits(self, rows: NDArray[Any], scores: NDArray[Any]) -> list[ClipHit]:
        clips = self._rows.clips
        return [ClipHit(clips[row], score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]
