"""Who calls over HTTP, how often each may, and how much audio it may have embedded."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mcp.server.auth.middleware.auth_context import get_access_token

from soundbite_tools import ToolProblem

LOCAL = "local"
"""Everybody on stdio, and over HTTP without tokens."""
_MINUTE_S = 60.0
_HOUR_S = 3600.0
_MOST_PRINCIPALS = 10_000
T = TypeVar("T")


def principal() -> str:
    """Return whose call this is: the name of a static token, or issuer and subject of one of an OAuth issuer."""
    token = get_access_token()
    if token is None:
        return LOCAL
    issuer = (token.claims or {}).get("iss", "")
    return f"{issuer}#{token.subject}" if issuer else f"token:{token.subject}"


def check_caller(owner: str) -> None:
    """Look at the token that comes with a link: the link is enough, but a token must be that of the link's owner.

    Raises:
        LinkRefused: it is another caller's.
    """
    if principal() not in (LOCAL, owner):
        raise LinkRefused("There is no such link.", 404)


class LinkRefused(Exception):
    """A link is not one of ours, or its time is over; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class LimitReached(ToolProblem):
    """A principal called too often, or had too much audio embedded."""

    code = "limit_reached"


class Limits:
    """Sliding windows of calls and of minutes, one each a principal; kept in memory, so a restart clears them."""

    def __init__(
        self, calls_per_minute: int, audio_minutes_per_hour: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_calls = calls_per_minute
        self._most_audio_s = audio_minutes_per_hour * 60.0
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._audio: dict[str, deque[tuple[float, float]]] = {}

    def count_call(self, principal: str) -> None:
        """Count one call.

        Raises:
            LimitReached: there were too many in the last minute.
        """
        if self._most_calls:
            self.check_calls(principal)
            _window(self._calls, principal).append(self._clock())

    def check_calls(self, principal: str) -> None:
        """Look whether one more call may be made.

        Raises:
            LimitReached: there were too many in the last minute.
        """
        if not self._most_calls:
            return
        now, calls = self._clock(), _window(self._calls, principal)
        while calls and calls[0] <= now - _MINUTE_S:
            calls.popleft()
        if len(calls) >= self._most_calls:
            wait_s = math.ceil(calls[0] + _MINUTE_S - now)
            raise LimitReached(
                f"More than {self._most_calls} calls in a minute.", f"Wait {wait_s} seconds and call again."
            )

    def audio_of(self, principal: str) -> AudioAllowance | None:
        """Return what one principal may have embedded; None without a limit."""
        return AudioAllowance(self, principal) if self._most_audio_s else None

    def check_audio(self, principal: str) -> None:
        """Look whether more may be embedded.

        Raises:
            LimitReached: the last hour's minutes are used up.
        """
        now, used = self._clock(), _window(self._audio, principal)
        while used and used[0][0] <= now - _HOUR_S:
            used.popleft()
        if sum(seconds for _, seconds in used) >= self._most_audio_s:
            wait_min = math.ceil((used[0][0] + _HOUR_S - now) / 60)
            raise LimitReached(
                f"The {self._most_audio_s / 60:g} minutes of audio that may be embedded in an hour are used up.",
                f"Search what is there, or embed more in {wait_min} minutes.",
            )

    def count_audio(self, principal: str, seconds: float) -> None:
        """Count seconds of audio that were taken on."""
        _window(self._audio, principal).append((self._clock(), seconds))


@dataclass(frozen=True)
class AudioAllowance:
    """What one principal may have embedded."""

    limits: Limits
    principal: str

    def check(self) -> None:
        """Look whether more may be embedded.

        Raises:
            LimitReached: the last hour's minutes are used up.
        """
        self.limits.check_audio(self.principal)

    def count(self, seconds: float) -> None:
        """Count seconds of audio that are taken on."""
        self.limits.count_audio(self.principal, seconds)


def _window(windows: dict[str, deque[T]], principal: str) -> deque[T]:
    if principal not in windows and len(windows) >= _MOST_PRINCIPALS:
        windows.pop(next(iter(windows)))
    return windows.setdefault(principal, deque())
