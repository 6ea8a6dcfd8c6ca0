"""The clips of the library as points: one vector each, for whoever compares all with all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundbite_store import Clip
from soundbite_tools.boundary import translated
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.groups.sampling import evenly, sampled
from soundbite_tools.search.scope import searched_clips
from soundbite_tools.search.selection import Selection

if TYPE_CHECKING:
    from soundbite_tools.library import Library


@dataclass(frozen=True, eq=False)
class ClipPoints:
    """Clips in the order of recording and time, and their vectors in the same order, shape (n, dimension)."""

    clips: tuple[Clip, ...]
    vectors: NDArray[np.float64]
    left_out: int
    """Clips of the library that are not among them, for there would be too many."""


@translated
async def clip_points(library: Library, most: int, *, tags: tuple[str, ...] = ()) -> ClipPoints:
    """Return at most `most` clips of the platform's space, spread evenly over the library.

    Raises:
        ToolProblem: there is none, nothing has one of the tags, or the store can't be read.
    """
    searched = await searched_clips(library, Selection.checked(tags=tags))
    store, where = await library.store(), replace(searched.where, embedding_scope="clip")
    # Not all vectors of a library fit into memory.
    spans = _by_clip(await store.embeddings(searched.space, sampled(where, most, searched.count)))
    if not spans:
        raise QuestionProblem(
            "These recordings were embedded as a whole only.",
            "Embed them with embedding_scope clip, or choose others.",
            code="nothing_to_compare",
        )
    chosen = evenly(spans, most)
    vectors = np.stack([np.sum([row.vector for row in same], axis=0, dtype=np.float64) for same in chosen])
    return ClipPoints(tuple(_fullest(same) for same in chosen), vectors, max(searched.count, len(spans)) - len(chosen))


def _by_clip(rows: Iterable[Clip]) -> list[list[Clip]]:
    spans: dict[str, list[Clip]] = {}
    for row in rows:
        spans.setdefault(row.clip_id, []).append(row)
    return list(spans.values())


def _fullest(same: list[Clip]) -> Clip:
    return max(same, key=lambda row: bool(row.transcript))
