"""When and how long to wait before asking again."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from soundbite_api.errors import PlatformError, PlatformFault, PlatformUnreachable, RateLimited

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter, `Retry-After` honoured, bounded in tries and seconds.

    The jitter is AWS's "full jitter": uniform between 0 and min(longest, first * 2^n).
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    def wait_s(self, attempt: int, error: PlatformError) -> float:
        """Return the seconds to wait after failed try number `attempt`, counted from 0."""
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            return min(error.retry_after_s, self.longest_retry_after_s)
        return self.jitter() * min(self.longest_wait_s, self.first_wait_s * 2.0**attempt)

    async def run(self, call: Callable[[], Awaitable[T]], *, is_idempotent: bool) -> T:
        """Return what `call` returns, trying again where that is safe.

        A 429 was never processed and is always tried again; a call that surely never reached the platform too.
        Other unreachable and 5xx answers are tried again only when the call is idempotent.
        """
        for attempt in range(self.attempts):
            try:
                return await call()
            except PlatformError as exc:
                if attempt + 1 == self.attempts or not _is_safe(exc, is_idempotent):
                    raise
                await self.sleep(self.wait_s(attempt, exc))
        raise AssertionError("attempts must be at least 1")


def _is_safe(error: PlatformError, is_idempotent: bool) -> bool:
    if isinstance(error, RateLimited):
        return True
    if isinstance(error, PlatformUnreachable):
        return is_idempotent or error.code == "never_sent"
    return isinstance(error, PlatformFault) and is_idempotent
