"""What the library holds of one recording, for people who look at it: segments, words, sounds, loudness."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, Envelope, StoredClip, one_a_span
from soundbite_tools.embed.params import track_of
from soundbite_tools.embed.renewal import erased_notes, is_erased_note
from soundbite_tools.errors import raises_problems
from soundbite_tools.read.get_clip import spaces_of
from soundbite_tools.sources.files import sound_file
from soundbite_tools.sources.local_media import Levels, MediaProblem
from soundbite_tools.speakers import NO_NAMES, SpeakerLabels, speaker_labels

if TYPE_CHECKING:
    from soundbite_store import Asset, Space
    from soundbite_tools.library import Library

MOST_PEAKS = 4096


@dataclass(frozen=True)
class Contents:
    """A recording and its clips in time order, one for each span, with its words and sounds."""

    asset: Asset
    space: Space | None
    """Whose vectors there are; None while there are none."""
    clips: tuple[StoredClip, ...]
    levels: Levels | None
    """None where the sound can't be read any more."""
    labels: SpeakerLabels = NO_NAMES
    """How its speakers are called."""
    notes: tuple[str, ...] = ()
    """What was noted when it was embedded."""

    @property
    def duration_sec(self) -> float:
        """The length of the recording, as well as it is known."""
        sound_sec = self.levels.duration_sec if self.levels else 0.0
        last_sec = max((clip.end_sec for clip in self.clips), default=0.0)
        return max(self.asset.duration_sec or sound_sec, last_sec)


@raises_problems
async def contents_of(library: Library, asset: Asset, *, level_count: int = 0) -> Contents:
    """Return what the library holds of a recording, with its loudness in `level_count` equal parts (0: without).

    Raises:
        ToolProblem: the store can't be read.
    """
    space, rows = await _rows(library, asset.asset_id)
    # Of a long recording this takes a while: not where there is nothing to show it with.
    levels = await levels_of(library, asset, level_count) if rows and level_count else None
    clips = sorted(one_a_span(rows), key=lambda clip: (clip.start_sec, clip.end_sec))
    labels = await speaker_labels(library, [asset.asset_id])
    ready = await (await library.ledger()).list_tasks(limit=1, asset_id=asset.asset_id, status="ready")
    notes = [note for note in json.loads(ready[0].notes_json) if not is_erased_note(note)] if ready else []
    return Contents(asset, space, tuple(clips), levels, labels, (*notes, *erased_notes(asset, None)))


@raises_problems
async def levels_of(library: Library, asset: Asset, count: int) -> Levels | None:
    """Return the loudness in `count` equal parts, as it was kept; of what was embedded elsewhere it is made now.

    None where it was not kept, and the recording is no file here, gone or changed.

    Raises:
        ToolProblem: the ledger can't be read.
    """
    ledger = await library.ledger()
    if envelope := await ledger.get_envelope(asset):
        return Levels(envelope.duration_sec, _spread(envelope.peaks, count))
    source = await sound_file(library, asset)
    if source is None:
        return None
    try:
        fine = await library.media_reader.levels(source, MOST_PEAKS, track_of(asset))
    except MediaProblem:
        return None
    if not library.config.is_read_only:
        await ledger.put_envelope(asset, Envelope(duration_sec=fine.duration_sec, peaks=fine.peaks))
    return Levels(fine.duration_sec, _spread(fine.peaks, count))


def _spread(peaks: bytes, count: int) -> bytes:
    """Return the highest level in each of `count` equal parts."""
    edges = [round(at * len(peaks) / count) for at in range(count + 1)]
    return bytes(max(peaks[min(first, len(peaks) - 1) : max(first + 1, last)]) for first, last in pairwise(edges))


async def _rows(library: Library, asset_id: str) -> tuple[Space | None, list[StoredClip]]:
    store = await library.store()
    where = ClipFilter(asset_ids=(asset_id,), embedding_scope="clip")
    for space in await spaces_of(library, asset_id):
        if rows := await store.clips(space, where, limit=100_000):
            return space, rows
    return None, []
