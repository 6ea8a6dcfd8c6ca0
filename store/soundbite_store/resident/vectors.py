"""Vectors held in memory, and the rows nearest to a vector by comparing it with all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_store.resident.arrays import GrowingArray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A filter that leaves a smaller share of the rows is answered faster by picking them out first.
_FEW = 0.2


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
        if len(rows) > count:
            best = np.argpartition(scores, len(scores) - count)[-count:]
            rows, scores = rows[best], scores[best]
        return rows, scores

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


def _products(matrix: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    # Reading the memory is what takes the time: the threads of a BLAS add nothing to that, and where the processors are
    # busy they wait for each other, which takes several times as long.
    products: NDArray[np.float32] = np.einsum("ij,j->i", matrix, vector)
    return products
