"""Time ranges: neighbouring answers of one recording become one, answers that overlap collapse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from soundbite_tools.search.ranking import Scored

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


def spread(ranges: Sequence[TimeRange], diversity: float) -> list[TimeRange]:
    """Return the ranges reordered so that recordings take turns, the more the higher `diversity` (0 to 1) is.

    Each further range of one recording counts as `diversity` less than the one before: at 1, every recording comes
    once before any comes twice.
    """
    if not diversity:
        return list(ranges)
    taken: Counter[str] = Counter()
    left, ordered = list(ranges), list[TimeRange]()
    while left:
        rated = [each.best.score * (1.0 - diversity) ** taken[each.asset_id] for each in left]
        best = min(range(len(left)), key=lambda place: (-round(rated[place], 6), taken[left[place].asset_id], place))
        taken[left[best].asset_id] += 1
        ordered.append(left.pop(best))
    return ordered


def _near(seed: Scored, scored: Sequence[Scored], used: set[str]) -> list[Scored]:
    least = max(NEIGHBOUR_SHARE * seed.score, LEAST_NEIGHBOUR_SCORE)
    return [
        each
        for each in scored
        if each.clip.asset_id == seed.clip.asset_id
        and each.clip.clip_id != seed.clip.clip_id
        and each.clip.clip_id not in used
        and each.matched == seed.matched
        and each.score >= least
    ]


def _grown(found: TimeRange, near: list[Scored], others: Sequence[TimeRange]) -> TimeRange:
    while True:
        for each in near:
            # A clip that lies over the range is the same sound cut in another way, not a neighbour.
            if found.touches(each) and not found.overlaps(TimeRange(each, (each,))):
                longer = found.with_neighbour(each)
                if longer.seconds <= LONGEST_RANGE_SEC and not any(longer.overlaps(other) for other in others):
                    found = longer
                    near = [other for other in near if other is not each]
                    break
        else:
            return found
