"""A vector space: vectors of one space may be compared, vectors of two may not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from soundbite_store.lance.vector_index import VectorIndex

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
