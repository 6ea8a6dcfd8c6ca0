"""The ledger: what Soundbite was asked to do, and what it knows besides clips."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from soundbite_store.ledger.assets import AssetRecords
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.corrections import CorrectionRecords
from soundbite_store.ledger.erasures import ErasureRecords, Unscrubbed, note_unscrubbed
from soundbite_store.ledger.queries import QueryCache
from soundbite_store.ledger.records import Usage
from soundbite_store.ledger.speakers import SpeakerRecords
from soundbite_store.ledger.tasks import TaskRecords
from soundbite_store.ledger.transcripts import DoubtRecords, TranscriptRecords


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
