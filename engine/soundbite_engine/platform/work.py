"""Who works on what: the background work of one engine, and the owner of work where several engines share one home.

Each engine holds a file lock under its own id for as long as it lives; work it has taken carries that id. A lock that
can be had belongs to an engine that is gone, however it went, and its work may be taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Coroutine
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)


class Background:
    """Starts coroutines, logs what they raise, and cancels those still running when it closes.

    Not an `asyncio.TaskGroup`: that must be left by the task that entered it, and one failure would end the others.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.is_closed = False

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work`; the task may be awaited or cancelled, and must not be needed."""
        if self.is_closed:
            work.close()
            raise RuntimeError("the engine is closed")
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Cancel everything and wait until it has ended."""
        self.is_closed = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)


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
