"""The messages of failed tasks: the platform's known ones (contract 3.6), with our reason in parentheses."""

from __future__ import annotations

from soundbite_engine.errors import EngineError, MediaError, WorkerError
from soundbite_engine.platform.errors import FetchError, Refused

NOT_FETCHED = "failed to fetch or materialize source media"
NOT_PROCESSED = "We could not process your media for embedding. Please verify the input file and try again."
INVALID = "The embedding request was invalid."
NOT_COMPLETED = "The embedding task could not complete processing."
FAILED = "The embedding task failed. Please try again later."
GONE = "The embedding result is no longer available and cannot be retrieved."

_BY_CODE = {
    "media_not_found": NOT_FETCHED,
    "media_changed": NOT_FETCHED,
    "window_past_end": INVALID,
    "worker_memory": NOT_COMPLETED,
    "worker_timeout": NOT_COMPLETED,
    "worker_crashed": NOT_COMPLETED,
    "too_many_attempts": NOT_COMPLETED,
    "duration_exceeded": "",
    "too_many_requests": FAILED,
}


def task_failure(exc: EngineError) -> str:
    """The `error.message` of a task that ended with `exc`; retrying helps only after `FAILED`."""
    known = _BY_CODE.get(exc.code)
    if known is None:
        known = _by_kind(exc)
    return f"{known} ({exc.message})" if known else exc.message


def duration_exceeded(seconds: float | None, limit_s: float) -> MediaError:
    """The refusal of a recording, or window of one, that is too long; the wording is the platform's.

    `seconds` is None where nobody knows how long it is, only that it is longer.
    """
    found = f"more than {limit_s:.0f}" if seconds is None else f"{seconds:.1f}"
    return MediaError(
        "duration_exceeded",
        f"Duration ({found} seconds) exceeds maximum limit of {limit_s:.0f} seconds ({limit_s / 60:.0f} minutes)",
    )


def _by_kind(exc: EngineError) -> str:
    if isinstance(exc, FetchError | Refused):
        return NOT_FETCHED
    if isinstance(exc, MediaError):
        return NOT_PROCESSED
    if isinstance(exc, WorkerError):
        return FAILED
    return NOT_COMPLETED
