"""Where a time range begins and ends for a listener: at the borders of what is said, with a little room around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import TimedText

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.ranges import TimeRange

# Heard from the very first sound on, a clip seems cut off.
_PADDING_SEC = 0.5
# A sentence that reaches further out than a segment is another one's.
_FURTHEST_SEC = 6.0


@dataclass(frozen=True)
class Borders:
    """Start and end of a range, and of what is worth playing around it, in seconds of the recording."""

    start_sec: float
    end_sec: float
    listen_start_sec: float
    listen_end_sec: float


async def borders_of(library: Library, ranges: Sequence[TimeRange], *, with_room: bool) -> list[Borders]:
    """Return the borders of each range, and with `with_room` what is worth playing around it, else the range itself.

    Natural segments begin and end where sounds do already. Segments of one length cut sentences apart, so a range of
    such is moved to the borders of the sentences that are said in it.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    assets = await ledger.get_assets(found.asset_id for found in ranges) if with_room else {}
    lengths = {asset_id: asset.duration_sec for asset_id, asset in assets.items()}
    cut = [found.asset_id for found in ranges if _is_cut_anywhere(found)]
    sentences = await ledger.get_sentences(cut, library.config.platform) if cut else {}
    return [
        _borders(found, sentences.get(found.asset_id, ()), lengths.get(found.asset_id, 0.0) if with_room else None)
        for found in ranges
    ]


def snapped(start_sec: float, end_sec: float, sentences: Sequence[TimedText]) -> tuple[float, float]:
    """Return the range moved to the borders of the sentences that lie in it by half or more; as it is where none do."""
    inside = [
        each
        for each in sentences
        if min(end_sec, each.end_sec) - max(start_sec, each.start_sec) >= (each.end_sec - each.start_sec) / 2
        and each.end_sec > each.start_sec
    ]
    if not inside:
        return start_sec, end_sec
    first, last = min(each.start_sec for each in inside), max(each.end_sec for each in inside)
    return max(first, start_sec - _FURTHEST_SEC), min(last, end_sec + _FURTHEST_SEC)


def _borders(found: TimeRange, sentences: Sequence[TimedText], length_sec: float | None) -> Borders:
    start_sec, end_sec = snapped(found.start_sec, found.end_sec, sentences)
    if length_sec is None:
        return Borders(start_sec, end_sec, start_sec, end_sec)
    listen_end_sec = end_sec + _PADDING_SEC
    return Borders(
        start_sec,
        end_sec,
        max(0.0, start_sec - _PADDING_SEC),
        min(listen_end_sec, max(length_sec, end_sec)) if length_sec else listen_end_sec,
    )


def _is_cut_anywhere(found: TimeRange) -> bool:
    return found.best.clip.segmentation.startswith("fixed") and "speech" in found.best.matched
