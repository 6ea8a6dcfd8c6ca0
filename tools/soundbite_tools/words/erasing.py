"""Clips of which a span is erased: gone, or made anew of what remains."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_store import RowChange, StoredTranscript, changed_rows, encoded_vector, is_touched
from soundbite_tools.text import plain_text
from soundbite_tools.words.rewording import REACH_SEC, ClipChanges, Span, clip_changes, distance_sec
from soundbite_tools.words.timed_words import LONGEST_TRANSCRIPT, TimedWords

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from soundbite_store import Asset, Clip, Space
    from soundbite_tools.library import Library

Key = tuple[str, str, str, str]
# Clips that end where a span begins are not touched by it.
_GRAIN_SEC = 1e-4


async def erased_clips(
    library: Library, asset: Asset, before: StoredTranscript | None, after: StoredTranscript | None, span: Span
) -> ClipChanges:
    """Return how the clips of a recording follow when a span is erased; the transcript was and is then this.

    Sounds and mixed vectors of clips that touch the span go; words that remain have their vectors made anew, also of
    clips so near that their vectors hold what was said in the span. Where that can't be, the vectors go.

    Raises:
        PlatformError: it does not embed the words that remain.
        StoreError: the store or the ledger can't be read.
    """
    # A word that reaches into the span goes as a whole, and may belong to a clip before it.
    gone = [word for word in (before.words if before else ()) if is_touched(word.start_sec, word.end_sec, [span])]
    start_sec = min([span[0], *(word.start_sec for word in gone)]) + _GRAIN_SEC
    end_sec = max([span[1], *(word.end_sec for word in gone)]) - _GRAIN_SEC
    transcript = after or StoredTranscript(
        asset_id=asset.asset_id, source="", start_sec=0.0, end_sec=0.0, words=(), sentences=()
    )
    erased = sorted([*asset.erased, span])
    words = TimedWords(after, erased)

    def amend(space: Space, rows: Sequence[Clip], changes: list[RowChange], is_current: bool) -> list[RowChange]:
        of_clips = [row for row in rows if row.embedding_scope == "clip"]
        made = _of_clips(space, of_clips, changes, span, is_current=is_current)
        remaining = changed_rows(of_clips, made)
        vectors = {change.key: change.vector for change in changes if change.embedding_scope == "asset"}
        whole = (row for row in rows if row.embedding_scope == "asset")
        return made + [_of_whole(space, row, remaining, vectors, words) for row in whole]

    return await clip_changes(library, asset.asset_id, transcript, [(start_sec, end_sec)], erased=erased, amend=amend)


def _of_clips(
    space: Space, rows: Sequence[Clip], changes: Iterable[RowChange], span: Span, *, is_current: bool
) -> list[RowChange]:
    made: dict[Key, RowChange] = {change.key: change for change in changes if change.embedding_scope == "clip"}
    touched = {row.clip_id for row in rows if is_touched(row.start_sec, row.end_sec, [span])}
    by_key = {_key(row): row for row in rows}
    for key in [*by_key, *made]:
        row, change = by_key.get(key), made.get(key)
        clip_id, option = key[0], key[1]
        if clip_id in touched:
            if option == "transcription" and change and change.vector and not change.is_deleted:
                made[key] = replace(change, sound_words="")
            elif row:
                made[key] = _deleted(space, row)
            else:
                del made[key]
        elif (row and option != "audio" and not is_current and distance_sec(row, [span]) <= REACH_SEC) or (
            row and change and option != "audio" and not change.vector
        ):
            made[key] = _deleted(space, row)
    return list(made.values())


def _of_whole(space: Space, row: Clip, clips: Sequence[Clip], vectors: dict[Key, str], words: TimedWords) -> RowChange:
    """The change of a row that stands for the whole recording: the mean of the clips that remain."""
    alike = [clip for clip in clips if _kind(clip) == _kind(row)]
    mean = _mean(alike)
    if mean is None:
        return _deleted(space, row)
    text = plain_text(words.between(row.start_sec, row.end_sec), LONGEST_TRANSCRIPT) if row.transcript else ""
    is_spoken = row.embedding_option == "transcription"
    vector = (vectors.get(_key(row)) if is_spoken else "") or encoded_vector(mean)
    return replace(_deleted(space, row), transcript=text, vector=vector, sound_words="", is_deleted=False)


def _mean(clips: Sequence[Clip]) -> NDArray[np.float32] | None:
    import numpy as np

    lengths: defaultdict[str, float] = defaultdict(float)
    for clip in clips:
        lengths[clip.clip_id] = clip.end_sec - clip.start_sec
    mean = np.sum([clip.vector * lengths[clip.clip_id] for clip in clips], axis=0) if clips else None
    return None if mean is None or not mean.any() else (mean / np.linalg.norm(mean)).astype(np.float32)


def _kind(row: Clip) -> tuple[str, str]:
    return row.embedding_option, row.segmentation


def _key(row: Clip) -> Key:
    return row.clip_id, row.embedding_option, row.embedding_scope, row.segmentation


def _deleted(space: Space, row: Clip) -> RowChange:
    return RowChange(
        space_id=space.id,
        dimension=space.dimension,
        asset_id=row.asset_id,
        clip_id=row.clip_id,
        embedding_option=row.embedding_option,
        embedding_scope=row.embedding_scope,
        segmentation=row.segmentation,
        transcript="",
        is_deleted=True,
    )
