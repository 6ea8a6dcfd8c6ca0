"""The ledger: what Soundbite was asked to do, what that used, questions and their vectors, and more besides clips.

A ledger whose file is damaged is put aside, and a new one is made from what can still be read of it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from soundbite_store.clips import unit_vector
from soundbite_store.errors import StoreError
from soundbite_store.ledger.assets import AssetRecords, ErasureRecords, Unscrubbed, note_unscrubbed
from soundbite_store.ledger.connection import LedgerConnection, make_private_file, migrate
from soundbite_store.ledger.records import Usage
from soundbite_store.ledger.speakers import SpeakerRecords
from soundbite_store.ledger.tasks import TaskRecords
from soundbite_store.ledger.transcripts import CorrectionRecords, DoubtRecords, TranscriptRecords
from soundbite_store.repair.durability import fsync_directory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_log = logging.getLogger(__name__)
LEDGER_FILE = "ledger.sqlite"
"""Its name in the folder of a library."""
MAX_CACHED_QUERIES = 5_000
# A finer record of use would turn every read into a write, and every write into a disk flush.
_USE_GRAIN_S = 3_600
# An answer does not wait for the disk to take in its question, and many questions share one flush.
_GATHERED_FOR_S = 0.5

_Key = tuple[str, str, str]
_TABLES = ("assets", "tasks", "platform_assets", "transcripts", "usage", "speakers", "speaker_names")
_BESIDE = ("", "-wal", "-shm")
_PATIENCE_S = 15.0


class QueryCache:
    """The ledger's query vectors; the least recently used make room.

    They are written a moment after they were put, and when the ledger is closed: a process that is killed in between
    costs another embedding of the question, and nothing else.
    """

    _ledger: LedgerConnection

    def __init__(self) -> None:
        self._unwritten: dict[_Key, tuple[bytes, int]] = {}
        self._in_writing: dict[_Key, tuple[bytes, int]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def put_query_vector(self, space: str, kind: str, text: str, vector: ArrayLike) -> None:
        """Keep the vector of a query. `kind` tells apart queries of the same text (`text`, ...).

        Raises: BadVector.
        """
        import numpy as np

        self._put((space, kind, text), unit_vector(vector, np.size(vector)).tobytes())

    async def get_query_vector(self, space: str, kind: str, text: str) -> NDArray[np.float32] | None:
        """The vector of a query seen before: float32, unit length."""
        import numpy as np

        key = (space, kind, text)
        if entry := self._unwritten.get(key) or self._in_writing.get(key):
            return np.frombuffer(entry[0], dtype="<f4").copy()
        sql = "SELECT vector, used_at FROM query_cache WHERE space = ? AND kind = ? AND text = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, key).fetchone())
        if row is None:
            return None
        if time.time_ns() - row["used_at"] > _USE_GRAIN_S * 1_000_000_000:
            self._put(key, row["vector"])
        return np.frombuffer(row["vector"], dtype="<f4").copy()

    async def flush_query_vectors(self) -> None:
        """Write those that were put since the last time, now."""
        if self._writing is not None and self._writing is not asyncio.current_task():
            self._writing.cancel()
        put, self._unwritten = self._unwritten, {}
        if not put:
            return
        self._in_writing = put
        values = [(*key, vector, used_at) for key, (vector, used_at) in put.items()]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO query_cache VALUES (?, ?, ?, ?, ?)", values)
            db.execute(
                "DELETE FROM query_cache WHERE rowid IN "
                "(SELECT rowid FROM query_cache ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
                (MAX_CACHED_QUERIES,),
            )

        try:
            await self._ledger.write(work)
        except StoreError as exc:
            _log.warning("Questions could not be kept with their vectors: %s", exc)
        finally:
            self._in_writing = {}

    async def forget_queries(self) -> None:
        """Forget all questions: they may quote what is to be scrubbed."""
        await self.flush_query_vectors()
        await self._ledger.write(lambda db: db.execute("DELETE FROM query_cache"))

    def _put(self, key: _Key, vector: bytes) -> None:
        self._unwritten[key] = (vector, time.time_ns())
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        await asyncio.sleep(_GATHERED_FOR_S)
        await self.flush_query_vectors()


class UsageRecords:
    """The ledger's usage counters."""

    _ledger: LedgerConnection

    async def add_usage(
        self,
        platform: str,
        *,
        seconds_embedded: float = 0.0,
        seconds_saved: float = 0.0,
        day: date | None = None,
    ) -> None:
        """Add to a day's counters, today's (UTC) by default."""
        values = ((day or datetime.now(UTC).date()).isoformat(), platform, seconds_embedded, seconds_saved)
        sql = (
            "INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (day, platform) DO UPDATE SET "
            "seconds_embedded = seconds_embedded + excluded.seconds_embedded, "
            "seconds_saved = seconds_saved + excluded.seconds_saved"
        )
        await self._ledger.write(lambda db: db.execute(sql, values))

    async def usage_between(self, first: date, last: date) -> list[Usage]:
        """The counters of the days from `first` to `last`, both included."""
        sql = "SELECT * FROM usage WHERE day BETWEEN ? AND ? ORDER BY day, platform"
        days = (first.isoformat(), last.isoformat())
        rows = await self._ledger.read(lambda db: db.execute(sql, days).fetchall())
        return [Usage(**dict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class ForgottenRecords:
    """How many records of a recording there were."""

    assets: int
    tasks: int
    transcripts: int


class RemovalRecords:
    """What the ledger does to forget a recording."""

    _ledger: LedgerConnection

    async def forget_asset(self, asset_id: str) -> ForgottenRecords:
        """Delete an asset, all that is known of it and what platforms call it; usage stays counted."""

        def work(db: sqlite3.Connection) -> ForgottenRecords:
            asset = db.execute("SELECT content_hash, source_uri FROM assets WHERE asset_id = ?", (asset_id,)).fetchone()
            if asset is not None:
                note_unscrubbed(db, Unscrubbed(asset_id, asset["content_hash"], asset["source_uri"]))
                # A cut window of the content is known by the hash, a # and the window.
                key = (asset["content_hash"], asset["content_hash"] + "#")
                db.execute("DELETE FROM platform_assets WHERE content_hash = ?1 OR instr(content_hash, ?2) = 1", key)
            for table in ("speakers", "speaker_names", "envelopes", "corrections", "rewrites", "doubts"):
                db.execute(f"DELETE FROM {table} WHERE asset_id = ?", (asset_id,))  # noqa: S608 - names from above
            return ForgottenRecords(
                assets=db.execute("DELETE FROM assets WHERE asset_id = ?", (asset_id,)).rowcount,
                tasks=db.execute("DELETE FROM tasks WHERE asset_id = ?", (asset_id,)).rowcount,
                transcripts=db.execute("DELETE FROM transcripts WHERE asset_id = ?", (asset_id,)).rowcount,
            )

        return await self._ledger.write(work)


class Ledger(
    AssetRecords,
    TaskRecords,
    TranscriptRecords,
    SpeakerRecords,
    DoubtRecords,
    CorrectionRecords,
    ErasureRecords,
    QueryCache,
    UsageRecords,
    RemovalRecords,
):
    """Assets, tasks, transcripts, speakers, query vectors and usage in one SQLite file that several processes share.

    Each record kind's methods live in a module of its own. Every method may raise StoreError; a write is on
    disk when it returns, but for query vectors, which cost little to make again.
    """

    def __init__(self, connection: LedgerConnection, lock_dir: Path) -> None:
        super().__init__()
        self._ledger = connection
        self._lock_dir = lock_dir

    @classmethod
    async def open(cls, path: Path, *, lock_dir: Path | None = None, busy_timeout_s: float = 15.0) -> Self:
        """Open the ledger file, making or migrating it as needed.

        `busy_timeout_s` is how long a write waits for other processes before it raises StoreBusy.

        Raises: StoreTooNew, StoreCorrupt, StoreUnavailable.
        """
        connection = LedgerConnection(path, busy_timeout_s=busy_timeout_s)
        try:
            await connection.connect()
        except BaseException:
            await connection.close()
            raise
        return cls(connection, lock_dir or path.parent / "locks")

    async def aclose(self) -> None:
        """Finish what is queued, then close; harmless when repeated."""
        await self.flush_query_vectors()
        await self._ledger.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@dataclass(frozen=True, slots=True)
class Salvage:
    """A ledger made anew."""

    aside: Path
    """What the damaged file is called now."""
    records: int
    """Records that could be read and are in the new one."""


def ledger_damage(path: Path) -> str:
    """What SQLite finds wrong with a ledger's file; empty where there is no file, or nothing wrong. Blocks."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as database:
            answer = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
            return "" if answer == "ok" else answer
    except sqlite3.OperationalError:
        return ""  # locked, or out of reach: opening it says so
    except sqlite3.DatabaseError as exc:
        return str(exc)


def ledger_titles(path: Path) -> dict[str, str]:
    """The titles of a ledger's recordings by their ids, by title. Nothing is written, made or waited for. Blocks.

    Not for a process that has the ledger open: the close would drop its locks.

    Raises: sqlite3.Error.
    """
    # A log beside it may hold what is newest. Without one SQLite would make one, for a reader too.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=0)) as database:
        return dict(database.execute("SELECT asset_id, title FROM assets ORDER BY title, asset_id"))


def salvage_ledger(path: Path) -> Salvage:
    """Set a damaged ledger aside and make a new one of the records that can be read. Nobody may have it open. Blocks.

    Raises: OSError, sqlite3.Error.
    """
    aside = path.with_name(f"{path.name}.{time.time_ns()}.corrupt")
    for beside in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + beside).rename(aside.with_name(aside.name + beside))
    make_private_file(path)
    records = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as new:
        migrate(new)
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(aside)) as old:
            for table in _TABLES:
                records += _copy(old, new, table)
    fsync_directory(path.parent)
    return Salvage(aside, records)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    before = new.total_changes
    # From both ends: what lies behind the damage is reached from the other.
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            there = [row[1] for row in old.execute(f"PRAGMA table_info({table})") if row[1] in columns]
            names, places = ", ".join(there), ", ".join("?" * len(there))
            insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - names from above
            for row in old.execute(f"SELECT {names} FROM {table} ORDER BY rowid {order}"):  # noqa: S608
                with suppress(sqlite3.IntegrityError):
                    new.execute(insert, row)
    return new.total_changes - before
