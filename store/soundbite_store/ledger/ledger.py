"""The ledger: what Soundbite was asked to do, and what it knows besides clips."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from soundbite_store.ledger.assets import AssetRecords
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.queries import QueryCache
from soundbite_store.ledger.removal import RemovalRecords
from soundbite_store.ledger.tasks import TaskRecords
from soundbite_store.ledger.transcripts import TranscriptRecords
from soundbite_store.ledger.usage import UsageRecords


class Ledger(AssetRecords, TaskRecords, TranscriptRecords, QueryCache, UsageRecords, RemovalRecords):
    """Assets, tasks, transcripts, query vectors and usage in one SQLite file that several processes share.

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
