"""Where files are, as the disk spells them, and whether they are what they were; and who writes to them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio.to_thread

from soundbite_tools.text import quoted, shorten

if TYPE_CHECKING:
    from soundbite_store import Asset

FileState = Literal["", "gone", "changed"]
NO_FILE_NS = -1
"""The modification time of a recording whose file is another recording's by now."""
LIVE_PREFIX = "live:"
"""Begins what stands for the content of a recording while that is being written."""
_LONGEST_TITLE = 60
_WRITE_MODES = os.O_WRONLY | os.O_RDWR
_PROCESSES = Path("/proc")
_LSOF_TIMEOUT_S = 10.0
# Of the Win32 API: CreateFileW, and its error for a file that is open in a way that does not go with it.
_GENERIC_READ, _SHARE_READ_DELETE, _OPEN_EXISTING, _SHARING_VIOLATION = 0x80000000, 1 | 4, 3, 32


def is_live(asset: Asset) -> bool:
    """Return whether a recording is still being written."""
    return asset.content_hash.startswith(LIVE_PREFIX) and asset.mtime_ns != NO_FILE_NS


async def file_states(assets: Iterable[Asset]) -> dict[str, FileState]:
    """Return, by id, what became of the files of recordings; those that are as they were are left out."""
    files = [asset for asset in assets if asset.source_kind == "file"]
    if not files:
        return {}
    states: dict[str, FileState] = await anyio.to_thread.run_sync(lambda: dict(map(_named_state, files)))
    return {asset_id: state for asset_id, state in states.items() if state}


def file_notes(assets: Iterable[Asset], states: dict[str, FileState]) -> list[str]:
    """Return a sentence for each of these recordings whose file is not what it was."""
    notes = {
        "gone": "is gone: its sound can't be played until `soundbite relink FOLDER` finds the file.",
        "changed": "changed since it was embedded: add it again to renew its clips.",
    }
    return [
        f"The file of {quoted(shorten(asset.title, _LONGEST_TITLE))} {notes[state]}"
        for asset in assets
        if (state := states.get(asset.asset_id))
    ]


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


def _named_state(asset: Asset) -> tuple[str, FileState]:
    return asset.asset_id, _state(asset)


def _state(asset: Asset) -> FileState:
    try:
        facts = Path(asset.source_uri).lstat()  # a link in its place is not followed
    except OSError:
        return "gone"
    if asset.mtime_ns == NO_FILE_NS or not stat.S_ISREG(facts.st_mode):
        return "gone"
    return (
        "" if is_live(asset) or (facts.st_size, facts.st_mtime_ns) == (asset.size_bytes, asset.mtime_ns) else "changed"
    )


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
