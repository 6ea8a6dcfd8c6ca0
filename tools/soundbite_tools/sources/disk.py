"""What the disk says of files, and the system: how a path is spelled, and who has a file open for writing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

_WRITE_MODES = os.O_WRONLY | os.O_RDWR
_PROCESSES = Path("/proc")
_LSOF_TIMEOUT_S = 10.0
# Of the Win32 API: CreateFileW, and its error for a file that is open in a way that does not go with it.
_GENERIC_READ, _SHARE_READ_DELETE, _OPEN_EXISTING, _SHARING_VIOLATION = 0x80000000, 1 | 4, 3, 32


def as_spelled(path: Path) -> Path:
    """Return the path as the disk writes it: a letter with an accent may be one character there, or two.

    A path of which there is no file is returned as it is.
    """
    if os.path.lexists(path) or str(path).isascii():
        return path
    spelled = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        if part != ".." and not os.path.lexists(spelled / part):
            wanted = unicodedata.normalize("NFC", part)
            try:
                names = sorted(
                    entry.name for entry in spelled.iterdir() if unicodedata.normalize("NFC", entry.name) == wanted
                )
            except OSError:
                return path
            if not names:
                return path
            part = names[0]
        spelled /= part
    return spelled


def can_tell_writers() -> bool:
    """Return whether this system tells who has a file open."""
    if sys.platform == "darwin":
        return shutil.which("lsof") is not None
    return sys.platform == "win32" or (_PROCESSES / "self" / "fdinfo").is_dir()


def written_files(paths: Iterable[Path]) -> set[Path]:
    """Return those of the files that another process has open for writing, as far as this system tells.

    Linux and macOS tell of the processes of the same user, and of all to root; Windows tells of all.
    """
    if sys.platform == "darwin":
        return _written_by_lsof(list(paths))
    if sys.platform == "win32":
        return {path for path in paths if _is_written_on_windows(path)}
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


def _written_by_lsof(paths: list[Path]) -> set[Path]:
    """Of the files that `lsof` finds open, those opened for writing (`a` is w or u) by another process."""
    try:
        command = ["lsof", "-F", "pan", "--", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LSOF_TIMEOUT_S, check=False)  # noqa: S603 - no shell, and nothing but names of files behind --
    except (OSError, subprocess.TimeoutExpired):
        return set()
    written, known, is_other, is_written = set[Path](), {str(path): path for path in paths}, False, False
    for line in done.stdout.splitlines():
        kind, value = line[:1], line[1:]
        if kind == "p":
            is_other = value != str(os.getpid())
        elif kind == "a":
            is_written = value in ("w", "u")
        elif kind == "n" and is_other and is_written and value in known:
            written.add(known[value])
    return written


def _is_written_on_windows(path: Path) -> bool:
    """Whether Windows refuses to open a file for reading that nobody else may write to meanwhile."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore] # Windows only
    kernel.CreateFileW.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(str(path), _GENERIC_READ, _SHARE_READ_DELETE, None, _OPEN_EXISTING, 0, None)
    if handle in (None, ctypes.c_void_p(-1).value):
        return int(ctypes.get_last_error()) == _SHARING_VIOLATION  # type: ignore[attr-defined,unused-ignore]
    kernel.CloseHandle(ctypes.c_void_p(handle))
    return False


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
