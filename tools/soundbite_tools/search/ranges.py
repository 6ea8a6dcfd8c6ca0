"""Time ranges: neighbouring clips that answer become one, with the words in it and the borders a listener wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, Space, StoredClip, TimedText
from soundbite_tools.results import ClipResult, PartScore
from soundbite_tools.search.ranking import SOUND, WEAK_SCORE, Scored
from soundbite_tools.text import clock_range, distinct_sounds, seconds, shortened, shown_language

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.text import Room


# Clips that follow each other have no gap when segments are fixed, and the pause between two turns when natural.
NEIGHBOUR_GAP_SEC = 3.0
# A neighbour whose odds to answer are less than this share of the best clip's is context and not answer.
NEIGHBOUR_ODDS = 0.55
# Longer ranges hold more answers and more that is none.
LONGEST_SPEECH_SEC = 16.0
LONGEST_SOUND_SEC = 40.0
_SAME_SHARE = 0.5
# Heard from the very first sound on, a clip seems cut off.
_PADDING_SEC = 0.5
# A sentence that reaches further out than a segment is another one's.
_FURTHEST_SEC = 6.0
_LONGEST_SOUNDS = 120


@dataclass(frozen=True)
class TimeRange:
    """One clip, or several that follow each other; `best` is the one that answers best, `clips` are in time order."""

    best: Scored
    clips: tuple[Scored, ...]

    @property
    def asset_id(self) -> str:
        """The recording."""
        return self.best.clip.asset_id

    @property
    def start_sec(self) -> float:
        """Start of the first clip."""
        return min(each.clip.start_sec for each in self.clips)

    @property
    def end_sec(self) -> float:
        """End of the last clip."""
        return max(each.clip.end_sec for each in self.clips)

    @property
    def seconds(self) -> float:
        """Length of the range."""
        return self.end_sec - self.start_sec

    def overlaps(self, other: TimeRange) -> bool:
        """Return whether two ranges of one recording share more than half of the shorter one."""
        shared = min(self.end_sec, other.end_sec) - max(self.start_sec, other.start_sec)
        return self.asset_id == other.asset_id and shared > _SAME_SHARE * min(self.seconds, other.seconds)

    def touches(self, other: Scored) -> bool:
        """Return whether a clip of the same recording begins where this ends, or ends where this begins."""
        gap_sec = max(self.start_sec, other.clip.start_sec) - min(self.end_sec, other.clip.end_sec)
        return gap_sec <= NEIGHBOUR_GAP_SEC

    def with_neighbour(self, other: Scored) -> TimeRange:
        """Return this range with one more clip."""
        return replace(self, clips=tuple(sorted((*self.clips, other), key=lambda each: each.clip.start_sec)))


def time_ranges(scored: Sequence[Scored], limit: int) -> list[TimeRange]:
    """Return the best ranges, best first: no two of them share more than half of the shorter one.

    `scored` is in order, best first; a range begins with the best clip not yet used and grows over neighbours that
    answer nearly as well.
    """
    ranges: list[TimeRange] = []
    used: set[str] = set()
    for seed in scored:
        if len(ranges) == limit:
            break
        alone = TimeRange(seed, (seed,))
        if seed.clip.clip_id in used or any(alone.overlaps(each) for each in ranges):
            continue
        grown = _grown(alone, _near(seed, scored, used), ranges)
        used.update(each.clip.clip_id for each in grown.clips)
        ranges.append(grown)
    return ranges


def best_of_each(ranges: Sequence[TimeRange]) -> list[TimeRange]:
    """Return the first range of each recording, in their order."""
    first: dict[str, TimeRange] = {}
    for found in ranges:
        first.setdefault(found.asset_id, found)
    return list(first.values())


def _near(seed: Scored, scored: Sequence[Scored], used: set[str]) -> list[Scored]:
    least = NEIGHBOUR_ODDS * _odds(seed.score)
    return [
        each
        for each in scored
        if each.clip.asset_id == seed.clip.asset_id
        and each.clip.clip_id != seed.clip.clip_id
        and each.clip.clip_id not in used
        and each.matched == seed.matched
        and _odds(each.score) >= least
    ]


def _odds(score: float) -> float:
    return score / max(1.0 - score, 1e-6)


def _grown(found: TimeRange, near: list[Scored], others: Sequence[TimeRange]) -> TimeRange:
    longest_sec = LONGEST_SOUND_SEC if found.best.matched == SOUND else LONGEST_SPEECH_SEC
    while True:
        for each in near:
            # A clip that lies over the range is the same sound cut in another way, not a neighbour.
            if found.touches(each) and not found.overlaps(TimeRange(each, (each,))):
                longer = found.with_neighbour(each)
                if longer.seconds <= longest_sec and not any(longer.overlaps(other) for other in others):
                    found = longer
                    near = [other for other in near if other is not each]
                    break
        else:
            return found


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


@dataclass(frozen=True)
class Answer:
    """A time range with what is said in it."""

    found: TimeRange
    borders: Borders
    text: str
    sounds: str
    context: str = ""

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
            context=shortened(self.context, 2 * room.text) if room.text else "",
            sounds=shortened(self.sounds, _LONGEST_SOUNDS),
            language=shown_language(best.clip.language),
            tags=list(best.clip.tags[: room.tags]),
            listen_start_sec=seconds(borders.listen_start_sec) if is_detailed else 0.0,
            listen_end_sec=seconds(borders.listen_end_sec) if is_detailed else 0.0,
            parts=_parts(found) if is_detailed else [],
        )


async def with_text(
    library: Library, space: Space, ranges: Sequence[TimeRange], *, with_room: bool, context_sec: float = 0.0
) -> list[Answer]:
    """Return the ranges with the words said in them, and with `with_room` what is worth playing around each.

    With `context_sec` also all that is said from that long before a range to that long after it.

    Raises:
        StoreError: the store can't be read.
    """
    # The row that was found by its sound does not carry the words; a sibling of the same span may.
    silent = [each.clip.clip_id for found in ranges for each in found.clips if not each.clip.transcript]
    said = await _transcripts(library, space, silent)
    borders = await borders_of(library, ranges, with_room=with_room)
    around = await _contexts(library, ranges, borders, context_sec) if context_sec else [""] * len(ranges)
    return [
        Answer(found, at, _said(found, said), distinct_sounds(each.clip.sound_words for each in found.clips), context)
        for found, at, context in zip(ranges, borders, around, strict=True)
    ]


async def _contexts(
    library: Library, ranges: Sequence[TimeRange], borders: Sequence[Borders], context_sec: float
) -> list[str]:
    ledger = await library.ledger()
    sentences = await ledger.get_sentences((found.asset_id for found in ranges), library.config.platform)
    return [
        " ".join(
            sentence.value
            for sentence in sentences.get(found.asset_id, ())
            if sentence.end_sec > at.start_sec - context_sec and sentence.start_sec < at.end_sec + context_sec
        )
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
