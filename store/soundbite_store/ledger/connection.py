"""The ledger's SQLite file, open twice: one connection writes, the other reads and never waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from soundbite_store.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from soundbite_store.ledger.migrations import migrate
from soundbite_store.repair.durability import fsync_directory

_Result = TypeVar("_Result")


class LedgerConnection:
    """Runs functions on the ledger off the event loop: one writes at a time, and one reads beside it.

    A read sees what was committed when it began, so all that this process wrote before.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._path = path
        self._writer = _ConnectionThread(path, busy_timeout_s, "soundbite-ledger")
        self._reader = _ConnectionThread(path, busy_timeout_s, "soundbite-ledger-reads")

    async def connect(self) -> None:
        """Open the file, making it when it is not there, and bring its schema up to date."""
        await self._writer.run(self._prepare)

    async def close(self) -> None:
        """Finish what is queued, then close; harmless when repeated."""
        # Whoever closes last takes the log into the file, and only the writer may.
        await self._reader.close()
        await self._writer.close()

    async def read(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run a function that only reads, all of it as of one moment."""
        return await self._reader.run(lambda db: _in_transaction(db, "BEGIN", work))

    async def write(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run a function in one transaction; it is on disk when this returns."""
        # Taking the write lock first means waiting for it instead of failing half-way through.
        return await self._writer.run(lambda db: _in_transaction(db, "BEGIN IMMEDIATE", work))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns; WAL's default would lose the last ones in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        fsync_directory(self._path.parent)


class _ConnectionThread:
    """One connection on a thread of its own, opened by the first function that runs on it."""

    def __init__(self, path: Path, busy_timeout_s: float, name: str) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        def guarded() -> _Result:
            with _sqlite_errors(self._path):
                self._connection = self._connection or self._opened()
                return work(self._connection)

        if self._closed:
            raise StoreUnavailable("The ledger is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown(wait=False)

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _in_transaction(
    connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], _Result]
) -> _Result:
    connection.execute(begin)
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled back already
            connection.execute("ROLLBACK")
        raise
    return result


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise _translated(exc, path) from exc
    except OSError as exc:
        raise StoreUnavailable(f"The ledger {path} cannot be opened: {exc.strerror}.") from exc


def _translated(exc: sqlite3.Error, path: Path) -> StoreError:
    text = str(exc).lower()
    # A full disk has no room for the index of the log either, and opening calls that an I/O error.
    if "disk is full" in text or getattr(exc, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreFull("The disk that holds the ledger is full: free some space and try again.")
    if "locked" in text or "busy" in text:
        return StoreBusy(f"Another process kept the ledger {path} locked for too long: try again.")
    if "malformed" in text or "not a database" in text:
        return StoreCorrupt(f"The ledger {path} is damaged: {exc}.")
    if "unable to open" in text or "readonly" in text:
        return StoreUnavailable(f"The ledger {path} cannot be opened or written: {exc}.")
    return StoreError(f"The ledger failed: {exc}.")
