"""What can go wrong while recordings are taken in, read and analysed.

EngineError
├── DiskError     the folder the engine keeps things in can't be written
├── StateError    what the engine keeps of its work can't be read: damaged, or of a newer version
├── MediaError    the recording: unreadable, empty, no audio track, window past its end, too long
└── WorkerError   the process that worked on it: crashed, ran out of time or memory
"""

from __future__ import annotations

import errno

# What to do about a code `pack_missing` that turns up at work; where the files lie is nothing for an agent.
CHECK_PACKS = "`soundbite models list --check` says which files are damaged"


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

    Codes: `media_not_found`, `media_empty`, `media_unreadable`, `media_no_audio`, `media_no_track`, `media_too_long`,
    `window_past_end`.
    """


class DiskError(EngineError):
    """What arrives can't be written. Codes: `disk_full`, `disk_failed`."""

    @classmethod
    def of(cls, exc: OSError) -> DiskError:
        """What an error of the system means."""
        is_full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        return cls.full() if is_full else cls.failed(exc.strerror or type(exc).__name__)

    @classmethod
    def full(cls) -> DiskError:
        """No room."""
        return cls("disk_full", "There is no room left where the engine keeps its files; make some and try again.")

    @classmethod
    def failed(cls, reason: str) -> DiskError:
        """Anything else."""
        return cls("disk_failed", f"The engine can't write its files ({reason}); check its home folder and the disk.")


class StateError(EngineError):
    """The engine's database can't be used. Codes: `state_newer`, `state_damaged`."""


class WorkerError(EngineError):
    """One job's process failed; other jobs are not affected.

    Codes: `worker_crashed`, `worker_killed` (by somebody else), `worker_timeout`, `worker_memory`, `worker_failed`,
    `worker_closed`.
    """


def duration_exceeded(seconds: float | None, limit_s: float) -> MediaError:
    """The refusal of a recording, or window of one, that is too long; the wording is the platform's.

    `seconds` is None where nobody knows how long it is, only that it is longer.
    """
    length = f"more than {limit_s:.0f}" if seconds is None else f"{seconds:.1f}"
    return MediaError(
        "duration_exceeded",
        f"Duration ({length} seconds) exceeds maximum limit of {limit_s:.0f} seconds ({limit_s / 60:.0f} minutes)",
    )
