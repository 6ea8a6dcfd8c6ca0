"""What a process needs of the machine, looked at before it starts: descriptors, room, and a clock that is set."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

FEWEST_FILES = 128
_WANTED_FILES = 4_096
SMALLEST_FILE_BYTES = 64 << 20
LEAST_ROOM_BYTES = 1 << 20
_YEAR_2000_S = 946_684_800.0


def trouble() -> str:
    """Return what of the machine keeps Soundbite from working, as one sentence that says what to do; empty if nothing.

    A limit of open files that may be raised is raised.
    """
    return _clock() or _temporary_folder() or _limits()


def _clock() -> str:
    now_s = time.time()
    if now_s >= _YEAR_2000_S:
        return ""
    return (
        f"The clock of this machine is not set: it is {abs(now_s) / 86400:.0f} days "
        f"{'before' if now_s < 0 else 'after'} the first of January 1970. Set it (date, timedatectl), then start again."
    )


def _temporary_folder() -> str:
    advice = "Make room there, or set TMPDIR to a folder on another disk."
    try:
        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        return f"No folder for temporary files can be written ({exc.strerror or exc}). {advice}"
    if free >= LEAST_ROOM_BYTES:
        return ""
    return f"The folder for temporary files, {folder}, is full: {free // 1024} kB are free. {advice}"


def _limits() -> str:
    if sys.platform == "win32":
        return ""
    import resource

    most_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most_bytes != resource.RLIM_INFINITY and most_bytes < SMALLEST_FILE_BYTES:
        return (
            f"This process may write files of {most_bytes // 1024} kB at most, and a library needs larger ones. "
            "Start it with `ulimit -f unlimited`."
        )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _WANTED_FILES:
        wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        if soft < FEWEST_FILES:
            return (
                f"This process may open {soft} files at a time, and needs {FEWEST_FILES} at least. "
                f"Start it with `ulimit -n {_WANTED_FILES}`."
            )
    return ""
