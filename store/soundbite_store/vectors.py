"""The spaces that vectors belong to, and vectors as the store keeps them: of unit length, little-endian float32."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soundbite_store.errors import BadVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

TABLE_PREFIX = "clips__"
_UNSAFE = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Space:
    """An engine profile or hosted model, and the length of its vectors."""

    id: str
    dimension: int

    def __post_init__(self) -> None:
        if not self.id or self.dimension < 1:
            raise ValueError("A space needs an id and a positive dimension.")

    @property
    def table_name(self) -> str:
        """Name of the LanceDB table; an id that is no plain name also carries a digest of itself."""
        slug = _UNSAFE.sub("-", self.id.lower()).strip("-.")[:48]
        if slug != self.id:
            slug = f"{slug}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"
        return f"{TABLE_PREFIX}{slug}__{self.dimension}"


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """What was measured when the index was built; it is kept in the table, beside the index."""

    rows: int
    """Rows it was trained on."""
    nprobes: int
    """Partitions that a search without a filter reads."""
    candidates: int
    """Rows whose true vectors it compares, at the least."""
    recall: float
    """Share of the ten true nearest that such a search found."""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """What one space holds."""

    space: Space
    embeddings: int
    """Rows: one for each clip and embedding option."""
    clips: int
    """Distinct clips."""
    assets: int
    """Distinct assets."""
    index: VectorIndex | None = None
    """The vector index and its measured recall, once the space is large enough to have one."""


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
