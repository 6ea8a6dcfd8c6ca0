"""Time ranges: neighbouring answers of one recording become one, answers that overlap collapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from soundbite_tools.ranking import Scored

# Clips that follow each other have no gap when segments are fixed, and a breath's pause when they are natural.
NEIGHBOUR_GAP_SEC = 1.0
# A neighbour that answers this much worse, or hardly at all, is context and not answer.
NEIGHBOUR_SHARE = 0.75
LEAST_NEIGHBOUR_SCORE = 0.35
LONGEST_RANGE_SEC = 40.0
_SAME_SHARE = 0.5


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
        if seed.clip.clip_id in used or any(_overlaps(each, seed) for each in ranges):
            continue
        if len(ranges) == limit:
            break
        grown = _grown(seed, [each for each in scored if each.clip.clip_id not in used])
        used.update(each.clip.clip_id for each in grown.clips)
        ranges.append(grown)
    return ranges


def _grown(seed: Scored, others: Sequence[Scored]) -> TimeRange:
    found = TimeRange(seed, (seed,))
    near = [
        each
        for each in others
        if each.clip.asset_id == seed.clip.asset_id
        and each.clip.clip_id != seed.clip.clip_id
        and each.matched == seed.matched
        and each.score >= max(NEIGHBOUR_SHARE * seed.score, LEAST_NEIGHBOUR_SCORE)
    ]
    while near:
        follower = next((each for each in near if found.touches(each) and _fits(found, each)), None)
        if follower is None:
            break
        near.remove(follower)
        found = found.with_neighbour(follower)
    return found


def _fits(found: TimeRange, other: Scored) -> bool:
    # A clip that lies over the range is the same sound cut in another way, not a neighbour.
    start_sec, end_sec = min(found.start_sec, other.clip.start_sec), max(found.end_sec, other.clip.end_sec)
    return not _overlaps(found, other) and end_sec - start_sec <= LONGEST_RANGE_SEC


def _overlaps(found: TimeRange, other: Scored) -> bool:
    if found.asset_id != other.clip.asset_id:
        return False
    shared = min(found.end_sec, other.clip.end_sec) - max(found.start_sec, other.clip.start_sec)
    shorter = min(found.end_sec - found.start_sec, other.clip.end_sec - other.clip.start_sec)
    return shared > _SAME_SHARE * shorter
