"""Embedded queries in the ledger: the same question is embedded, and billed, once."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from soundbite_store.ledger_connection import LedgerConnection
from soundbite_store.vectors import unit_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

MAX_CACHED_QUERIES = 5_000
# A finer record of use would turn every read into a write, and every write into a disk flush.
_USE_GRAIN_S = 3_600


class QueryCache:
    """The ledger's query vectors; the least recently used make room."""

    _ledger: LedgerConnection

    async def put_query_vector(self, space: str, kind: str, text: str, vector: ArrayLike) -> None:
        """Keep the vector of a query. `kind` tells apart queries of the same text (`text`, ...).

        Raises: BadVector.
        """
        import numpy as np

        blob = unit_vector(vector, np.size(vector)).tobytes()
        values = (space, kind, text, blob, time.time_ns())

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO query_cache VALUES (?, ?, ?, ?, ?)", values)
            db.execute(
                "DELETE FROM query_cache WHERE rowid IN "
                "(SELECT rowid FROM query_cache ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
                (MAX_CACHED_QUERIES,),
            )

        await self._ledger.write(work)

    async def get_query_vector(self, space: str, kind: str, text: str) -> NDArray[np.float32] | None:
        """The vector of a query seen before: float32, unit length."""
        key = (space, kind, text)
        sql = "SELECT vector, used_at FROM query_cache WHERE space = ? AND kind = ? AND text = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, key).fetchone())
        if row is None:
            return None
        now = time.time_ns()
        if now - row["used_at"] > _USE_GRAIN_S * 1_000_000_000:
            touch = "UPDATE query_cache SET used_at = ? WHERE space = ? AND kind = ? AND text = ?"
            await self._ledger.write(lambda db: db.execute(touch, (now, *key)))
        import numpy as np

        return np.frombuffer(row["vector"], dtype="<f4").copy()
