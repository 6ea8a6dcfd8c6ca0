"""Searching by example: the vectors of a clip or of a whole recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soundbite_store import Clip, ClipFilter
from soundbite_tools.errors import UnknownId
from soundbite_tools.queries import QueryVectors, Vector, scaled, split
from soundbite_tools.spaces import CurrentSpace

if TYPE_CHECKING:
    from soundbite_tools.library import Library

# A recording without a vector of its own is the mean of its clips; more than these change the mean little.
_MOST_CLIPS_MEANT = 1000


@dataclass(frozen=True)
class Example:
    """What is to be matched, and the span of its own recording that does not count as a match."""

    vectors: QueryVectors
    asset_id: str
    start_sec: float
    end_sec: float

    def is_itself(self, asset_id: str, start_sec: float, end_sec: float) -> bool:
        """Return whether a range lies in the example, or the example in it, by half or more."""
        shared = min(self.end_sec, end_sec) - max(self.start_sec, start_sec)
        shorter = min(self.end_sec - self.start_sec, end_sec - start_sec)
        return asset_id == self.asset_id and shared > 0.0 and shared >= shorter / 2


async def example(library: Library, like: str) -> Example:
    """Return the example that a clip id or an asset id names.

    Raises:
        UnknownId: the library has neither in the space of its platform.
        PlatformError, StoreError: they could not be asked.
    """
    store, current = await library.store(), await library.spaces.current()
    rows = await store.embeddings(current.space, ClipFilter(clip_ids=(like,)))
    if not rows:
        asset = ClipFilter(asset_ids=(like,), embedding_scope="asset")
        rows = await store.embeddings(current.space, asset)
    if not rows:
        rows = await store.embeddings(current.space, ClipFilter(asset_ids=(like,)), limit=_MOST_CLIPS_MEANT)
    if not rows:
        raise UnknownId(
            f"There is no clip and no recording {like!r} to compare with.",
            "Give a clip_id of a search result or an asset_id of list_audio.",
            code="unknown_clip",
        )
    return Example(
        _vectors(rows, current),
        rows[0].asset_id,
        min(row.start_sec for row in rows),
        max(row.end_sec for row in rows),
    )


def _vectors(rows: Sequence[Clip], current: CurrentSpace) -> QueryVectors:
    speech, sound, fused = (_mean(rows, option) for option in ("transcription", "audio", "fused"))
    if fused is not None and speech is None and sound is None:
        return split(fused, current)
    parts = [part for part in (speech, sound) if part is not None]
    whole = fused if fused is not None else scaled(np.sum(parts, axis=0)) if parts else None
    return QueryVectors(current, speech, sound, whole)


def _mean(rows: Sequence[Clip], option: str) -> Vector | None:
    vectors = [row.vector for row in rows if row.embedding_option == option]
    return scaled(np.mean(vectors, axis=0)) if vectors else None
