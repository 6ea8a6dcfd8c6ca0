"""The clips of a selection with their vectors, for tools that look at all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundbite_store import Clip, StoredClip
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.groups.sampling import evenly, sampled
from soundbite_tools.search.queries import SOUND, SPEECH

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.scope import Searched

MOST_CLIPS = 5_000
_SEPARATE = {SPEECH: ("transcription",), SOUND: ("audio",), "any": ("transcription", "audio")}


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
        found = [self.rows[clip.clip_id][option] for clip in self.clips if option in self.rows[clip.clip_id]]
        return found, np.stack([row.vector for row in found]) if found else np.zeros((0, 0), np.float32)


async def clip_rows(library: Library, searched: Searched, modality: str) -> ClipRows:
    """Return the clips of a selection, of more than 5,000 a sample spread evenly over all of them.

    Recordings embedded only as a whole count as one clip; a sample of clips has none of them.

    Raises:
        QuestionProblem: none of them has what the modality asks for.
        StoreError: the store can't be read.
    """
    found, is_cut = await _rows_of(library, searched, "clip", modality)
    if not is_cut:
        whole, is_cut = await _rows_of(library, searched, "asset", modality)
        cut_up = {row.asset_id for row in found}
        found += [row for row in whole if row.asset_id not in cut_up]
    rows = _by_clip(found, _SEPARATE[modality], is_cut=is_cut)
    if not rows.clips:
        lack = "speech" if modality == SPEECH else "its sound embedded"
        raise QuestionProblem(
            f"None of these clips has {lack}.", 'Use modality "any", or other recordings.', code="nothing_to_compare"
        )
    return rows


async def _rows_of(library: Library, searched: Searched, scope: str, modality: str) -> tuple[list[Clip], bool]:
    """Return the rows of a scope, and whether they are a sample, for there are too many."""
    store, where = await library.store(), replace(searched.where, embedding_scope=scope)
    options = (*_SEPARATE[modality], "fused")
    count = max([await store.count(searched.space, replace(where, embedding_option=each)) for each in options])
    if is_cut := count > MOST_CLIPS:
        where = sampled(where, MOST_CLIPS, count)
    return await store.embeddings(searched.space, where), is_cut


def _by_clip(found: Sequence[Clip], options: Sequence[str], *, is_cut: bool) -> ClipRows:
    rows: dict[str, dict[str, Clip]] = {}
    for row in sorted(found, key=lambda row: (row.asset_id, row.start_sec, row.end_sec)):
        rows.setdefault(row.clip_id, {})[row.embedding_option] = row
    chosen = {clip_id: wanted for clip_id, each in rows.items() if (wanted := _wanted(each, options))}
    kept = evenly(list(chosen), MOST_CLIPS)
    clips = tuple(_described(rows[clip_id]) for clip_id in kept)
    return ClipRows(clips, {clip_id: chosen[clip_id] for clip_id in kept}, is_cut=is_cut)


def _wanted(rows: dict[str, Clip], options: Sequence[str]) -> dict[str, Clip]:
    # The fused row says nothing that the separate ones do not say better.
    return {option: row for option, row in rows.items() if option in options or rows.keys() == {"fused"}}


def _described(rows: dict[str, Clip]) -> StoredClip:
    any_row = next(iter(rows.values()))
    return replace(
        any_row,
        transcript=next((row.transcript for row in rows.values() if row.transcript), ""),
        sound_words=next((row.sound_words for row in rows.values() if row.sound_words), ""),
    )
