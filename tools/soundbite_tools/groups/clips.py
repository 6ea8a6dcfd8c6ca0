"""The clips of a selection with their vectors, of many a sample, for what looks at all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundbite_store import Clip, ClipFilter, StoredClip, one_a_span
from soundbite_tools.errors import QuestionProblem, raises_problems
from soundbite_tools.requests import Filters
from soundbite_tools.search.queries import SOUND, SPEECH
from soundbite_tools.search.selection import select_clips

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.selection import Selection


MOST_CLIPS = 5_000
_SEPARATE = {SPEECH: ("transcription",), SOUND: ("audio",), "any": ("transcription", "audio")}
T = TypeVar("T")
# A share of all clips is so many clips more or less.
_TO_SPARE = 1.1


@dataclass(frozen=True, eq=False)
class ClipRows:
    """Clips in order of recording and time, each with the rows there are of it by embedding option."""

    clips: tuple[StoredClip, ...]
    """With the words that are said and heard, whichever row carried them."""
    rows: dict[str, dict[str, Clip]]
    """By clip id, then by option."""
    is_cut: bool = False
    """Whether they are a sample."""

    @property
    def note(self) -> str:
        """What to tell of a sample; empty where these are all clips."""
        if not self.is_cut:
            return ""
        return (
            f"There are more clips than are compared at once: {len(self.clips):,} of them, spread evenly over all, "
            "were looked at. Narrow with asset_ids or tags to have every clip looked at."
        )

    def of_option(self, option: str) -> tuple[list[Clip], NDArray[np.float32]]:
        """Return the rows of one option and their vectors (rows, dimension), unit length."""
        rows = [self.rows[clip.clip_id][option] for clip in self.clips if option in self.rows[clip.clip_id]]
        return rows, np.stack([row.vector for row in rows]) if rows else np.zeros((0, 0), np.float32)


async def clip_rows(library: Library, selection: Selection, modality: str) -> ClipRows:
    """Return the clips of a selection, of more than 5,000 a sample spread evenly over all of them.

    Recordings embedded only as a whole count as one clip; a sample of clips has none of them.

    Raises:
        QuestionProblem: none of them has what the modality asks for.
        StoreError: the store can't be read.
    """
    rows_of_clips, is_cut = await _rows_of(library, selection, "clip", modality)
    if not is_cut:
        rows_of_assets, is_cut = await _rows_of(library, selection, "asset", modality)
        cut_up = {row.asset_id for row in rows_of_clips}
        rows_of_clips += [row for row in rows_of_assets if row.asset_id not in cut_up]
    rows = _by_clip(rows_of_clips, _SEPARATE[modality], is_cut=is_cut)
    if not rows.clips:
        lack = "speech" if modality == SPEECH else "its sound embedded"
        raise QuestionProblem(
            f"None of these clips has {lack}.", 'Use modality "any", or other recordings.', code="nothing_to_compare"
        )
    return rows


async def _rows_of(library: Library, selection: Selection, scope: str, modality: str) -> tuple[list[Clip], bool]:
    """Return the rows of a scope, and whether they are a sample, for there are too many."""
    store, where = await library.store(), replace(selection.where, embedding_scope=scope)
    options = (*_SEPARATE[modality], "fused")
    count = max([await store.count(selection.space, replace(where, embedding_option=option)) for option in options])
    if is_cut := count > MOST_CLIPS:
        where = sample(where, MOST_CLIPS, count)
    return await store.embeddings(selection.space, where), is_cut


def _by_clip(embeddings: Sequence[Clip], options: Sequence[str], *, is_cut: bool) -> ClipRows:
    rows: dict[str, dict[str, Clip]] = {}
    for row in sorted(embeddings, key=lambda row: (row.asset_id, row.start_sec, row.end_sec)):
        rows.setdefault(row.clip_id, {})[row.embedding_option] = row
    chosen = {clip_id: suitable for clip_id, by_option in rows.items() if (suitable := _options_of(by_option, options))}
    clip_ids = even_sample(list(chosen), MOST_CLIPS)
    clips = tuple(one_a_span(row for clip_id in clip_ids for row in rows[clip_id].values()))
    return ClipRows(clips, {clip_id: chosen[clip_id] for clip_id in clip_ids}, is_cut=is_cut)


def _options_of(rows: dict[str, Clip], options: Sequence[str]) -> dict[str, Clip]:
    # The fused row says nothing that the separate ones do not say better.
    return {option: row for option, row in rows.items() if option in options or rows.keys() == {"fused"}}


@dataclass(frozen=True, eq=False)
class ClipPoints:
    """Clips in the order of recording and time, and their vectors in the same order, shape (n, dimension)."""

    clips: tuple[StoredClip, ...]
    vectors: NDArray[np.float64]
    left_out: int
    """Clips of the library that are not among them, for there would be too many."""


@raises_problems
async def clip_points(library: Library, most: int, *, tags: tuple[str, ...] = ()) -> ClipPoints:
    """Return at most `most` clips of the platform's space, spread evenly over the library.

    Raises:
        ToolProblem: there is none, nothing has one of the tags, or the store can't be read.
    """
    selection = await select_clips(library, Filters(tags=tags))
    store, where = await library.store(), replace(selection.where, embedding_scope="clip")
    # Not all vectors of a library fit into memory.
    spans = _spans(await store.embeddings(selection.space, sample(where, most, selection.count)))
    if not spans:
        raise QuestionProblem(
            "These recordings were embedded as a whole only.",
            "Embed them with embedding_scope clip, or choose others.",
            code="nothing_to_compare",
        )
    chosen = even_sample(spans, most)
    vectors = np.stack([np.sum([row.vector for row in same], axis=0, dtype=np.float64) for same in chosen])
    clips = one_a_span(row for same in chosen for row in same)
    return ClipPoints(tuple(clips), vectors, max(selection.count, len(spans)) - len(chosen))


def _spans(rows: Iterable[Clip]) -> list[list[Clip]]:
    spans: dict[str, list[Clip]] = {}
    for row in rows:
        spans.setdefault(row.clip_id, []).append(row)
    return list(spans.values())


def sample(where: ClipFilter, most: int, count: int) -> ClipFilter:
    """Return the filter, which lets `count` clips through, narrowed to about `most` of them, rather more than fewer."""
    share = _TO_SPARE * most / count
    return where if share >= 1.0 else replace(where, share=share)


def even_sample(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, in their order."""
    return [items[round(at)] for at in np.linspace(0, len(items) - 1, min(most, len(items)))]
