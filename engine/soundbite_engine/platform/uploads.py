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
from pathlib import Path

from soundbite_engine.config import EngineConfig
from soundbite_engine.platform import asset_records, upload_records
from soundbite_engine.platform.asset_records import NewAsset
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.database import Database
from soundbite_engine.platform.errors import Refused, invalid, not_found, too_large
from soundbite_engine.platform.files import FileSink, remove
from soundbite_engine.platform.media_files import clean_name, file_type
from soundbite_engine.platform.pages import Page
from soundbite_engine.platform.requests import CompletedChunk, UploadRequest, given_metadata
from soundbite_engine.platform.upload_records import Chunk, Reported, UploadRecord

logger = logging.getLogger(__name__)
SESSION_S = 24 * 3600.0
URL_S = 3600.0
_EXPIRY = re.compile(r"[0-9]{1,12}")
_EXPIRED = "The upload was not finished within a day."


class Uploads:
    """The upload sessions of one engine home."""

    def __init__(self, config: EngineConfig, database: Database, assets: Assets) -> None:
        self._config = config
        self._database = database
        self._assets = assets
        self._writing: set[tuple[str, int]] = set()
        self._key: bytes | None = None

    async def create(self, asked: UploadRequest) -> UploadRecord:
        """A session, and the asset that will come of it.

        Raises:
            Refused: the file is too large.
        """
        largest = self._config.largest_multipart_bytes
        if asked.total_size > largest:
            raise too_large(
                f"File size ({asked.total_size / 2**30:.1f} GB) exceeds maximum limit of {largest / 2**30:g} GB"
            )
        name = clean_name(asked.filename)
        new = NewAsset("multipart", name, file_type(name), user_metadata=given_metadata(asked.user_metadata) or None)
        now, chunk_size = time.time(), self._config.chunk_bytes

        def insert(connection: sqlite3.Connection) -> UploadRecord:
            asset = asset_records.insert(connection, new, None)
            return upload_records.insert(connection, asset.id, now, now + SESSION_S, asked.total_size, chunk_size)

        return await self._database.write(insert)

    async def get(self, upload_id: str) -> UploadRecord:
        """The session as it is now.

        Raises:
            Refused: 404.
        """
        record = await self._database.read(lambda c: upload_records.find(c, upload_id))
        if record is None:
            raise not_found(upload_id, "multipart uploads")
        return record

    async def incomplete(self, page: Page) -> tuple[list[UploadRecord], int]:
        """One page of the sessions that wait for chunks, and how many there are."""
        now = time.time()
        return await self._database.read(lambda c: upload_records.incomplete(c, now, page))

    async def chunks(self, upload_id: str) -> Mapping[int, Chunk]:
        """The chunks that have arrived, by index."""
        return await self._database.read(lambda c: upload_records.chunks(c, upload_id))

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
            await self._database.write(lambda c: upload_records.forget_chunk(c, upload_id, index))
            async with FileSink(self._path(record), offset=(index - 1) * record.chunk_size) as sink:
                async for piece in body:
                    if sink.size + len(piece) > expected:
                        raise invalid("chunk", f"Chunk {index} has more than {expected} bytes.")
                    await sink.write(piece)
            if sink.size != expected:
                raise invalid("chunk", f"Chunk {index} has {sink.size} bytes instead of {expected}.")
            await self._database.write(
                lambda c: upload_records.add_chunk(c, upload_id, index, Chunk(sink.md5, expected, time.time(), None))
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
        arrived = await self.chunks(upload_id)
        for chunk in completed:
            _check_proof(record, chunk, arrived.get(chunk.chunk_index))
        indexes = [chunk.chunk_index for chunk in completed]

        def change(connection: sqlite3.Connection) -> Reported:
            reported = upload_records.report(connection, record, indexes, time.time())
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
        wanted = _signature(await self._signing_key(), upload_id, index, expires_at)
        if not hmac.compare_digest(wanted.encode(), query.get("signature", "").encode("utf-8", "replace")):
            raise Refused(403, "unauthorized", "The upload address is not valid.")
        if expires_at < time.time():
            raise Refused(403, "unauthorized", "The upload address has expired; ask for another.")

    async def expire(self) -> None:
        """Forget sessions that were not finished within a day, and what arrived of them."""
        for record in await self._database.read(lambda c: upload_records.expired(c, time.time())):
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


def _check_proof(record: UploadRecord, claimed: CompletedChunk, arrived: Chunk | None) -> None:
    record.size_of(claimed.chunk_index)
    if arrived is None:
        raise invalid("completed_chunks", f"Chunk {claimed.chunk_index} has not been uploaded.")
    if claimed.proof.strip('"') != arrived.etag or claimed.chunk_size != arrived.size:
        raise invalid(
            "completed_chunks", f"The proof or size of chunk {claimed.chunk_index} does not match the upload."
        )


def _signature(key: bytes, upload_id: str, index: int, expires: int) -> str:
    return hmac.new(key, f"{upload_id}/{index}/{expires}".encode(), hashlib.sha256).hexdigest()
