"""Who may write: locks between processes that die with their owner, and turns of writers that share none."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from soundbite_store.errors import StoreBusy, StoreUnavailable

if TYPE_CHECKING:
    from filelock import BaseFileLock

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_POLL_S = 0.01
_MAX_POLL_S = 0.1
_Result = TypeVar("_Result")
_TRIES = 8
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class OwnerLock:
    """A lock file held by at most one owner; the operating system frees it when its process ends."""

    def __init__(self, lock_dir: Path, name: str) -> None:
        # A name may come from outside (a task id): it never chooses the path.
        plain = name if _PLAIN_NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()
        self._path = lock_dir / f"{plain}.lock"
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> bool:
        return self._lock is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; never waits, and never shares it with another holder of this process.

        Raises: StoreUnavailable when the lock's folder cannot be written.
        """
        import filelock

        if self._lock is not None:
            return False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._path, thread_local=False, fallback_to_soft=False)
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError) as exc:
            raise StoreUnavailable(f"The lock folder {self._path.parent} cannot be used: {exc}.") from exc
        self._lock = lock
        return True

    async def acquire(self, timeout_s: float) -> None:
        """Wait for the lock.

        Raises: StoreBusy after `timeout_s` seconds.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        pause_s = _POLL_S
        # Polling keeps no thread, so a cancelled waiter leaves nothing behind that could still take the lock.
        while not self.try_acquire():
            if asyncio.get_running_loop().time() >= deadline:
                raise StoreBusy(f"Another process held {self._path.stem} for more than {timeout_s:.0f} s.")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _MAX_POLL_S)

    def release(self) -> None:
        """Free the lock; harmless when it is not held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> OwnerLock:
        if not self.try_acquire():
            raise StoreBusy(f"{self._path.stem} is held by another owner.")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class WriteGate:
    """Lets one writer at a time through: among the coroutines of this process, then among processes."""

    def __init__(
        self, lock_dir: Path | None, name: str, *, is_exclusive: bool = False, timeout_s: float = 120.0
    ) -> None:
        self.is_exclusive = is_exclusive
        """Whether every writer there is passes through this gate."""
        self._turn = asyncio.Lock()
        self._owner = OwnerLock(lock_dir, name) if lock_dir else None
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Hold the gate for the block.

        Raises: StoreBusy.
        """
        async with self._turn:
            if self._owner is None:  # an object store: its conditional writes are the lock
                yield
                return
            await self._owner.acquire(self._timeout_s)
            try:
                yield
            finally:
                self._owner.release()


async def until_committed(write: Callable[[], Awaitable[_Result]]) -> _Result:
    """Repeat a write that lost the race for the next version of a table, after growing, scattered pauses.

    LanceDB repeats a merge by itself for a while; what it gives up on, and every other kind of commit, comes here.

    Raises: StoreBusy when others were first every time.
    """
    for attempt in range(_TRIES - 1):
        try:
            return await write()
        except StoreBusy:
            # Two machines that pause equally long would meet again.
            pause_s = min(_FIRST_PAUSE_S * 2.0**attempt, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * (0.5 + random.random()))
    return await write()
