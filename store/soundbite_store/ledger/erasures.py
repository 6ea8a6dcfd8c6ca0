"""What is erased, by content: spans of time that nobody reads, finds or hears any more; and what is to be scrubbed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Span, joined

_SPANS = "SELECT spans FROM erasures WHERE content_hash = ?"


@dataclass(frozen=True, slots=True)
class Unscrubbed:
    """A recording, removed or not, of which something was deleted that may be in files still."""

    asset_id: str
    content_hash: str
    source_uri: str


class ErasureRecords:
    """The ledger's erasures."""

    _ledger: LedgerConnection

    async def erased_of(self, content_hash: str) -> tuple[Span, ...]:
        """What is erased of a content, in order."""
        return await self._ledger.read(lambda db: erased_in(db, content_hash))

    async def put_copy(self, content_hash: str, copy_hash: str) -> None:
        """Keep the hash of the copy in the library that has silence where a content is erased."""
        sql = "UPDATE erasures SET copy_hash = ? WHERE content_hash = ?"
        await self._ledger.write(lambda db: db.execute(sql, (copy_hash, content_hash)))

    async def copy_of(self, content_hash: str) -> str:
        """The hash of the copy in the library that had silence last where a content is erased; empty without one."""
        sql = "SELECT copy_hash FROM erasures WHERE content_hash = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, (content_hash,)).fetchone())
        return row[0] if row else ""

    async def unscrubbed(self) -> list[Unscrubbed]:
        """The recordings of which something that was deleted may be in files still."""
        sql = "SELECT DISTINCT asset_id, content_hash, source_uri FROM unscrubbed"
        return await self._ledger.read(lambda db: [Unscrubbed(*row) for row in db.execute(sql)])

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the file or its log.

        Raises: StoreBusy where another process reads it for too long.
        """
        await self._ledger.scrub()

    async def end_scrub(self, scrubbed: Iterable[Unscrubbed]) -> None:
        """Note that nothing is left of what was deleted of these recordings."""
        rows = [(one.asset_id, one.content_hash) for one in scrubbed]
        sql = "DELETE FROM unscrubbed WHERE asset_id = ? AND content_hash = ?"
        await self._ledger.write(lambda db: db.executemany(sql, rows))


def erased_in(db: sqlite3.Connection, content_hash: str) -> tuple[Span, ...]:
    """What is erased of a content, in the transaction of `db`."""
    row = db.execute(_SPANS, (content_hash,)).fetchone()
    return () if row is None else tuple((start, end) for start, end in json.loads(row[0]))


def note_erased(db: sqlite3.Connection, content_hash: str, spans: Iterable[Span]) -> None:
    """Add to what is erased of a content, in the transaction of `db`."""
    whole = json.dumps(joined([*erased_in(db, content_hash), *spans]))
    sql = (
        "INSERT INTO erasures (content_hash, spans) VALUES (?, ?) "
        "ON CONFLICT (content_hash) DO UPDATE SET spans = excluded.spans"
    )
    db.execute(sql, (content_hash, whole))


def note_unscrubbed(db: sqlite3.Connection, one: Unscrubbed) -> None:
    """Note that something of a recording is being deleted, in the transaction of `db`."""
    db.execute("INSERT INTO unscrubbed VALUES (?, ?, ?)", (one.asset_id, one.content_hash, one.source_uri))
