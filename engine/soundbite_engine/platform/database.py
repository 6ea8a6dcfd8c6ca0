"""The state of engines that share a home: one SQLite file, its schema in numbered steps, and who works on what.

Each engine holds a file lock under its own id for as long as it lives; work it has taken carries that id. A lock that
can be had belongs to an engine that is gone, however it went, and its work may be taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from filelock import FileLock, Timeout

from soundbite_engine.errors import DiskError, StateError

_FIRST = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    """CREATE TABLE assets (
        id TEXT PRIMARY KEY, created_at REAL NOT NULL, status TEXT NOT NULL, method TEXT NOT NULL,
        filename TEXT NOT NULL, file_type TEXT, path TEXT, source_url TEXT,
        is_inline INTEGER NOT NULL DEFAULT 0, is_reference INTEGER NOT NULL DEFAULT 0,
        size INTEGER, mtime_ns INTEGER, duration REAL, technical_metadata TEXT, user_metadata TEXT, error TEXT,
        error_code TEXT, owner TEXT) STRICT""",
    "CREATE INDEX assets_newest ON assets (is_inline, created_at)",
    """CREATE TABLE tasks (
        id TEXT PRIMARY KEY, created_at REAL NOT NULL, updated_at REAL NOT NULL, status TEXT NOT NULL,
        model_name TEXT NOT NULL, asset_id TEXT NOT NULL, audio TEXT NOT NULL, space TEXT NOT NULL,
        stage TEXT NOT NULL DEFAULT '', fraction REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
        metadata TEXT, error TEXT, owner TEXT) STRICT""",
    "CREATE INDEX tasks_newest ON tasks (created_at)",
    "CREATE INDEX tasks_unfinished ON tasks (owner) WHERE status = 'processing'",
    """CREATE TABLE task_results (
        task_id TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
        dimension INTEGER NOT NULL, items TEXT NOT NULL, vectors BLOB NOT NULL) STRICT""",
    """CREATE TABLE transcriptions (
        asset_id TEXT PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE, status TEXT NOT NULL,
        words TEXT NOT NULL DEFAULT '[]', sentences TEXT NOT NULL DEFAULT '[]', error TEXT, owner TEXT) STRICT""",
    """CREATE TABLE uploads (
        id TEXT PRIMARY KEY, asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
        created_at REAL NOT NULL, updated_at REAL NOT NULL, expires_at REAL NOT NULL,
        total_size INTEGER NOT NULL, chunk_size INTEGER NOT NULL, is_completed INTEGER NOT NULL DEFAULT 0) STRICT""",
    """CREATE TABLE upload_chunks (
        upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE, chunk_index INTEGER NOT NULL,
        etag TEXT NOT NULL, size INTEGER NOT NULL, updated_at REAL NOT NULL, reported_at REAL,
        PRIMARY KEY (upload_id, chunk_index)) STRICT""",
)

# A referenced file's identity, as the fragment of a file URL writes it.
_IDENTITY = ("ALTER TABLE assets ADD COLUMN identity TEXT",)

# What a long task has done so far, for whoever goes on with it or wants to search in it already.
_PARTS = (
    """CREATE TABLE task_parts (
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE, number INTEGER NOT NULL, space TEXT NOT NULL,
        until_sec REAL NOT NULL, facts TEXT NOT NULL, sounds BLOB, speech BLOB,
        PRIMARY KEY (task_id, number)) STRICT""",
)

_STEPS: tuple[tuple[str, ...], ...] = (_FIRST, _IDENTITY, _PARTS)
LATEST = len(_STEPS)
ResultT = TypeVar("ResultT")
BUSY_TIMEOUT_S = 30.0
_DAMAGED = (
    "The engine's database, engine.db in its home folder, is damaged: move it away and start again. "
    "Recordings that are in the library stay there; what was being embedded is begun anew."
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open database, inside a transaction, to the latest schema.

    Raises:
        StateError: a newer version of the program has already changed it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > LATEST:
        raise StateError(
            "state_newer",
            f"The engine's database was written by a later Soundbite (version {version}, this one knows {LATEST}): "
            "upgrade Soundbite, or point SOUNDBITE_HOME somewhere else.",
        )
    for step in _STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    if version == 0:
        connection.execute("INSERT INTO settings VALUES ('signing_key', ?)", (secrets.token_bytes(32),))
    connection.execute(f"PRAGMA user_version = {LATEST}")


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

    async def scrub(self) -> None:
        """Write the file anew and empty its log, so that nothing that was deleted is in either.

        Raises:
            sqlite3.OperationalError: another process reads or writes it for too long.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("VACUUM")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise sqlite3.OperationalError("another process reads the engine's database")

        await self.read(work)

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
