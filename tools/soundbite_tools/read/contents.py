"""What the library holds of one recording, for people who look at it: segments, words, sounds, loudness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, StoredClip
from soundbite_tools.errors import translated
from soundbite_tools.read.get_clip import sound_file, spaces_of
from soundbite_tools.sources.local_media import Levels, MediaProblem

if TYPE_CHECKING:
    from soundbite_store import Asset, Space
    from soundbite_tools.library import Library


@dataclass(frozen=True)
class Segment:
    """A span of a recording, with what is said and heard in it."""

    clip_id: str
    start_sec: float
    end_sec: float
    words: str
    sounds: str


@dataclass(frozen=True)
class Contents:
    """A recording and its segments in time order; `levels` is None where the sound can't be read any more."""

    asset: Asset
    space: Space | None
    """Whose vectors there are; None while there are none."""
    segments: tuple[Segment, ...]
    levels: Levels | None

    @property
    def duration_sec(self) -> float:
        """The length of the recording, as well as it is known."""
        heard_sec = self.levels.duration_sec if self.levels else 0.0
        last_sec = max((each.end_sec for each in self.segments), default=0.0)
        return max(self.asset.duration_sec or heard_sec, last_sec)


@translated
async def contents_of(library: Library, asset: Asset, *, level_count: int = 0) -> Contents:
    """Return what the library holds of a recording, with its loudness in `level_count` equal parts (0: without).

    Raises:
        ToolProblem: the store can't be read.
    """
    space, rows = await _rows(library, asset.asset_id)
    # Of a long recording this takes a while: not where there is nothing to show it with.
    levels = await levels_of(library, asset, level_count) if rows and level_count else None
    return Contents(asset, space, _segments(rows), levels)


async def levels_of(library: Library, asset: Asset, count: int) -> Levels | None:
    """Return the loudness in `count` equal parts; None where the recording is no file here, gone or changed."""
    path = await sound_file(library, asset)
    if path is None:
        return None
    try:
        return await library.media_reader.levels(path, count)
    except MediaProblem:
        return None


async def _rows(library: Library, asset_id: str) -> tuple[Space | None, list[StoredClip]]:
    store = await library.store()
    where = ClipFilter(asset_ids=(asset_id,), embedding_scope="clip")
    for space in await spaces_of(library, asset_id):
        if rows := await store.clips(space, where, limit=100_000):
            return space, rows
    return None, []


def _segments(rows: list[StoredClip]) -> tuple[Segment, ...]:
    spans: dict[str, list[StoredClip]] = {}
    for row in rows:
        spans.setdefault(row.clip_id, []).append(row)
    made = [
        Segment(
            clip_id=clip_id,
            start_sec=same[0].start_sec,
            end_sec=same[0].end_sec,
            words=next((row.transcript for row in same if row.transcript), ""),
            sounds=next((row.sound_words for row in same if row.sound_words), ""),
        )
        for clip_id, same in spans.items()
    ]
    return tuple(sorted(made, key=lambda each: (each.start_sec, each.end_sec)))
