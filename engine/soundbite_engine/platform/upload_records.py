"""Upload sessions and their chunks as rows of the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from soundbite_engine.platform.errors import invalid
from soundbite_engine.platform.ids import new_id
from soundbite_engine.platform.pages import Page


@dataclass(frozen=True)
class UploadRecord:
    """One session; sizes in bytes, times in seconds since 1970."""

    id: str
    asset_id: str
    created_at: float
    updated_at: float
    expires_at: float
    total_size: int
    chunk_size: int
    is_completed: bool

    @property
    def total_chunks(self) -> int:
        """How many chunks the file is cut into."""
        return -(-self.total_size // self.chunk_size)

    def size_of(self, index: int) -> int:
        """Bytes of the chunk `index`, from 1; the last may be shorter.

        Raises:
            Refused: there is no such chunk.
        """
        if not 1 <= index <= self.total_chunks:
            raise invalid("chunk_index", f"Must be from 1 to {self.total_chunks}.")
        return min(self.chunk_size, self.total_size - (index - 1) * self.chunk_size)

    def status(self, now: float) -> str:
        """active, completed or expired."""
        if self.is_completed:
            return "completed"
        return "expired" if now >= self.expires_at else "active"


@dataclass(frozen=True)
class Chunk:
    """A chunk that has arrived; `reported_at` is None until the client has said so."""

    etag: str
    size: int
    updated_at: float
    reported_at: float | None


@dataclass(frozen=True)
class Reported:
    """What a report of chunks came to."""

    processed: int
    duplicate: int
    total_completed: int
    is_completed: bool
    is_completed_now: bool


def insert(
    connection: sqlite3.Connection, asset_id: str, now: float, expires_at: float, total_size: int, chunk_size: int
) -> UploadRecord:
    """Open a session for an asset."""
    record = UploadRecord(new_id(), asset_id, now, now, expires_at, total_size, chunk_size, False)
    connection.execute(
        "INSERT INTO uploads (id, asset_id, created_at, updated_at, expires_at, total_size, chunk_size)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record.id, asset_id, now, now, expires_at, total_size, chunk_size),
    )
    return record


def find(connection: sqlite3.Connection, upload_id: str) -> UploadRecord | None:
    """The session, if it exists."""
    row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
    return None if row is None else _record(row)


def incomplete(connection: sqlite3.Connection, now: float, page: Page) -> tuple[list[UploadRecord], int]:
    """One page of the active sessions, newest first, and how many there are."""
    where = "is_completed = 0 AND expires_at > ?"
    (total,) = connection.execute(f"SELECT count(*) FROM uploads WHERE {where}", (now,)).fetchone()  # noqa: S608
    rows = connection.execute(
        f"SELECT * FROM uploads WHERE {where} ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",  # noqa: S608
        (now, page.limit, page.offset),
    )
    return [_record(row) for row in rows], total


def expired(connection: sqlite3.Connection, now: float) -> list[UploadRecord]:
    """Sessions that ran out and whose asset still waits for its bytes."""
    rows = connection.execute(
        "SELECT uploads.* FROM uploads JOIN assets ON assets.id = uploads.asset_id"
        " WHERE is_completed = 0 AND expires_at <= ? AND assets.status = 'processing'",
        (now,),
    )
    return [_record(row) for row in rows]


def chunks(connection: sqlite3.Connection, upload_id: str) -> dict[int, Chunk]:
    """The chunks of a session that have arrived, by index."""
    rows = connection.execute("SELECT * FROM upload_chunks WHERE upload_id = ?", (upload_id,))
    return {row["chunk_index"]: Chunk(row["etag"], row["size"], row["updated_at"], row["reported_at"]) for row in rows}


def forget_chunk(connection: sqlite3.Connection, upload_id: str, index: int) -> None:
    """Record that a chunk's bytes are not to be relied on."""
    connection.execute("DELETE FROM upload_chunks WHERE upload_id = ? AND chunk_index = ?", (upload_id, index))


def add_chunk(connection: sqlite3.Connection, upload_id: str, index: int, chunk: Chunk) -> None:
    """Record that a chunk is whole."""
    connection.execute(
        "INSERT OR REPLACE INTO upload_chunks VALUES (?, ?, ?, ?, ?, NULL)",
        (upload_id, index, chunk.etag, chunk.size, chunk.updated_at),
    )
    connection.execute("UPDATE uploads SET updated_at = ? WHERE id = ?", (chunk.updated_at, upload_id))


def report(connection: sqlite3.Connection, record: UploadRecord, indexes: Sequence[int], now: float) -> Reported:
    """Mark chunks as reported; the session is completed when that makes all of them, once only."""
    fresh = 0
    for index in indexes:
        changed = connection.execute(
            "UPDATE upload_chunks SET reported_at = ?, updated_at = ?"
            " WHERE upload_id = ? AND chunk_index = ? AND reported_at IS NULL",
            (now, now, record.id, index),
        )
        fresh += changed.rowcount
    (total,) = connection.execute(
        "SELECT count(*) FROM upload_chunks WHERE upload_id = ? AND reported_at IS NOT NULL", (record.id,)
    ).fetchone()
    is_completed = total == record.total_chunks
    completed_now = is_completed and (
        connection.execute(
            "UPDATE uploads SET is_completed = 1, updated_at = ? WHERE id = ? AND is_completed = 0", (now, record.id)
        ).rowcount
        == 1
    )
    return Reported(fresh, len(indexes) - fresh, total, is_completed, completed_now)


def _record(row: sqlite3.Row) -> UploadRecord:
    return UploadRecord(
        id=row["id"],
        asset_id=row["asset_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        total_size=row["total_size"],
        chunk_size=row["chunk_size"],
        is_completed=bool(row["is_completed"]),
    )
