"""The catalogue of a shared store: what machines tell each other beside clips.

One table, one row for each asset, finished task and transcript, as JSON; a removed asset leaves a row that says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from soundbite_store.errors import lance_errors
from soundbite_store.filters import quoted
from soundbite_store.lance.schema import PRIMARY_KEY
from soundbite_store.ledger.ledger import Ledger
from soundbite_store.ledger.records import (
    Asset,
    SpeakerName,
    StoredTranscript,
    Task,
    asset_from,
    names_from,
    task_from,
    to_json,
    transcript_from,
)
from soundbite_store.locks import until_committed

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

    from soundbite_store.lance.clip_store import ClipStore
    from soundbite_store.lance.connection import StoreConnection

RecordKind = Literal["asset", "task", "transcript", "removed"]
_TABLE = "catalogue__1"
_KEY = "record_id"
_NO_VERSION = 0
_PAGE = 200
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """What a first look at the catalogue tells of a record."""

    record_id: str
    kind: RecordKind
    asset_id: str
    stamp: str
    """A short digest: equal stamps, nothing new."""


@dataclass(frozen=True, slots=True)
class SharedRecord(Entry):
    """One record as it is shared."""

    body: str
    """JSON."""


def shared(record: Asset | Task | StoredTranscript, names: Sequence[SpeakerName] | None = None) -> SharedRecord:
    """A ledger's record as it is shared; an asset's brings the names of its speakers."""
    match record:
        case Asset():
            record_id, kind = f"asset:{record.asset_id}", "asset"
            content = _content_of(record) + "".join(sorted(f"\n{one.name}:{one.spans}" for one in names or ()))
        case Task():
            # A finished task changes no more, but its times differ between the machine that ran it and the others.
            record_id, kind, content = f"task:{record.task_id}", "task", record.task_id
        case StoredTranscript():
            record_id, kind, content = f"transcript:{record.asset_id}:{record.source}", "transcript", to_json(record)
    return SharedRecord(record_id, cast(RecordKind, kind), record.asset_id, _digest(content), to_json(record, names))


def removed(asset_id: str) -> SharedRecord:
    """The word that an asset was removed, in the place of the asset."""
    return SharedRecord(f"asset:{asset_id}", "removed", asset_id, _digest("removed"), "{}")


def _content_of(asset: Asset) -> str:
    # Where a machine has the file, and since when, is its own affair.
    language = (asset.language,) if asset.language else ()  # what was shared before there were languages stays the same
    return repr((asset.content_hash, asset.title, asset.tags, asset.metadata_json, asset.duration_sec, *language))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Catalogue:
    """The shared records of one store. Every method may raise StoreError."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._table: AsyncTable | None = None

    async def version(self) -> int:
        """A number that changes with every record; 0 while there is no catalogue."""
        table = await self._opened()
        if table is None:
            return _NO_VERSION
        with lance_errors():
            return int(await table.version())

    async def put(self, records: Sequence[SharedRecord]) -> None:
        """Add records, in place of earlier ones of the same ids, in one commit."""
        rows = await asyncio.to_thread(_rows, records)
        table = self._table or await self._connection.records_table(_TABLE, _KEY, rows.schema)
        assert table is not None
        self._table = table

        async def write() -> None:
            with lance_errors():
                merge = table.merge_insert(_KEY).use_index(False)
                await merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

        async with self._connection.gate(_TABLE).entered():
            await until_committed(write)

    async def withdraw(self, asset_id: str) -> None:
        """Leave nothing of an asset but the word that it was removed."""
        if await self._opened() is None:
            return
        await self.put([removed(asset_id)])

        async def write() -> None:
            assert self._table is not None
            with lance_errors():
                await self._table.delete(f"asset_id = {quoted(asset_id)} AND kind IN ('task', 'transcript')")

        async with self._connection.gate(_TABLE).entered():
            await until_committed(write)

    async def entries(self) -> list[Entry]:
        """All records without their bodies."""
        table = await self._opened()
        if table is None:
            return []
        with lance_errors():
            rows = await table.query().select(["record_id", "kind", "asset_id", "stamp"]).to_arrow()
        return [Entry(**row) for row in rows.to_pylist()]

    async def of_assets(self, asset_ids: Iterable[str]) -> list[SharedRecord]:
        """Everything about these assets."""
        table = await self._opened()
        ids = ", ".join(quoted(asset_id) for asset_id in asset_ids)
        if table is None or not ids:
            return []
        with lance_errors():
            query = table.query().where(f"asset_id IN ({ids})")
            rows = await query.select(["record_id", "kind", "asset_id", "stamp", "body"]).to_arrow()
        return await asyncio.to_thread(_records, rows)

    async def _opened(self) -> AsyncTable | None:
        if self._table is None:
            self._table = await self._connection.records_table(_TABLE, _KEY)
        return self._table


def _rows(records: Sequence[SharedRecord]) -> pa.Table:
    import pyarrow as pa

    unique = {record.record_id: record for record in records}.values()
    schema = pa.schema(
        [
            pa.field(_KEY, pa.string(), nullable=False, metadata=PRIMARY_KEY),
            *(pa.field(name, pa.string(), nullable=False) for name in ("kind", "asset_id", "stamp")),
            pa.field("body", pa.binary(), nullable=False),
        ]
    )
    columns = [
        [record.record_id for record in unique],
        [record.kind for record in unique],
        [record.asset_id for record in unique],
        [record.stamp for record in unique],
        # The words of a transcript repeat: this makes a tenth of it.
        [zlib.compress(record.body.encode()) for record in unique],
    ]
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _records(rows: pa.Table) -> list[SharedRecord]:
    return [SharedRecord(**row | {"body": zlib.decompress(row["body"]).decode()}) for row in rows.to_pylist()]


class Sharing:
    """Keeps a ledger and a catalogue alike: finished recordings go out, those of other machines come in.

    Every method may raise StoreError.
    """

    def __init__(self, store: ClipStore, ledger: Ledger, may_read: Callable[[Path], bool]) -> None:
        """`may_read` tells whether this machine's settings open a file that another machine names."""
        self._catalogue = Catalogue(store.connection)
        self._ledger = ledger
        self._may_read = may_read
        self._version = 0
        self._stamps: dict[str, str] | None = None

    async def publish(self, asset_id: str, finished: Task | None = None) -> None:
        """Tell what the ledger knows of a recording once one of its tasks is ready.

        `finished` counts as ready although the ledger does not say so yet: the ledger is to be told last.
        """
        asset = await self._ledger.get_asset(asset_id)
        ready = await self._ledger.list_tasks(None, asset_id=asset_id, status="ready")
        if finished is not None:
            ready = [finished, *(task for task in ready if task.task_id != finished.task_id)]
        if asset is None or not ready:
            return
        transcripts = await self._ledger.transcripts_of(asset_id)
        names = await self._ledger.speaker_names(asset_id)
        records = [shared(asset, names), *map(shared, ready), *map(shared, transcripts)]
        await self._catalogue.put(records)
        if self._stamps is not None:
            self._stamps |= _stamps(records)

    async def withdraw(self, asset_id: str) -> None:
        """Tell that a recording was removed."""
        await self._catalogue.withdraw(asset_id)

    async def catch_up(self) -> int:
        """Take in what other machines wrote; returns the number of recordings that changed here."""
        version = await self._catalogue.version()
        if version == self._version:
            return 0
        entries = await self._catalogue.entries()
        if self._stamps is None:
            self._stamps = await self._stamps_here()
        changed = _changed_assets(entries, self._stamps)
        for first in range(0, len(changed), _PAGE):
            await self._store(await self._catalogue.of_assets(changed[first : first + _PAGE]))
        self._stamps = {entry.record_id: entry.stamp for entry in entries}
        self._version = version
        return len(changed)

    async def _store(self, records: Iterable[SharedRecord]) -> None:
        for record in records:
            if record.kind == "asset":
                await self._ledger.put_asset(await self._local(asset_from(record.body)))
                if (names := names_from(record.body)) is not None:
                    await self._ledger.put_speaker_names(record.asset_id, names)
            elif record.kind == "task":
                await self._ledger.put_task(task_from(record.body))
            elif record.kind == "transcript":
                await self._ledger.put_transcript(transcript_from(record.body))
            # A recording that is being embedded here again is not forgotten for an earlier removal.
            elif not await self._ledger.list_tasks(1, asset_id=record.asset_id, status="processing"):
                await self._ledger.forget_asset(record.asset_id)

    async def _local(self, asset: Asset) -> Asset:
        ours = await self._ledger.get_asset(asset.asset_id)
        if ours is not None:
            fields = ("source_uri", "source_kind", "size_bytes", "mtime_ns")
            here = replace(asset, **{name: getattr(ours, name) for name in fields})
            # The file of this machine holds the earlier content.
            return here if asset.content_hash == ours.content_hash else replace(here, mtime_ns=_NEVER)
        if asset.source_kind in ("file", "base64") and not self._may_read(Path(asset.source_uri)):
            # No file was ever modified at this time: whatever lies at that path here is not taken for the recording.
            return replace(asset, mtime_ns=_NEVER)
        return asset

    async def _stamps_here(self) -> dict[str, str]:
        """The stamps of what is in the ledger, so that a start fetches only what differs."""
        stamps: dict[str, str] = {}
        for offset in range(0, await self._ledger.count_assets(), _PAGE):
            for asset in await self._ledger.list_assets(_PAGE, offset):
                ready = await self._ledger.list_tasks(None, asset_id=asset.asset_id, status="ready")
                names = await self._ledger.speaker_names(asset.asset_id)
                stamps |= _stamps([shared(asset, names), *map(shared, ready)])
        return stamps


def _stamps(records: Iterable[SharedRecord]) -> dict[str, str]:
    return {record.record_id: record.stamp for record in records}


def _changed_assets(entries: Sequence[Entry], stamps: dict[str, str]) -> list[str]:
    # A new transcript never comes without a new task, and its stamp is costly to work out.
    records = (entry for entry in entries if entry.kind != "transcript" and stamps.get(entry.record_id) != entry.stamp)
    return list(dict.fromkeys(entry.asset_id for entry in records))
