"""Vectors as the store keeps them: checked, of unit length, little-endian float32."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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

    matrix = _matrix(rows, dimension)
    norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    if not np.isfinite(norms).all():
        raise BadVector("The vector holds NaN or infinite numbers.")
    if not norms.all():
        raise BadVector("The vector is zero: it points nowhere and can match nothing.")
    # What is unit already within float32 keeps its bits, and so its checksum.
    if len(long := np.flatnonzero(np.abs(norms - 1.0) >= 1e-6)):
        matrix[long] = matrix[long].astype(np.float64) / norms[long, None]
    return matrix.astype("<f4", copy=False)


def _matrix(rows: Sequence[ArrayLike], dimension: int) -> NDArray[Any]:
    import numpy as np

    values = [np.asarray(row) for row in rows]
    for vector in values:
        if vector.shape != (dimension,):
            raise BadVector(f"The space takes vectors of {dimension} numbers, this one has shape {vector.shape}.")
    # Arrow's own float32 needs no detour; longer numbers are scaled before they are cut.
    kind = np.float32 if all(vector.dtype == np.float32 for vector in values) else np.float64
    return np.array(values, dtype=kind).reshape(len(values), dimension)


def checksums(vectors: NDArray[np.float32]) -> list[int]:
    """CRC-32 of each row's bytes; LanceDB itself returns flipped bits as data."""
    import numpy as np

    return list(map(zlib.crc32, np.ascontiguousarray(vectors, dtype="<f4")))


def checksum(vector: NDArray[np.float32]) -> int:
    """CRC-32 of one vector's bytes."""
    return checksums(vector[None])[0]


def text_checksum(transcript: str, sound_words: str) -> int:
    """CRC-32 of a row's words."""
    return zlib.crc32(f"{transcript}\0{sound_words}".encode("utf-8", "surrogatepass"))
