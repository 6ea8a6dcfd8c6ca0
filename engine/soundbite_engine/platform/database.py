"""The engine's state in one SQLite file, reached from one thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from filelock import FileLock

from soundbite_engine.errors import DiskError, StateError
from soundbite_engine.platform.migrations import migrate

ResultT = TypeVar("ResultT")
BUSY_TIMEOUT_S = 30.0
_DAMAGED = (
    "The engine's database, engine.db in its home folder, is damaged: move it away and start again. "
    "Recordings that are in the library stay there; what was being embedded is begun anew."
)


class Database:
    """Runs functions of a connection off the event loop, one at a time.

    WAL lets other processes read while one writes; `synchronous=FULL` makes a commit survive a power cut.

    Raises:
        StateError: opening it finds it damaged or written by a newer version; any call may find it damaged.
        DiskError: the disk is full, or the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine-db")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def read(self, query: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """The result of `query(connection)`, which only reads."""
        return await self._in_thread(lambda: query(self._opened()))

    async def write(self, change: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """The result of `change(connection)`, run in one transaction: all of it happens or nothing."""
        return await self._in_thread(lambda: self._in_transaction(change))

    def _in_transaction(self, change: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        connection = self._opened()
        # IMMEDIATE: a transaction that reads first and then fails to become a writer could not wait its turn.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # after some errors, a full disk among them, SQLite has rolled back itself
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Switching a new file to WAL fails at once when another process does the same: SQLite does not wait there.
        with FileLock(f"{self._path}.opening"):
            self._connection = self._connect()
            self._in_transaction(migrate)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the engine's database is not open")
        return self._connection

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        def guarded() -> ResultT:
            with _translated():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)


@contextmanager
def _translated() -> Iterator[None]:
    """What people can do something about, said to them; programming errors and a database that is busy pass."""
    try:
        yield
    except sqlite3.Error as exc:
        whole = getattr(exc, "sqlite_errorcode", 0)
        code = whole & 0xFF  # the rest of it tells kinds of the same
        # A full disk has no room for the index of the log either, and opening calls that an I/O error.
        if code == sqlite3.SQLITE_FULL or whole == sqlite3.SQLITE_IOERR_SHMSIZE:
            raise DiskError.full() from exc
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise DiskError.failed(str(exc)) from exc
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StateError("state_damaged", _DAMAGED) from exc
        raise
