"""An array that rows are added to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_ROOM = 1.25


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
