"""Who writes to a file just now, as far as the system tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_WRITE_MODES = os.O_WRONLY | os.O_RDWR
_PROCESSES = Path("/proc")


def can_tell_writers() -> bool:
    """Return whether this system tells who has a file open."""
    return (_PROCESSES / "self" / "fdinfo").is_dir()


def written_files(paths: Iterable[Path]) -> set[Path]:
    """Return those of the files that another process has open for writing, as far as this system tells.

    Linux tells of the processes of the same user, and of all to root; other systems tell nothing.
    """
    wanted: dict[tuple[int, int], Path] = {}
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            continue
        wanted[facts.st_dev, facts.st_ino] = path
    written: set[Path] = set()
    if not wanted or not can_tell_writers():
        return written
    for process in _PROCESSES.iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            written |= {wanted[identity] for identity in _written_by(process) if identity in wanted}
    return written


def _written_by(process: Path) -> Iterable[tuple[int, int]]:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return  # another user's, or over
    for descriptor in descriptors:
        try:
            facts = descriptor.stat()
            flags = (process / "fdinfo" / descriptor.name).read_text().partition("flags:")[2].split()[0]
        except (OSError, IndexError):
            continue
        if int(flags, 8) & _WRITE_MODES:
            yield facts.st_dev, facts.st_ino
