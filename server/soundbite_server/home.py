"""The folder of a library: what lies in it, and that others can't read it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

LEDGER_FILE = "ledger.sqlite"
CALLERS_FOLDER = "callers"
_FOLDERS = ("store", "locks", "engine", "clips", "inline", "uploads", "outgoing", CALLERS_FOLDER)
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(home: Path) -> None:
    """Keep others out of what is in a library's folder, where its own mode lets them in; the folder itself stays.

    Folders that come later are made now: what is made under a umask that lets others read would be open for a while.
    Nothing is raised where the system has no modes or the files belong to another: `soundbite doctor` says so.
    """
    if not is_open_to_others(home):
        return
    for name in _FOLDERS:
        with contextlib.suppress(OSError):
            (home / name).mkdir(mode=0o700, exist_ok=True)
            (home / name).chmod(0o700)
    for path in home.glob(f"{LEDGER_FILE}*"):
        with contextlib.suppress(OSError):
            path.chmod(0o600)


def open_to_others(home: Path) -> list[Path]:
    """Return what of a library other users of this machine can read."""
    if not is_open_to_others(home):
        return []
    paths = [*(home / name for name in _FOLDERS), *sorted(home.glob(f"{LEDGER_FILE}*"))]
    return [path for path in paths if is_open_to_others(path)]


def is_open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or enter it; never where the system has no such modes."""
    if os.name == "nt":
        return False
    try:
        return bool(path.stat().st_mode & _OF_OTHERS)
    except OSError:
        return False
