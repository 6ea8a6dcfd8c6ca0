"""The filters of a search as its caller gave them, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from soundbite_store import ClipFilter
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.untrusted import plain_tags, plain_text

_LONGEST_SOUND = 60


@dataclass(frozen=True)
class Selection:
    """Which clips are looked at: all conditions must hold, empty ones let everything through."""

    asset_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Of the recording, any of them."""
    sounds: tuple[str, ...] = ()
    """Heard in the clip, any of them."""
    start_sec: float = 0.0
    """The clip reaches past this time of its recording."""
    end_sec: float = 0.0
    """The clip begins before this time of its recording; 0 is no limit."""
    min_seconds: float = 0.0
    added_after: datetime | None = None

    @classmethod
    def checked(
        cls,
        *,
        asset_ids: Sequence[str] = (),
        tags: Sequence[str] = (),
        sounds: Sequence[str] = (),
        start_sec: float = 0.0,
        end_sec: float = 0.0,
        min_seconds: float = 0.0,
        added_after: str = "",
    ) -> Selection:
        """Return the filters cleaned.

        Raises:
            QuestionProblem: a time that is not one, or a range that ends before it begins.
        """
        times = (start_sec, end_sec, min_seconds)
        if not all(math.isfinite(value) and value >= 0.0 for value in times) or (end_sec and end_sec <= start_sec):
            raise QuestionProblem(
                f"There is no time from {start_sec:g} to {end_sec:g} s with at least {min_seconds:g} s.",
                "Give start_sec below end_sec (0 is the end), and no negative numbers.",
                code="range_invalid",
            )
        return cls(
            asset_ids=tuple(dict.fromkeys(each.strip() for each in asset_ids if each.strip())),
            tags=plain_tags(tuple(tags)),
            sounds=tuple(dict.fromkeys(word for each in sounds if (word := plain_text(each, _LONGEST_SOUND).lower()))),
            start_sec=start_sec,
            end_sec=end_sec,
            min_seconds=min_seconds,
            added_after=_moment(added_after.strip()) if added_after.strip() else None,
        )

    @property
    def names(self) -> list[str]:
        """The names of the filters that are set."""
        return [field.name for field in fields(self) if getattr(self, field.name)]

    @property
    def where(self) -> ClipFilter:
        """The filter for the store; sounds are no column of it."""
        return ClipFilter(
            asset_ids=self.asset_ids or None,
            tags_any=self.tags or None,
            ends_after_sec=self.start_sec or None,
            starts_before_sec=self.end_sec or None,
            min_seconds=self.min_seconds or None,
            created_after=self.added_after,
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:  # the first and the last day may lie outside of what is a date in UTC
        raise QuestionProblem(
            f"{plain_text(text, 40)!r} is not a date.",
            "Give added_after as 2026-01-31 or 2026-01-31T18:00:00Z (UTC where no zone is given).",
            code="date_invalid",
        ) from exc
