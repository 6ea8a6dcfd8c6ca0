"""What can go wrong between us and the platform, and what it says of tasks that failed and of its rate limits.

PlatformError                 everything below; says code, message, hint, is_retryable
├── PlatformUnreachable       no answer came: refused, timed out, connection dropped
├── RequestRefused            the platform understood and said no (4xx)
│   ├── Unauthorized          401, 403
│   ├── NotFound              404
│   ├── TooLarge              413
│   └── RateLimited           429; carries retry_after_s
├── PlatformFault             the platform failed (5xx); carries retry_after_s
├── MalformedResponse         an answer that is not of the contract
├── AssetFailed               the platform could not read an uploaded file
└── TaskFailed                an embedding task ended as failed
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LONGEST_MESSAGE = 500
# Codes that say more than their status (contract 4.2).
_HINTS: Mapping[str, str] = {
    "api_allowed_for_paid_plan": "Use a key of a paid plan, or unset TWELVELABS_API_KEY to use the embedded engine.",
    "region_not_allowed": "The platform is not offered here; unset TWELVELABS_API_KEY to use the embedded engine.",
    "api_upgrade_required": "Upgrade Soundbite, or point TWELVELABS_BASE_URL at the version it speaks (v1.3).",
}
_REQUEST_TIMEOUT = 408
_LATER = "Try again in a few minutes."
_CHECK_FILE = "Check that the file plays and has sound, then embed it again."
_SHORTER = "Embed a shorter window (start_sec, end_sec), or a smaller file."
# The beginnings of the known messages (contract 3.6), lower case; the platform puts numbers into some.
_TASK_HINTS = (
    ("the embedding request was invalid", "Change the parameters: the platform refused them for this media."),
    ("the media exceeds the maximum allowed size", _SHORTER),
    ("content exceeds the model's context window", _SHORTER),
    ("file size (", _SHORTER),
    ("duration (", _SHORTER),
    ("the embedding result is no longer available", "Embed it again: the platform keeps results for seven days."),
    ("failed to fetch or materialize source media", "Check that the URL or the asset still exists, then try again."),
)
_RETRYABLE = ("temporarily unstable", "try again later")


class PlatformError(Exception):
    """A call to the platform did not succeed.

    `code` is the platform's own code where it gave one, `hint` the next step for a person, `is_retryable`
    whether the same call may succeed later.
    """

    hint = "Run `soundbite doctor` to see what the platform answers."
    is_retryable = False
    retry_after_s: float | None = None
    """Seconds after which the platform asked to come back, where it did."""

    def __init__(self, message: str, *, code: str = "", status: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        if hint is not None:
            self.hint = hint


class PlatformUnreachable(PlatformError):
    """No answer came: the address is wrong, the network is down, or the connection was dropped."""

    hint = "Check the network and TWELVELABS_BASE_URL, then try again."
    is_retryable = True


class RequestRefused(PlatformError):
    """The platform refused the request as sent."""

    hint = "Change the request as the message says."


class Unauthorized(RequestRefused):
    """The API key is missing, wrong, expired, or not allowed to do this."""

    hint = "Set TWELVELABS_API_KEY to a valid key, or unset it to use the embedded engine."


class NotFound(RequestRefused):
    """No such asset, task or transcription."""

    hint = "Check the id; list_audio and get_task show the known ones."


class TooLarge(RequestRefused):
    """The body or the media is larger than the platform takes."""

    hint = "Send a shorter window (start_sec, end_sec) or upload the file as an asset first."


class RateLimited(RequestRefused):
    """A rate limit was hit; the request was not processed, so repeating it is always safe."""

    hint = "Wait and try again; fewer files at once helps."
    is_retryable = True

    def __init__(self, message: str, *, retry_after_s: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s
        if retry_after_s is not None:
            self.hint = f"Wait {max(1.0, retry_after_s):.0f} seconds and try again; fewer files at once helps."


class PlatformFault(PlatformError):
    """The platform failed to answer properly (5xx)."""

    hint = "Try again in a minute."
    is_retryable = True

    def __init__(self, message: str, *, retry_after_s: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class MalformedResponse(PlatformError):
    """The answer does not follow the contract: not JSON, fields missing, or numbers that are not numbers."""

    hint = "Check that TWELVELABS_BASE_URL points at the platform (…/v1.3)."


class AssetFailed(PlatformError):
    """The platform could not read the uploaded file."""

    hint = "Check that the file plays, or that its address answers; the hosted platform takes WAV, MP3 and FLAC."


class TaskFailed(PlatformError):
    """The platform gave an embedding task up; `is_retryable` says whether the same task may succeed later."""

    def __init__(self, message: str, *, hint: str, is_retryable: bool, code: str = "task_failed") -> None:
        super().__init__(message, code=code, hint=hint)
        self.is_retryable = is_retryable


_BY_STATUS: Mapping[int, type[RequestRefused]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    413: TooLarge,
}


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> PlatformError:
    """Return the error that a non-2xx answer stands for.

    Both envelopes are read: flat `{"code", "message"}` and nested `{"error": {"code", "message"}}`
    (contract 4.1); a body that is neither is quoted, shortened.
    """
    code, message = _read_envelope(body)
    message = message or f"The platform answered with status {status}."
    if status == 429:
        wait = refused_for_s(headers, now=now)
        return RateLimited(message, retry_after_s=wait, code=code or "too_many_requests", status=status)
    if status >= 500 or status == _REQUEST_TIMEOUT:
        wait = retry_after_s(headers, now=now)
        return PlatformFault(message, retry_after_s=wait, code=code or "internal_error", status=status)
    return _BY_STATUS.get(status, RequestRefused)(message, code=code, status=status, hint=_HINTS.get(code))


def _read_envelope(body: bytes) -> tuple[str, str]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return "", _shorten(body.decode("utf-8", "replace"))
    if not isinstance(parsed, dict):
        return "", ""
    inner = parsed.get("error")
    envelope = inner if isinstance(inner, dict) else parsed
    code, message = envelope.get("code"), envelope.get("message")
    if isinstance(inner, str) and not message:
        message = inner
    return (code if isinstance(code, str) else ""), (_shorten(message) if isinstance(message, str) else "")


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def task_failure(message: str) -> TaskFailed:
    """Return the error that a failed task's message stands for."""
    text = message.strip() or "The platform could not embed the recording."
    lower = text.lower()
    if any(words in lower for words in _RETRYABLE):
        return TaskFailed(text, hint=_LATER, is_retryable=True)
    hint = next((hint for beginning, hint in _TASK_HINTS if lower.startswith(beginning)), _CHECK_FILE)
    return TaskFailed(text, hint=hint, is_retryable=False)


# Of a reset (contract 4.4): a smaller number is seconds from now, a larger one since 1970; specifications differ.
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
