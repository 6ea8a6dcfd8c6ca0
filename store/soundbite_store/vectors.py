"""Vectors as the store keeps them: checked, of unit length, little-endian float32."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from soundbite_store.errors import BadVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def unit_vector(values: ArrayLike, dimension: int) -> NDArray[np.float32]:
    """The values scaled to length one, shape (dimension,).

    LanceDB answers a zero or NaN query with nothing and no error, so such vectors stop here.

    Raises: BadVector.
    """
    import numpy as np

    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (dimension,):
        raise BadVector(f"The space takes vectors of {dimension} numbers, this one has shape {vector.shape}.")
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm):
        raise BadVector("The vector holds NaN or infinite numbers.")
    if norm == 0.0:
        raise BadVector("The vector is zero: it points nowhere and can match nothing.")
    if abs(norm - 1.0) < 1e-6:  # already unit within float32: keep its bits, and so its checksum
        return vector.astype("<f4")
    return (vector / norm).astype("<f4")


def checksum(vector: NDArray[np.float32]) -> int:
    """CRC-32 of the vector's bytes; LanceDB itself returns flipped bits as data."""
    return zlib.crc32(vector.astype("<f4", copy=False).tobytes())
