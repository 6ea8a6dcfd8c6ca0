"""Vectors as the store keeps them: checked, of unit length, little-endian float32."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundbite_store.errors import BadVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def unit_vector(values: ArrayLike, dimension: int) -> NDArray[np.float32]:
    """The values scaled to length one, shape (dimension,).

    Raises: BadVector.
    """
    unit: NDArray[np.float32] = unit_vectors([values], dimension)[0]
    return unit


def unit_vectors(rows: Sequence[ArrayLike], dimension: int) -> NDArray[np.float32]:
    """Each row scaled to length one, shape (rows, dimension).

    LanceDB answers a zero or NaN query with nothing and no error, so such vectors stop here.

    Raises: BadVector.
    """
    import numpy as np

    matrix = np.empty((len(rows), dimension), dtype=np.float64)
    for index, row in enumerate(rows):
        values = np.asarray(row)
        if values.shape != (dimension,):
            raise BadVector(f"The space takes vectors of {dimension} numbers, this one has shape {values.shape}.")
        matrix[index] = values
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(norms).all():
        raise BadVector("The vector holds NaN or infinite numbers.")
    if (norms == 0.0).any():
        raise BadVector("The vector is zero: it points nowhere and can match nothing.")
    # What is unit already within float32 keeps its bits, and so its checksum.
    return (matrix / np.where(np.abs(norms - 1.0) < 1e-6, 1.0, norms)).astype("<f4")


def checksum(vector: NDArray[np.float32]) -> int:
    """CRC-32 of the vector's bytes; LanceDB itself returns flipped bits as data."""
    return zlib.crc32(vector.astype("<f4", copy=False).tobytes())


def text_checksum(transcript: str, sound_words: str) -> int:
    """CRC-32 of a row's words."""
    return zlib.crc32(f"{transcript}\0{sound_words}".encode("utf-8", "surrogatepass"))
