"""The ledger's SQLite file: its schema as numbered steps, and a connection for writes beside one for reads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from soundbite_store.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from soundbite_store.ledger.records import speaker_seconds
from soundbite_store.repair.durability import fsync_directory

_FIRST = (
    """CREATE TABLE assets (
        asset_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, title TEXT NOT NULL, source_uri TEXT NOT NULL,
        source_kind TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        duration_sec REAL NOT NULL, tags TEXT NOT NULL, metadata_json TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX assets_by_hash ON assets (content_hash)",
    "CREATE INDEX assets_by_source ON assets (source_uri)",
    """CREATE TABLE tasks (
        task_id TEXT PRIMARY KEY, asset_id TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
        progress REAL NOT NULL, params_json TEXT NOT NULL, space TEXT NOT NULL, platform TEXT NOT NULL,
        platform_asset_id TEXT NOT NULL, platform_task_id TEXT NOT NULL, error_code TEXT NOT NULL,
        error_message TEXT NOT NULL, error_hint TEXT NOT NULL, seconds_embedded REAL NOT NULL,
        seconds_saved REAL NOT NULL, counts_json TEXT NOT NULL, notes_json TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, finished_at TEXT
    ) STRICT""",
    "CREATE INDEX tasks_by_status ON tasks (status, created_at)",
    "CREATE INDEX tasks_by_asset ON tasks (asset_id)",
    "CREATE INDEX tasks_by_platform_task ON tasks (platform_task_id)",
    """CREATE TABLE platform_assets (
        platform TEXT NOT NULL, content_hash TEXT NOT NULL, platform_asset_id TEXT NOT NULL,
        created_at TEXT NOT NULL, PRIMARY KEY (platform, content_hash)
    ) STRICT""",
    """CREATE TABLE transcripts (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, start_sec REAL NOT NULL, end_sec REAL NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (asset_id, source)
    ) STRICT""",
    """CREATE TABLE query_cache (
        space TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
        used_at INTEGER NOT NULL, PRIMARY KEY (space, kind, text)
    ) STRICT""",
    "CREATE INDEX query_cache_by_use ON query_cache (used_at)",
    """CREATE TABLE usage (
        day TEXT NOT NULL, platform TEXT NOT NULL, seconds_embedded REAL NOT NULL, seconds_saved REAL NOT NULL,
        PRIMARY KEY (day, platform)
    ) STRICT""",
)

# Every search asks how many recordings are ready in other spaces only; nearly always there are none to look at.
_SECOND = ("CREATE INDEX tasks_ready_by_space ON tasks (space, asset_id) WHERE status = 'ready'",)

_THIRD = ("ALTER TABLE assets ADD COLUMN language TEXT",)

_FOURTH = ("ALTER TABLE tasks ADD COLUMN renewal_json TEXT NOT NULL DEFAULT ''",)

# What the transcripts say of speakers, and what people call them.
_FIFTH = (
    """CREATE TABLE speakers (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, speaker TEXT NOT NULL, seconds REAL NOT NULL,
        PRIMARY KEY (asset_id, source, speaker)
    ) STRICT""",
    """CREATE TABLE speaker_names (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, speaker TEXT NOT NULL, name TEXT NOT NULL,
        spans TEXT NOT NULL, from_sec REAL NOT NULL, until_sec REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX speaker_names_by_asset ON speaker_names (asset_id)",
    "INSERT INTO speakers SELECT asset_id, source, json_extract(one.value, '$[0]'), json_extract(one.value, '$[1]') "
    "FROM transcripts, json_each(speaker_seconds(body)) AS one",
)

_SIXTH = (
    "CREATE INDEX assets_by_age ON assets (created_at DESC, asset_id)",
    """CREATE TABLE envelopes (
        asset_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, duration_sec REAL NOT NULL, peaks BLOB NOT NULL
    ) STRICT""",
)

# What was changed in transcripts; and what is to follow in clips, until it is done.
_SEVENTH = (
    """CREATE TABLE corrections (
        correction_id INTEGER PRIMARY KEY, asset_id TEXT NOT NULL, content_hash TEXT NOT NULL, kind TEXT NOT NULL,
        start_sec REAL NOT NULL, end_sec REAL NOT NULL, old_text TEXT NOT NULL, new_text TEXT NOT NULL,
        words BLOB NOT NULL, created_at TEXT NOT NULL, undone_at TEXT
    ) STRICT""",
    "CREATE INDEX corrections_by_asset ON corrections (asset_id)",
    "CREATE TABLE rewrites (rewrite_id INTEGER PRIMARY KEY, asset_id TEXT NOT NULL, body BLOB NOT NULL) STRICT",
)

# When each speaker begins: with the seconds it tells whether speakers were counted anew.
_EIGHTH = (
    "ALTER TABLE speakers ADD COLUMN first_sec REAL NOT NULL DEFAULT 0",
    "DELETE FROM speakers",
    "INSERT INTO speakers SELECT asset_id, source, json_extract(one.value, '$[0]'), json_extract(one.value, '$[1]'), "
    "json_extract(one.value, '$[2]') FROM transcripts, json_each(speaker_seconds(body)) AS one",
)

# Words that may be misheard, so that an answer finds them without unpacking the transcript of hours.
_NINTH = (
    """CREATE TABLE doubts (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, start_sec REAL NOT NULL, word TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX doubts_by_time ON doubts (asset_id, source, start_sec)",
)

# What of a content is erased, as times, and the copy of it in the library that has silence there; and the recordings of
# which something was deleted that may be in files still.
_TENTH = (
    """CREATE TABLE erasures (
        content_hash TEXT PRIMARY KEY, spans TEXT NOT NULL, copy_hash TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE TABLE unscrubbed (asset_id TEXT NOT NULL, content_hash TEXT NOT NULL, source_uri TEXT NOT NULL) STRICT",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    _FOURTH,
    _FIFTH,
    _SIXTH,
    _SEVENTH,
    _EIGHTH,
    _NINTH,
    _TENTH,
)
# What makes questions quicker and changes none of their answers needs no version of its own: made where it is missing.
INDEXES = (
    # What tells recordings of one title apart is asked with every answer.
    "CREATE INDEX IF NOT EXISTS assets_by_title ON assets (title)",
)
_Result = TypeVar("_Result")


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the ledger, or another file of such steps, to the newest version, one transaction a step.

    Raises: StoreTooNew, sqlite3.Error.
    """
    newest = len(migrations)
    connection.create_function("speaker_seconds", 1, speaker_seconds, deterministic=True)
    while (version := _version(connection)) < newest:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Read again inside the transaction: another process may have taken this step meanwhile.
            if _version(connection) == version:
                for statement in migrations[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    if version > newest:
        raise StoreTooNew(
            f"The ledger was written by a later Soundbite (version {version}, this one knows {newest}): "
            "upgrade Soundbite, or point SOUNDBITE_HOME somewhere else."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class LedgerConnection:
    """Runs functions on the ledger off the event loop: one writes at a time, and one reads beside it.

    What is deleted from a file that `is_erased` is overwritten.

    A read sees what was committed when it began, so all that this process wrote before.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
        indexes: Sequence[str] = INDEXES,
        is_erased: bool = False,
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._indexes = indexes
        self._is_erased = is_erased
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

    async def scrub(self) -> None:
        """Write the file anew and empty its log, so that nothing that was deleted is in either."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("VACUUM")
            # A reader of another process keeps the log in use for as long as it reads.
            if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StoreBusy(f"Another process reads {self._path}: try again.")

        await self._writer.run(work)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns; WAL's default would lose the last ones in a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        if self._is_erased:
            connection.execute("PRAGMA secure_delete = ON")
        migrate(connection, self._migrations)
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk, or another writes for long: it can wait
            for statement in self._indexes:
                connection.execute(statement)
        fsync_directory(self._path.parent)


_Waiting = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]


class _ConnectionThread:
    """One connection on a thread of its own, opened by the first function that runs on it."""

    def __init__(self, path: Path, busy_timeout_s: float, name: str) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._waiting: list[_Waiting] = []

    async def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run a function; those that are asked for in one turn of the event loop go to the thread and back together."""
        if self._closed:
            raise StoreUnavailable("The ledger is closed.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()
        self._waiting.append((work, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._hand_over, loop)
        return await future

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            loop = asyncio.get_running_loop()
            self._hand_over(loop)
            await loop.run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown(wait=False)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._thread.submit(self._run_all, waiting, loop)
        except RuntimeError as exc:  # the interpreter ends
            _settle([(future, (None, exc)) for _, future in waiting])

    def _run_all(self, waiting: list[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
        outcomes = [(future, self._outcome(work)) for work, future in waiting if not future.cancelled()]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, outcomes)

    def _outcome(self, work: Callable[[sqlite3.Connection], Any]) -> tuple[Any, BaseException | None]:
        try:
            with _sqlite_errors(self._path):
                self._connection = self._connection or self._opened()
                return work(self._connection), None
        except BaseException as exc:
            return None, exc

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        make_private_file(self._path)
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def make_private_file(path: Path) -> None:
    """Make a file that only its owner reads, or one that is there so; what SQLite puts beside it gets the same mode.

    Raises: OSError.
    """
    # Never opened where it is there: the close would drop the locks that SQLite holds on it for this process.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for beside in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):  # another's file, or a file system that knows no modes: `doctor` says so
            path.with_name(path.name + beside).chmod(0o600)


def _settle(outcomes: Sequence[tuple[asyncio.Future[Any], tuple[Any, BaseException | None]]]) -> None:
    for future, (result, failure) in outcomes:
        if future.done():
            continue  # cancelled meanwhile
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)


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
