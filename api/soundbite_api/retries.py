"""When and how long to wait before asking again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import anyio

from soundbite_api.errors import MalformedResponse, PlatformError, PlatformFault, PlatformUnreachable, RateLimited

T = TypeVar("T")

NEVER_SENT = "never_sent"
NOT_JSON = "not_json"


@dataclass(frozen=True)
class BackOff:
    """Pauses that grow from `first_s` to `longest_s`, each drawn evenly from `spread` (shares of itself)."""

    first_s: float
    longest_s: float
    growth: float = 2.0
    spread: tuple[float, float] = (0.5, 1.5)
    jitter: Callable[[], float] = random.random

    def pause_s(self, attempt: int) -> float:
        """Return the seconds to wait after failed try number `attempt`, counted from 0."""
        # Beyond sixty doublings a float may overflow, and every pause is the longest.
        pause_s = min(self.longest_s, self.first_s * self.growth ** min(attempt, 60))
        least, most = self.spread
        return pause_s * (least + (most - least) * self.jitter())


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter, `Retry-After` honoured, bounded in tries and seconds.

    The jitter is AWS's "full jitter": uniform between 0 and min(longest, first * 2^n).
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 120.0
    patience_s: float = 600.0
    """Seconds of waiting in all; a wait that would pass it is not begun."""
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    def wait_s(self, attempt: int, error: PlatformError) -> float:
        """Return the seconds to wait after failed try number `attempt`, counted from 0."""
        if error.retry_after_s is not None:
            return min(error.retry_after_s, self.longest_retry_after_s)
        return BackOff(self.first_wait_s, self.longest_wait_s, spread=(0.0, 1.0), jitter=self.jitter).pause_s(attempt)

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        is_idempotent: bool,
        recover: Callable[[], Awaitable[T | None]] | None = None,
    ) -> T:
        """Return what `call` returns, trying again where that is safe.

        A 429 was never processed and is always tried again; a call that surely never reached the platform too.
        Other unreachable, faulty and garbled answers are tried again when the call is idempotent, or when `recover`
        has looked for what the call may have made and found nothing; what it finds is returned.
        """
        waited_s = 0.0
        for attempt in range(self.attempts):
            try:
                return await call()
            except PlatformError as exc:
                wait_s = self.wait_s(attempt, exc)
                may_repeat = _was_not_processed(exc) or (_may_pass(exc) and (is_idempotent or recover is not None))
                if attempt + 1 == self.attempts or not may_repeat or waited_s + wait_s > self.patience_s:
                    raise
                await self.sleep(wait_s)
                waited_s += wait_s
                if recover is not None and not _was_not_processed(exc):
                    result = await recover()
                    if result is not None:
                        return result
        raise AssertionError("attempts must be at least 1")


@dataclass(frozen=True)
class PollPolicy:
    """How often to look at what is not ready yet: at growing intervals, each varied by a fifth."""

    first_s: float = 1.0
    growth: float = 1.5
    longest_s: float = 15.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    def pauses(self) -> Iterator[float]:
        """Return the seconds to wait before each look but the first, without end."""
        back_off = BackOff(self.first_s, self.longest_s, self.growth, (0.8, 1.2), self.jitter)
        return map(back_off.pause_s, itertools.count())


def _was_not_processed(error: PlatformError) -> bool:
    return isinstance(error, RateLimited) or (isinstance(error, PlatformUnreachable) and error.code == NEVER_SENT)


def _may_pass(error: PlatformError) -> bool:
    is_garbled = isinstance(error, MalformedResponse) and error.code == NOT_JSON
    return is_garbled or isinstance(error, PlatformUnreachable | PlatformFault)
