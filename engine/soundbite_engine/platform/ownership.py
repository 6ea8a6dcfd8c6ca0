"""Which engine works on what, when several share one home.

Each engine holds a file lock under its own id for as long as it lives; work it has taken carries that id. A lock that
can be had belongs to an engine that is gone, however it went, and its work may be taken over.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from filelock import FileLock, Timeout


class Owner:
    """This engine's identity among those that share `folder`."""

    def __init__(self, folder: Path) -> None:
        self.id = secrets.token_hex(8)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock_of(self.id)
        self._lock.acquire()

    def close(self) -> None:
        """Give the identity up."""
        self._lock.release()
        self._path_of(self.id).unlink(missing_ok=True)

    def is_at_work(self, owner_id: str | None) -> bool:
        """Whether work of `owner_id`, None for nobody's, is to be left to another engine that lives."""
        return owner_id is not None and owner_id != self.id and not self.is_gone(owner_id)

    def is_gone(self, owner_id: str) -> bool:
        """Whether the engine `owner_id` has ended."""
        if owner_id == self.id:
            return False
        if not self._path_of(owner_id).exists():
            return True
        lock = self._lock_of(owner_id)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        lock.release()
        self._path_of(owner_id).unlink(missing_ok=True)  # ids are never used again
        return True

    def tidy(self, before: float) -> None:
        """Delete the locks of engines that were killed, of those begun before a time (seconds since 1970)."""
        # A lock just made and not yet held would look like that of an engine that is gone; an old one is neither.
        for path in self._folder.glob("*.lock"):
            with contextlib.suppress(FileNotFoundError):  # another engine tidies as well
                if path.stat().st_mtime < before:
                    self.is_gone(path.stem)

    def _path_of(self, owner_id: str) -> Path:
        return self._folder / f"{owner_id}.lock"

    def _lock_of(self, owner_id: str) -> FileLock:
        return FileLock(self._path_of(owner_id), thread_local=False)
