"""Searching by example: the vectors of a clip, of a whole recording, or of a sound that is not in the library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from soundbite_store import Clip, ClipFilter
from soundbite_tools.errors import UnknownId
from soundbite_tools.library import CurrentSpace
from soundbite_tools.search.heard_examples import heard_vectors
from soundbite_tools.search.queries import QueryVectors, Vector, scaled, split
from soundbite_tools.sources.received import forget_refused
from soundbite_tools.sources.sources import ASSET_ID, choose, resolve

if TYPE_CHECKING:
    from soundbite_tools.library import Library

_CLIP_ID = re.compile(r"c_[0-9a-f]{16}")
_MAY_BE_FILE = re.compile(r"[./\\]")
# A recording without a vector of its own is the mean of its clips; more than these change the mean little.
_MOST_CLIPS_MEANT = 1000


@dataclass(frozen=True)
class Example:
    """What is to be matched, and the span of its own recording that does not count as a match."""

    vectors: QueryVectors
    asset_id: str
    start_sec: float
    end_sec: float
    note: str = ""

    def is_itself(self, asset_id: str, start_sec: float, end_sec: float) -> bool:
        """Return whether a range lies in the example, or the example in it, by half or more."""
        shared = min(self.end_sec, end_sec) - max(self.start_sec, start_sec)
        shorter = min(self.end_sec - self.start_sec, end_sec - start_sec)
        return asset_id == self.asset_id and shared > 0.0 and shared >= shorter / 2


async def example_of(library: Library, like: str) -> Example:
    """Return the example that a clip id, an asset id, a path or a URL names.

    Raises:
        UnknownId: the library has no such clip or recording in the space of its platform.
        SourceProblem, QuestionProblem: the sound of a path or a URL can't be used.
        PlatformError, StoreError: they could not be asked.
    """
    if rows := await _rows_of(library, like):
        return await _known(library, rows)
    if is_id(like) or not _MAY_BE_FILE.search(like):
        raise UnknownId(
            f"There is no clip and no recording {like!r} to compare with.",
            "Give a clip_id of a search result, an asset_id of list_audio, or the path of a sound file.",
            code="unknown_clip",
        )
    source = await resolve(choose(like), library.config)
    try:
        if rows := await _rows_of(library, source.asset_id):
            return await _known(library, rows)
        vectors, note = await heard_vectors(library, source)
        return Example(vectors, source.asset_id, 0.0, 0.0, note)
    finally:
        await forget_refused(library, source.path, source.asset_id)


def is_id(text: str) -> bool:
    """Return whether a text has the form of a clip id or an asset id."""
    return bool(_CLIP_ID.fullmatch(text) or ASSET_ID.fullmatch(text))


async def _rows_of(library: Library, identifier: str) -> list[Clip]:
    store, current = await library.store(), await library.spaces.current()
    whole = ClipFilter(asset_ids=(identifier,), embedding_scope="asset")
    for where in (ClipFilter(clip_ids=(identifier,)), whole, ClipFilter(asset_ids=(identifier,))):
        if rows := await store.embeddings(current.space, where, limit=_MOST_CLIPS_MEANT):
            return rows
    return []


async def _known(library: Library, rows: Sequence[Clip]) -> Example:
    return Example(
        _vectors(rows, await library.spaces.current()),
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
