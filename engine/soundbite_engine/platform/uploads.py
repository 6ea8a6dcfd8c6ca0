"""Multipart uploads (contract 2.7): a file arrives in chunks, in any order, at signed addresses of this engine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundbite_engine.config import EngineConfig
from soundbite_engine.platform import asset_records
from soundbite_engine.platform.asset_records import NewAsset
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.database import Database
from soundbite_engine.platform.errors import Refused, invalid, not_found, too_large
from soundbite_engine.platform.media_files import FileSink, clean_name, file_type, remove
from soundbite_engine.platform.requests import CompletedChunk, Page, UploadRequest, given_metadata, new_id

logger = logging.getLogger(__name__)
SESSION_S = 24 * 3600.0
URL_S = 3600.0
_EXPIRY = re.compile(r"[0-9]{1,12}")
_EXPIRED = "The upload was not finished within a day."


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


def insert_session(
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


def find_session(connection: sqlite3.Connection, upload_id: str) -> UploadRecord | None:
    """The session, if it exists."""
    row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
    return None if row is None else _record(row)


def active_sessions(connection: sqlite3.Connection, now: float, page: Page) -> tuple[list[UploadRecord], int]:
    """One page of the active sessions, newest first, and how many there are."""
    where = "is_completed = 0 AND expires_at > ?"
    (total,) = connection.execute(f"SELECT count(*) FROM uploads WHERE {where}", (now,)).fetchone()  # noqa: S608
    rows = connection.execute(
        f"SELECT * FROM uploads WHERE {where} ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",  # noqa: S608
        (now, page.limit, page.offset),
    )
    return [_record(row) for row in rows], total


def expired_sessions(connection: sqlite3.Connection, now: float) -> list[UploadRecord]:
    """Sessions that ran out and whose asset still waits for its bytes."""
    rows = connection.execute(
        "SELECT uploads.* FROM uploads JOIN assets ON assets.id = uploads.asset_id"
        " WHERE is_completed = 0 AND expires_at <= ? AND assets.status = 'processing'",
        (now,),
    )
    return [_record(row) for row in rows]


def arrived_chunks(connection: sqlite3.Connection, upload_id: str) -> dict[int, Chunk]:
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


def report_chunks(connection: sqlite3.Connection, record: UploadRecord, indexes: Sequence[int], now: float) -> Reported:
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


class Uploads:
    """The upload sessions of one engine home."""

    def __init__(self, config: EngineConfig, database: Database, assets: Assets) -> None:
        self._config = config
        self._database = database
        self._assets = assets
        self._writing: set[tuple[str, int]] = set()
        self._key: bytes | None = None

    async def create(self, body: UploadRequest) -> UploadRecord:
        """A session, and the asset that will come of it.

        Raises:
            Refused: the file is too large.
        """
        largest = self._config.largest_multipart_bytes
        if body.total_size > largest:
            raise too_large(
                f"File size ({body.total_size / 2**30:.1f} GB) exceeds maximum limit of {largest / 2**30:g} GB"
            )
        name = clean_name(body.filename)
        new = NewAsset("multipart", name, file_type(name), user_metadata=given_metadata(body.user_metadata) or None)
        now, chunk_size = time.time(), self._config.chunk_bytes

        def insert(connection: sqlite3.Connection) -> UploadRecord:
            asset = asset_records.insert(connection, new, None)
            return insert_session(connection, asset.id, now, now + SESSION_S, body.total_size, chunk_size)

        return await self._database.write(insert)

    async def get(self, upload_id: str) -> UploadRecord:
        """The session as it is now.

        Raises:
            Refused: 404.
        """
        record = await self._database.read(lambda c: find_session(c, upload_id))
        if record is None:
            raise not_found(upload_id, "multipart uploads")
        return record

    async def incomplete(self, page: Page) -> tuple[list[UploadRecord], int]:
        """One page of the sessions that wait for chunks, and how many there are."""
        now = time.time()
        return await self._database.read(lambda c: active_sessions(c, now, page))

    async def chunks(self, upload_id: str) -> Mapping[int, Chunk]:
        """The chunks that have arrived, by index."""
        return await self._database.read(lambda c: arrived_chunks(c, upload_id))

    async def receive(self, upload_id: str, index: int, body: AsyncIterator[bytes]) -> str:
        """Write a chunk to its place and return its ETag; sending it again replaces it.

        Raises:
            Refused: no such session or chunk, a wrong size, or the same chunk is arriving already.
        """
        record = await self._active(upload_id)
        expected = record.size_of(index)
        if (upload_id, index) in self._writing:
            raise Refused(409, "parameter_invalid", f"Chunk {index} is being uploaded by another request.")
        self._writing.add((upload_id, index))
        try:
            await self._database.write(lambda c: forget_chunk(c, upload_id, index))
            async with FileSink(self._path(record), offset=(index - 1) * record.chunk_size) as sink:
                async for piece in body:
                    if sink.size + len(piece) > expected:
                        raise invalid("chunk", f"Chunk {index} has more than {expected} bytes.")
                    await sink.write(piece)
            if sink.size != expected:
                raise invalid("chunk", f"Chunk {index} has {sink.size} bytes instead of {expected}.")
            await self._database.write(
                lambda c: add_chunk(c, upload_id, index, Chunk(sink.md5, expected, time.time(), None))
            )
        finally:
            self._writing.discard((upload_id, index))
        return sink.md5

    async def report(self, upload_id: str, completed: Sequence[CompletedChunk]) -> Reported:
        """Accept chunks as uploaded; with the last one the asset gets its bytes.

        Raises:
            Refused: a chunk has not arrived, or is not the one that is meant.
        """
        record = await self.get(upload_id)
        if not record.is_completed:
            await self._active(upload_id)
        received = await self.chunks(upload_id)
        for chunk in completed:
            _check_proof(record, chunk, received.get(chunk.chunk_index))
        indexes = [chunk.chunk_index for chunk in completed]

        def change(connection: sqlite3.Connection) -> Reported:
            reported = report_chunks(connection, record, indexes, time.time())
            if reported.is_completed_now:  # in the same transaction: a crash must not lose the bytes
                self._assets.accept_bytes(connection, record.asset_id, self._path(record), record.total_size)
            return reported

        reported = await self._database.write(change)
        if reported.is_completed_now:
            await self._assets.settle_soon(await self._assets.get(record.asset_id))
        return reported

    async def sign(self, upload_id: str, indexes: Sequence[int], expires_at: float) -> dict[int, str]:
        """The query string that lets anyone send a chunk until `expires_at`, by index."""
        key = await self._signing_key()
        expires = int(expires_at)
        return {index: f"expires={expires}&signature={_signature(key, upload_id, index, expires)}" for index in indexes}

    async def check_signature(self, upload_id: str, index: int, query: Mapping[str, str]) -> None:
        """Let only addresses pass that `sign` made and that are still good.

        Raises:
            Refused: 403.
        """
        # Whoever reaches the engine may send anything here: no key is asked for.
        expires_at = int(query["expires"]) if _EXPIRY.fullmatch(query.get("expires", "")) else 0
        expected = _signature(await self._signing_key(), upload_id, index, expires_at)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode("utf-8", "replace")):
            raise Refused(403, "unauthorized", "The upload address is not valid.")
        if expires_at < time.time():
            raise Refused(403, "unauthorized", "The upload address has expired; ask for another.")

    async def expire(self) -> None:
        """Forget sessions that were not finished within a day, and what arrived of them."""
        for record in await self._database.read(lambda c: expired_sessions(c, time.time())):
            await self._forget(record)

    async def _forget(self, record: UploadRecord) -> None:
        logger.info("upload %s has expired", record.id)
        await self._database.write(lambda c: asset_records.make_failed(c, record.asset_id, "upload_expired", _EXPIRED))
        await asyncio.to_thread(remove, self._path(record))

    async def _active(self, upload_id: str) -> UploadRecord:
        record = await self.get(upload_id)
        status = record.status(time.time())
        if status != "active":
            raise invalid("upload_id", f"The upload session is {status}.")
        return record

    async def _signing_key(self) -> bytes:
        if self._key is None:
            row = await self._database.read(
                lambda c: c.execute("SELECT value FROM settings WHERE name = 'signing_key'").fetchone()
            )
            self._key = bytes(row["value"])
        return self._key

    def _path(self, record: UploadRecord) -> Path:
        return self._assets.folder.incoming(f"{record.id}.upload")


def _check_proof(record: UploadRecord, claimed: CompletedChunk, received: Chunk | None) -> None:
    record.size_of(claimed.chunk_index)
    if received is None:
        raise invalid("completed_chunks", f"Chunk {claimed.chunk_index} has not been uploaded.")
    if claimed.proof.strip('"') != received.etag or claimed.chunk_size != received.size:
        raise invalid(
            "completed_chunks", f"The proof or size of chunk {claimed.chunk_index} does not match the upload."
        )


def _signature(key: bytes, upload_id: str, index: int, expires: int) -> str:
    return hmac.new(key, f"{upload_id}/{index}/{expires}".encode(), hashlib.sha256).hexdigest()
