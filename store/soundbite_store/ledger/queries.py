"""Embedded queries in the ledger: the same question is embedded, and billed, once."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from soundbite_store.errors import StoreError
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.vectors import unit_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_log = logging.getLogger(__name__)
MAX_CACHED_QUERIES = 5_000
# A finer record of use would turn every read into a write, and every write into a disk flush.
_USE_GRAIN_S = 3_600
# An answer does not wait for the disk to take in its question, and many questions share one flush.
_GATHERED_FOR_S = 0.5

_Key = tuple[str, str, str]


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
