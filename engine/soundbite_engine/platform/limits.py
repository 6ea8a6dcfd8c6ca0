"""Rate limits, as the platform counts and reports them (contract 4.4).

Requests are counted per category and minute, media per hour. The unit of the platform's `duration` headers is not
documented; seconds are used here, as its observed values suggest.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from soundbite_engine.config import RateLimits
from soundbite_engine.platform.errors import Refused


@dataclass(frozen=True)
class Usage:
    """How much of a limit is used, and in how many seconds some of it comes back."""

    limit: float
    used: float
    reset_s: float

    @property
    def remaining(self) -> float:
        return max(0.0, self.limit - self.used)


class Window:
    """An amount that may be used within a sliding stretch of time."""

    def __init__(self, limit: float, seconds: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._taken: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def take(self, amount: float) -> bool:
        """Use `amount`, if that much is left; what is larger than the whole limit passes when nothing else is used."""
        self._forget()
        if self._taken and self._used + amount > self._limit:
            return False
        self.add(amount)
        return True

    def add(self, amount: float) -> None:
        """Use `amount`, whatever is left."""
        self._taken.append((self._clock(), amount))
        self._used += amount

    def settle(self, amount: float) -> None:
        """Use `amount` more, or give back of what was used last what it is below zero."""
        if amount >= 0:
            self.add(amount)
        while amount < 0 and self._taken:
            at, last = self._taken.pop()
            back = min(last, -amount)
            self._used, amount = self._used - back, amount + back
            if last > back:
                self._taken.append((at, last - back))
                return

    def has_room(self) -> bool:
        """Whether anything is left."""
        self._forget()
        return self._used < self._limit

    def usage(self) -> Usage:
        """How it stands now."""
        self._forget()
        reset_s = self._taken[0][0] + self._seconds - self._clock() if self._taken else 0.0
        return Usage(self._limit, self._used, max(0.0, reset_s))

    def _forget(self) -> None:
        oldest = self._clock() - self._seconds
        while self._taken and self._taken[0][0] <= oldest:
            self._used -= self._taken.popleft()[1]
        if not self._taken:
            self._used = 0.0  # no rounding is carried along


class Limiter:
    """The limits of one engine, counted on a clock that nobody sets; `wall_clock` dates the resets it tells."""

    def __init__(
        self,
        limits: RateLimits,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._wall_clock = wall_clock
        self._requests: dict[str, Window] = {}
        minutes = limits.media_minutes_per_hour
        self._media = None if minutes is None else Window(minutes * 60.0, 3600.0, clock)

    def admit_request(self, category: str) -> None:
        """Count a request.

        Raises:
            Refused: 429.
        """
        window = self._window(category)
        if window is not None and not window.take(1):
            raise self._refused(category, window, f"{self._limits.requests_per_minute} requests per minute")

    def admit_media(self, seconds: float | None) -> None:
        """Count media that is to be embedded; None is not known yet, and counted by `settle_media` once it is.

        Raises:
            Refused: 429; nothing has been counted or done.
        """
        if self._media is None:
            return
        if not (self._media.has_room() if seconds is None else self._media.take(seconds)):
            limit = f"{self._limits.media_minutes_per_hour:g} minutes of media per hour"
            raise self._refused("embeddings", self._media, limit)

    def settle_media(self, admitted_sec: float, seconds: float) -> None:
        """Count what was decoded in place of what was admitted, 0 before anybody knew how long it is."""
        if self._media is not None and seconds != admitted_sec:
            self._media.settle(seconds - admitted_sec)

    def headers(self, category: str) -> dict[str, str]:
        """What the answers of a category say about its limits; nothing when it has none."""
        windows = {"Request": self._window(category)}
        if category == "embeddings":
            windows["Duration"] = self._media
        limited = {name: window for name, window in windows.items() if window is not None}
        if not limited:
            return {}
        headers = {"X-Ratelimit-Dimensions": ",".join(sorted(limited))}
        for name, window in limited.items():
            usage, prefix = window.usage(), f"x-ratelimit-{name.lower()}"
            headers[f"{prefix}-limit"] = str(math.floor(usage.limit))
            headers[f"{prefix}-remaining"] = str(math.floor(usage.remaining))
            headers[f"{prefix}-used"] = str(math.ceil(usage.used))
            headers[f"{prefix}-reset"] = str(math.ceil(self._wall_clock() + usage.reset_s))
        return headers

    def _window(self, category: str) -> Window | None:
        if self._limits.requests_per_minute is None:
            return None
        if category not in self._requests:
            self._requests[category] = Window(self._limits.requests_per_minute, 60.0, self._clock)
        return self._requests[category]

    def _refused(self, category: str, window: Window, limit: str) -> Refused:
        wait = str(max(1, math.ceil(window.usage().reset_s)))
        return Refused(
            429,
            "too_many_requests",
            f"You have exceeded the rate limit ({limit}). Please try again later after {wait} s.",
            {"retryAfter": wait, "currentLimit": limit},
            {"Retry-After": wait},
        )
