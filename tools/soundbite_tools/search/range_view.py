"""Time ranges as the clips of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, Space, StoredClip
from soundbite_tools.clock import clock_range, seconds
from soundbite_tools.embed.rows import sounds_in
from soundbite_tools.results import ClipResult, PartScore
from soundbite_tools.search.borders import Borders, borders_of
from soundbite_tools.search.ranges import TimeRange
from soundbite_tools.search.ranking import WEAK_SCORE
from soundbite_tools.untrusted import shortened

if TYPE_CHECKING:
    from soundbite_tools.budget import Room
    from soundbite_tools.library import Library

_LONGEST_SOUNDS = 120


@dataclass(frozen=True)
class Answer:
    """A time range with what is said in it."""

    found: TimeRange
    borders: Borders
    text: str
    sounds: str

    def result(self, room: Room, *, is_detailed: bool) -> ClipResult:
        """Return the range as a result that keeps to its room."""
        best, found, borders = self.found.best, self.found, self.borders
        return ClipResult(
            clip_id=best.clip.clip_id,
            asset_id=best.clip.asset_id,
            title=shortened(best.clip.title, room.title),
            start_sec=seconds(borders.start_sec),
            end_sec=seconds(borders.end_sec),
            time_range=clock_range(borders.start_sec, borders.end_sec),
            score=round(best.score, 2),
            is_weak=best.score < WEAK_SCORE,
            matched=best.matched,
            text=shortened(self.text, room.text) if room.text else "",
            sounds=shortened(self.sounds, _LONGEST_SOUNDS),
            tags=list(best.clip.tags[: room.tags]),
            listen_start_sec=seconds(borders.listen_start_sec) if is_detailed else 0.0,
            listen_end_sec=seconds(borders.listen_end_sec) if is_detailed else 0.0,
            parts=_parts(found) if is_detailed else [],
        )


async def with_text(library: Library, space: Space, ranges: Sequence[TimeRange], *, with_room: bool) -> list[Answer]:
    """Return the ranges with the words said in them, and with `with_room` what is worth playing around each.

    Raises:
        StoreError: the store can't be read.
    """
    # The row that was found by its sound does not carry the words; a sibling of the same span may.
    silent = [each.clip.clip_id for found in ranges for each in found.clips if not each.clip.transcript]
    said = await _transcripts(library, space, silent)
    borders = await borders_of(library, ranges, with_room=with_room)
    return [
        Answer(found, at, _said(found, said), sounds_in(each.clip for each in found.clips))
        for found, at in zip(ranges, borders, strict=True)
    ]


def _said(found: TimeRange, said: Mapping[str, str]) -> str:
    texts = (each.clip.transcript or said.get(each.clip.clip_id, "") for each in found.clips)
    return " ".join(filter(None, texts))


async def _transcripts(library: Library, space: Space, clip_ids: Sequence[str]) -> dict[str, str]:
    if not clip_ids:
        return {}
    store = await library.store()
    where = ClipFilter(clip_ids=tuple(clip_ids))
    rows: list[StoredClip] = await store.clips(space, where, limit=6 * len(clip_ids))
    return {row.clip_id: row.transcript for row in rows if row.transcript}


def _parts(found: TimeRange) -> list[PartScore]:
    parts = sorted(found.best.parts.items(), key=lambda item: (-item[1].score, item[0]))
    return [PartScore(part=name, score=round(part.score, 3), rank=part.rank) for name, part in parts]
