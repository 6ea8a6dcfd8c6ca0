"""What can go wrong while recordings are read and analysed.

EngineError
├── MediaError    the recording: unreadable, empty, no audio track, window past its end, too long
└── WorkerError   the process that worked on it: crashed, ran out of time or memory
"""

from __future__ import annotations


class EngineError(Exception):
    """A failure with a stable `code` for programs and a `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str]]:
        return (type(self), (self.code, self.message))


class MediaError(EngineError):
    """The recording can't be used.

    Codes: `media_not_found`, `media_empty`, `media_unreadable`, `media_no_audio`, `media_too_long`,
    `window_past_end`.
    """


class WorkerError(EngineError):
    """One job's process failed; other jobs are not affected.

    Codes: `worker_crashed`, `worker_timeout`, `worker_memory`, `worker_failed`, `worker_closed`.
    """
