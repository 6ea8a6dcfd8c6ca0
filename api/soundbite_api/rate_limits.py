"""What the platform says of its rate limits (contract 4.4), and not asking while one is used up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A smaller number is seconds from now, a larger one seconds since 1970: specifications differ.
_EPOCH_FROM = 1_000_000_000.0
# A limit that resets later than this is left to the platform to refuse.
_LONGEST_HOLD_S = 120.0
_REQUESTS = ("", "request")


@dataclass(frozen=True)
class RateLimit:
    """One limit: of requests, of minutes of media (`duration`), or unnamed in the older headers."""

    dimension: str
    limit: float | None
    remaining: float | None
    reset_s: float | None
    """Seconds from now."""

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of it."""
        return self.remaining is not None and self.remaining <= 0


def read_rate_limits(headers: Mapping[str, str], *, now_s: float | None = None) -> tuple[RateLimit, ...]:
    """Return the limits an answer was checked against, in either form of the headers."""
    now = time.time() if now_s is None else now_s
    named = [name.strip().lower() for name in headers.get("x-ratelimit-dimensions", "").split(",") if name.strip()]
    limits = []
    for name in [*named, ""]:
        prefix = f"x-ratelimit-{name}-" if name else "x-ratelimit-"
        limit, remaining, reset = (_number(headers.get(prefix + last)) for last in ("limit", "remaining", "reset"))
        if limit is not None or remaining is not None:
            wait_s = None if reset is None else max(0.0, reset - now if reset >= _EPOCH_FROM else reset)
            limits.append(RateLimit(name, limit, remaining, wait_s))
    return tuple(limits)


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds a `Retry-After` header asks for: delta seconds or an HTTP date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = _number(value)
    if seconds is None:
        try:
            when = parsedate_to_datetime(value)
            if when.tzinfo is None:
                when = when.replace(tzinfo=UTC)
            seconds = (when - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds)


def refused_for_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return how long a 429 asks to wait: `Retry-After`, else the reset of whatever limit is spent."""
    seconds = retry_after_s(headers, now=now)
    if seconds is not None:
        return seconds
    resets = [limit.reset_s for limit in read_rate_limits(headers) if limit.is_spent and limit.reset_s is not None]
    return max(resets, default=None)


class RatePace:
    """Remembers which kinds of calls have no request left, and until when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held_until: dict[str, float] = {}

    def note(self, kind: str, headers: Mapping[str, str]) -> None:
        """Take note of what an answer says; a spent media limit holds no call back, since most calls need none."""
        self._held_until.pop(kind, None)
        for limit in read_rate_limits(headers):
            is_near = limit.reset_s is not None and limit.reset_s <= _LONGEST_HOLD_S
            if limit.is_spent and limit.dimension in _REQUESTS and is_near:
                self._held_until[kind] = self._clock() + (limit.reset_s or 0.0)

    def wait_s(self, kind: str) -> float:
        """Return how long calls of this kind had better wait; 0 when they need not."""
        return max(0.0, self._held_until.get(kind, 0.0) - self._clock())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None
