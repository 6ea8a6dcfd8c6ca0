"""Assets: taking media in, finding out what it is, and giving it to those who embed it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from soundbite_api.files import SourceFile, Span
from soundbite_engine.config import EngineConfig
from soundbite_engine.errors import EngineError, MediaError
from soundbite_engine.platform import asset_records
from soundbite_engine.platform.asset_records import AssetFilter, AssetRecord, NewAsset
from soundbite_engine.platform.database import Background, Database, Owner
from soundbite_engine.platform.errors import FetchError, Refused, invalid, not_found
from soundbite_engine.platform.fetch import Fetcher, name_in_url
from soundbite_engine.platform.media_files import (
    IncomingMedia,
    MediaFolder,
    clean_name,
    file_type,
    referenced_file,
    remove,
    same_file,
    technical_metadata,
)
from soundbite_engine.platform.requests import Page
from soundbite_engine.workers.media import copy_sound, probe
from soundbite_engine.workers.pool import WorkerPool

logger = logging.getLogger(__name__)
POLL_S = 0.25
LEFT_BEHIND_S = 25 * 3600.0  # an upload session lasts a day


class Assets:
    """The assets of one engine."""

    def __init__(
        self,
        config: EngineConfig,
        database: Database,
        pool: WorkerPool,
        owner: Owner,
        background: Background,
        fetcher: Fetcher,
    ) -> None:
        self.folder = MediaFolder(config.home)
        self._config = config
        self._database = database
        self._pool = pool
        self._owner = owner
        self._background = background
        self._fetcher = fetcher
        self._settling: dict[str, asyncio.Task[None]] = {}

    async def create_from_url(
        self, url: str, *, filename: str = "", user_metadata: Mapping[str, Any] | None = None, is_inline: bool = False
    ) -> AssetRecord:
        """An asset whose media is downloaded in the background, or referenced when it is a file URL.

        Raises:
            Refused, FetchError: the URL can be seen to be wrong or is not allowed.
        """
        if url.lower().startswith("file:"):
            return await self._create_reference(url, filename, user_metadata, is_inline)
        self._fetcher.check(url)
        name = clean_name(filename or name_in_url(url))
        new = NewAsset("url", name, file_type(name), source_url=url, user_metadata=user_metadata, is_inline=is_inline)
        return await self._create(new)

    async def create_from_upload(
        self, received: IncomingMedia, *, user_metadata: Mapping[str, Any] | None = None, is_inline: bool = False
    ) -> AssetRecord:
        """An asset of bytes that have arrived; they are moved to where they stay."""
        new = NewAsset(
            "direct",
            received.filename,
            file_type(received.filename),
            path=received.path,
            size=received.size,
            user_metadata=user_metadata,
            is_inline=is_inline,
        )
        return await self._create(new)

    def accept_bytes(self, connection: sqlite3.Connection, asset_id: str, path: Path, size: int) -> None:
        """Record, in a transaction of a finished upload, that an asset's bytes are here and this engine settles it."""
        asset_records.place(connection, asset_id, path, size, self._owner.id)

    async def _create_reference(
        self, url: str, filename: str, user_metadata: Mapping[str, Any] | None, is_inline: bool
    ) -> AssetRecord:
        if not self._config.file_urls:
            raise FetchError("url_refused", "File URLs are not accepted here; upload the file instead.")
        referenced = await asyncio.to_thread(referenced_file, url)
        name = clean_name(filename or referenced.name)
        new = NewAsset(
            "url",
            name,
            file_type(name),
            source_url=url.partition("#")[0],
            is_inline=is_inline,
            size=referenced.identity.size_bytes if referenced.identity else None,
            reference=referenced,
            user_metadata=user_metadata,
        )
        return await self._create(new)

    async def _create(self, new: NewAsset) -> AssetRecord:
        record = await self._database.write(lambda c: asset_records.insert(c, new, self._owner.id))
        try:
            return await self.settle_soon(record)
        except asyncio.CancelledError:
            if record.is_inline:
                await self.discard(record.id)
            raise

    async def settle_soon(self, record: AssetRecord) -> AssetRecord:
        """Settle an asset, and wait for that a moment."""
        settling = self.settle(record)
        await asyncio.wait([settling], timeout=self._config.grace_s)
        return await self.get(record.id) if settling.done() else record

    def settle(self, record: AssetRecord) -> asyncio.Task[None]:
        """Bring an asset from `processing` to `ready` or `failed`, in the background."""
        settling = self._settling.get(record.id)
        if settling is not None:
            return settling
        task = self._background.start(self._settle(record), f"asset {record.id}")
        self._settling[record.id] = task
        task.add_done_callback(lambda _: self._settling.pop(record.id, None))
        return task

    async def _settle(self, record: AssetRecord) -> None:
        try:
            ready = await self._fetched(record)
            info = await probe(await self.media_file(ready), self._pool)
        except EngineError as exc:
            # The name a client knows goes in place of the stored file's.
            name = Path(self.folder.path_of(record.id, record.filename)).name
            await self._fail(record, exc.code, exc.message.replace(name, record.filename))
        except Exception:
            logger.exception("asset %s met an unexpected error", record.id)
            await self._fail(record, "unexpected", "The engine failed unexpectedly; its log says more.")
        else:
            kind = file_type(ready.filename, info)
            technical = technical_metadata(info, kind)
            await self._database.write(
                lambda c: asset_records.make_ready(c, record.id, kind, info.duration_sec, technical)
            )

    async def _fail(self, record: AssetRecord, code: str, reason: str) -> None:
        logger.info("asset %s failed: %s", record.id, reason)
        await self._database.write(lambda c: asset_records.make_failed(c, record.id, code, reason))

    async def _fetched(self, record: AssetRecord) -> AssetRecord:
        """The asset with its bytes where they stay."""
        if record.is_reference:
            return record
        received, filename = self._own_path(record), record.filename
        if received is None:
            assert record.source_url is not None
            received = self.folder.incoming(f"{record.id}.download")
            download = await self._fetcher.fetch(record.source_url, received)
            if download.filename and record.filename == clean_name(name_in_url(record.source_url)):
                filename = clean_name(download.filename)
        stored = await asyncio.to_thread(self._keep, received, record.id, filename)
        size = (await asyncio.to_thread(stored.stat)).st_size

        def place(connection: sqlite3.Connection) -> bool:
            asset_records.rename(connection, record.id, filename)
            return asset_records.place(connection, record.id, stored, size, self._owner.id)

        if not await self._database.write(place):
            await asyncio.to_thread(remove, stored)
            raise not_found(record.id, "assets")
        return await self.get(record.id)

    def _keep(self, received: Path, asset_id: str, filename: str) -> Path:
        stored = self.folder.path_of(asset_id, filename)
        # After a crash between the move and its record, the file is already where it stays.
        if not received.exists() and stored.exists():
            return stored
        return self.folder.keep(received, asset_id, filename)

    async def get(self, asset_id: str) -> AssetRecord:
        """The asset as it is now.

        Raises:
            Refused: 404, there is none.
        """
        record = await self._database.read(lambda c: asset_records.find(c, asset_id))
        if record is None:
            raise not_found(asset_id, "assets")
        return record

    async def page(self, criteria: AssetFilter, page: Page) -> tuple[list[AssetRecord], int]:
        """One page of the assets that match, and how many match."""
        return await self._database.read(lambda c: asset_records.page(c, criteria, page))

    async def ready(self, asset_id: str) -> AssetRecord:
        """The asset, once it may be used: the platform's guide never waits for that itself.

        Raises:
            Refused: 404, or its upload is not finished.
            FetchError, MediaError: the asset failed.
        """
        while True:
            record = await self.get(asset_id)
            if record.status == "ready":
                return record
            if record.status == "failed":
                raise _unusable(record)
            if record.method == "multipart" and record.path is None:
                raise invalid("asset_id", f"The upload of the asset {asset_id} is not finished.")
            settling = self._settling.get(asset_id)
            if settling is None:
                await asyncio.sleep(POLL_S)  # another engine works on it, or its upload is not finished
            else:
                await asyncio.wait([settling])

    async def media_file(self, record: AssetRecord) -> SourceFile:
        """The file of an asset whose bytes are here.

        Raises:
            EngineError: a referenced file is gone or has changed.
        """
        if record.reference is not None:
            return await asyncio.to_thread(same_file, record.reference, record.size, record.mtime_ns)
        path = self._own_path(record)
        assert path is not None
        return await asyncio.to_thread(SourceFile.at, path)

    def _own_path(self, record: AssetRecord) -> Path | None:
        """Where the bytes are that the engine keeps itself; None for a reference, and where there are none yet."""
        return None if record.path is None or record.is_reference else self.folder.located(record.path)

    async def kept_file(self, asset_id: str) -> SourceFile | None:
        """The file of a ready asset; None where its bytes are not here, or not any more."""
        try:
            record = await self.get(asset_id)
            if record.status != "ready":
                return None
            media = await self.media_file(record)
        except EngineError:
            return None
        return media if await asyncio.to_thread(media.path.is_file) else None

    async def silence(self, asset_id: str, silences: tuple[Span, ...]) -> None:
        """Have the bytes that are kept of an asset hold silence in some spans; those of a reference stay as they are.

        Raises:
            EngineError: they can't be read or written.
        """
        record = await self.get(asset_id)
        if (path := self._own_path(record)) is None or not path.is_file():
            return
        arrived = self.folder.incoming(f"{asset_id}.silenced")
        arrived.parent.mkdir(parents=True, exist_ok=True)
        await copy_sound(replace(await self.media_file(record), silences=silences), arrived, self._pool)
        stored = await asyncio.to_thread(self.folder.keep, arrived, asset_id, "sound.flac")
        size = (await asyncio.to_thread(stored.stat)).st_size
        await self._database.write(lambda c: asset_records.put_silenced(c, asset_id, stored, size))
        for other in await asyncio.to_thread(self.folder.media_of, asset_id):
            if other != stored:
                await asyncio.to_thread(remove, other)

    async def references(self, path: Path, content_hash: str) -> list[str]:
        """The ids of the assets that reference a path, or a file of this content."""
        return await self._database.read(lambda c: asset_records.references(c, path, content_hash))

    async def change_user_metadata(self, asset_id: str, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Make of an asset's user metadata what `change` makes of it; no other change comes between.

        Raises:
            Refused: 404.
        """
        if not await self._database.write(lambda c: asset_records.change_user_metadata(c, asset_id, change)):
            raise not_found(asset_id, "assets")

    async def delete(self, asset_id: str) -> None:
        """Forget an asset and delete its media; a referenced file stays.

        Raises:
            Refused: 404.
        """
        settling = self._settling.get(asset_id)
        if settling is not None:
            settling.cancel()
            await asyncio.wait([settling])
        record = await self.get(asset_id)
        await self._database.write(lambda c: asset_records.delete(c, asset_id))
        if (path := self._own_path(record)) is not None:
            await asyncio.to_thread(remove, path)

    async def discard(self, asset_id: str) -> None:
        """Delete what came inside a request and is needed no more, if it is there still; a cancelled caller too."""
        await asyncio.shield(self._discard(asset_id))

    async def _discard(self, asset_id: str) -> None:
        with contextlib.suppress(Refused):  # another engine of this home was quicker
            await self.delete(asset_id)

    async def take_over(self) -> None:
        """Go on with assets whose engine is gone, and with those of this one that nothing settles."""
        for record, owner in await self._database.read(asset_records.unfinished):
            if record.id in self._settling or self._owner.is_at_work(owner):
                continue
            if await self._database.write(_claim(record.id, owner, self._owner.id)):
                logger.info("asset %s is taken up again", record.id)
                self.settle(record)

    async def tidy(self) -> None:
        """Remove what crashes left behind: inline media nobody waits for, pieces of uploads, media without asset."""
        before = time.time() - LEFT_BEHIND_S
        for asset_id in await self._database.read(lambda c: asset_records.forgotten(c, before)):
            await self.discard(asset_id)
        await asyncio.to_thread(self.folder.tidy, before)
        old = await asyncio.to_thread(self.folder.media_before, before)
        for asset_id in old.keys() - await self._database.read(asset_records.ids):
            await asyncio.to_thread(remove, old[asset_id])

    async def release(self) -> None:
        """Let other engines go on with what this one has not finished."""
        await self._database.write(
            lambda c: c.execute("UPDATE assets SET owner = NULL WHERE owner = ?", (self._owner.id,))
        )


def _claim(asset_id: str, seen_owner: str | None, owner: str) -> Callable[[sqlite3.Connection], bool]:
    """A change that succeeds for one engine only, of those that saw the same former owner."""

    def claim(connection: sqlite3.Connection) -> bool:
        changed = connection.execute(
            "UPDATE assets SET owner = ? WHERE id = ? AND status = 'processing' AND owner IS ?",
            (owner, asset_id, seen_owner),
        )
        return changed.rowcount == 1

    return claim


def _unusable(record: AssetRecord) -> EngineError:
    code = record.error_code or "media_unreadable"
    kind = FetchError if code.startswith("url_") else MediaError
    return kind(code, record.error or f"{record.filename} could not be processed")
