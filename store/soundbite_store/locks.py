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

from soundbite_store.errors import StoreBusy, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from filelock import AsyncFileLock

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_POLL_S = 0.02
_Result = TypeVar("_Result")
_TRIES = 8
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class OwnerLock:
    """A lock file with at most one owner; the operating system frees it when the owner's process ends."""

    def __init__(self, lock_dir: Path, name: str) -> None:
        # A name may come from outside (a task id): it never chooses the path.
        plain = name if _PLAIN_NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()
        self._path = lock_dir / f"{plain}.lock"
        self._lock: AsyncFileLock | None = None

    async def acquire(self, timeout_s: float) -> None:
        """Wait for the lock; it is never shared with another owner in this process.

        Raises: StoreBusy after `timeout_s` seconds, StoreUnavailable when the lock's folder cannot be written.
        """
        import filelock

        # On the event loop, not in a thread: one attempt takes microseconds, and a waiter that is cancelled leaves
        # nothing behind that could still take the lock.
        lock = filelock.AsyncFileLock(
            self._path, thread_local=False, fallback_to_soft=False, run_in_executor=False, poll_interval=_POLL_S
        )
        try:
            await lock.acquire(timeout_s)
        except filelock.Timeout as exc:
            raise StoreBusy(f"{self._path.stem} was held by another owner for more than {timeout_s:.0f} s.") from exc
        except (OSError, NotImplementedError) as exc:
            raise StoreUnavailable(f"The lock folder {self._path.parent} cannot be used: {exc}.") from exc
        self._lock = lock

    async def try_acquire(self) -> bool:
        """Take the lock if it is free.

        Raises: StoreUnavailable when the lock's folder cannot be written.
        """
        try:
            await self.acquire(timeout_s=0)
        except StoreBusy:
            return False
        return True

    async def release(self) -> None:
        """Free the lock; harmless when there is none to free."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await lock.release()

    async def __aenter__(self) -> OwnerLock:
        await self.acquire(timeout_s=0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


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
                await self._owner.release()


async def until_committed(
    write: Callable[[], Awaitable[_Result]], *, lost: type[StoreError] = StoreBusy, tries: int = _TRIES
) -> _Result:
    """Repeat a write that lost the race for the next version of a table, after growing, scattered pauses.

    LanceDB repeats a merge by itself for a while; what it gives up on, and every other kind of commit, comes here.

    Raises: what `lost` names, when others were first every time.
    """
    for attempt in range(tries - 1):
        try:
            return await write()
        except lost:
            # Two machines that pause equally long would meet again.
            pause_s = min(_FIRST_PAUSE_S * 2.0**attempt, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * (0.5 + random.random()))
    return await write()
