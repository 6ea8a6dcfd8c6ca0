"""Opening the clips tables of one store: connect late, heal what a power cut tore, create under a lock."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import TABLE_PREFIX, Space
from soundbite_store.errors import StoreCorrupt, StoreError, lance_errors
from soundbite_store.lance.indexes import create_text_indexes, drop_broken_indexes, has_text_indexes
from soundbite_store.lance.places import FOLDER, StoreAccess, capabilities_of, reaching
from soundbite_store.lance.schema import (
    SCHEMA_VERSION,
    check_schema,
    clips_schema,
    migrate,
    rows_schema,
    schema_version,
    space_of,
)
from soundbite_store.lance.table import ClipTable
from soundbite_store.locks import OwnerLock, WriteGate, until_committed
from soundbite_store.repair.durability import (
    HealingNotes,
    TableFolder,
    has_torn_files,
    quarantine,
    torn_heads,
    unreadable_heads,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

_log = logging.getLogger(__name__)
# LanceDB's own limits are 6 GiB and 1 GiB, too much for a server that sits in the background. Every write leaves some
# 70 KB about its version in the metadata cache, and old versions are not asked for again; searches of 300,000 rows are
# as fast with 1 MB as with 16.
_INDEX_CACHE_BYTES = 256 << 20
_METADATA_CACHE_BYTES = 4 << 20
# In the index cache stay indexes that newer ones have replaced, each with its files open: six files for each tidying,
# and a process may often have no more than 1,024, on a Mac 256. It can't be emptied, only be left for another one.
_VERSIONS_OF_A_SESSION = 100
# In the format after this one a search reads its clips by decoding all rows between them in each column that has one
# value throughout: at a million rows that takes 26 ms for 20 clips, and 6 in this one.
_NEW_TABLES = {"new_table_data_storage_version": "2.1"}
_PAGE = 1_000


async def _load_lancedb() -> Any:
    """The lancedb module. Its import takes a moment, so it runs in a thread at first use."""
    # Read once at import: without it a deprecation notice goes to stderr with every hybrid query.
    os.environ.setdefault("LANCEDB_LOG", "error")
    return await asyncio.to_thread(importlib.import_module, "lancedb")


class StoreConnection:
    """The tables of one store address; each is opened once and kept."""

    def __init__(
        self, uri: str, local_dir: Path | None, lock_dir: Path | None, access: StoreAccess | None = None
    ) -> None:
        self.capabilities = FOLDER if local_dir else capabilities_of(uri)
        self._uri = uri
        self._local_dir = local_dir
        self._lock_dir = lock_dir
        self._access = access or StoreAccess()
        self._database: Any = None
        self._tables: dict[str, ClipTable] = {}
        self._gates: dict[str, WriteGate] = {}
        self._opening = asyncio.Lock()
        self.repairs: list[str] = []
        self.notes = HealingNotes(lock_dir / "healed.txt") if lock_dir else None

    async def database(self) -> Any:
        """The LanceDB connection; the first call loads LanceDB, in a thread."""
        if self._database is None:
            lancedb = await _load_lancedb()
            with reaching(self._uri):
                self._database = await lancedb.connect_async(
                    self._uri,
                    # LanceDB's default never sees what other processes commit.
                    read_consistency_interval=self.capabilities.read_consistency,
                    session=lancedb.Session(
                        index_cache_size_bytes=_INDEX_CACHE_BYTES,
                        metadata_cache_size_bytes=_METADATA_CACHE_BYTES,
                    ),
                    **self._connect_options(),
                )
        return self._database

    def _connect_options(self) -> dict[str, Any]:
        options = self._access.connect_options(self._uri)
        if self.capabilities.optimize:  # a service chooses its own format
            options["storage_options"] = _NEW_TABLES | options.get("storage_options", {})
        return options

    async def table(self, space: Space) -> ClipTable | None:
        """The space's table, or None when nothing was written to the space yet.

        Raises: StoreTooNew, SpaceMismatch, StoreCorrupt, StoreUnavailable.
        """
        if ready := self._tables.get(space.table_name):
            if ready.facts.versions >= _VERSIONS_OF_A_SESSION and self._local_dir:
                await self._renew(ready)
            return ready
        async with self._opening:
            if ready := self._tables.get(space.table_name):
                return ready
            raw = await self.open_healed(space.table_name)
            return None if raw is None else await self._opened(space, raw)

    async def _renew(self, outdated: ClipTable) -> None:
        """Have all tables use a new connection, with caches of its own; what runs on the earlier one ends on it."""
        async with self._opening:
            if outdated.facts.versions < _VERSIONS_OF_A_SESSION:  # another call has done it
                return
            self._database = None
            with contextlib.suppress(StoreError):  # whoever reads or writes meets it too
                for name, table in [*self._tables.items()]:
                    if raw := await self.open_raw(name):
                        table.renew(raw)

    async def table_for_writing(self, space: Space) -> ClipTable:
        """The space's table, created if need be."""
        if existing := await self.table(space):
            return existing
        database = await self.database()
        async with self._opening:
            async with self.gate(space.table_name).entered():
                raw = await create_or_open(database, space.table_name, clips_schema(space), "row_id")
            return await self._opened(space, raw)

    async def spaces(self) -> list[Space]:
        """The spaces that have a table."""
        spaces = []
        for name in await self.table_names():
            if ready := self._tables.get(name):
                spaces.append(ready.space)
                continue
            raw = await self.open_healed(name)
            space = None if raw is None else space_of(await raw.schema())
            if space is not None and space.table_name == name:
                spaces.append(space)
        return spaces

    async def records_table(self, name: str, key: str, schema: pa.Schema | None = None) -> AsyncTable | None:
        """A table that holds no clips; None when it is not there and no schema was given to make it with.

        `key` is the column that tells its rows apart.
        """
        raw = await self.open_raw(name)
        if raw is None and schema is not None:
            database = await self.database()
            async with self.gate(name).entered():
                return await create_or_open(database, name, schema, key)
        return raw

    async def let_go(self, name: str) -> None:
        """Have a table opened anew when it is next asked for."""
        if table := self._tables.pop(name, None):
            await table.close()

    async def close(self) -> None:
        """Close the connection; tables opened from it must not be used afterwards."""
        await asyncio.gather(*(table.close() for table in self._tables.values()))
        self._tables.clear()
        if self._database is not None:
            self._database.close()
            self._database = None

    async def table_names(self) -> list[str]:
        """The names of the tables of clips, whether or not they can be read."""
        database, names, token = await self.database(), [], None
        while True:
            with lance_errors():
                page = await database.list_tables(limit=_PAGE, page_token=token)
            names += [name for name in page.tables if name.startswith(TABLE_PREFIX)]
            token = getattr(page, "page_token", None)
            if not token:
                return names

    async def _opened(self, space: Space, raw: AsyncTable) -> ClipTable:
        with lance_errors():
            schema = await raw.schema()
            check_schema(schema, space)
            if self.capabilities.migrate and schema_version(schema) < SCHEMA_VERSION:
                async with self.gate(space.table_name).entered():
                    await migrate(raw)
                schema = await raw.schema()
            if not await has_text_indexes(raw):
                async with self.gate(space.table_name).entered():
                    await create_indexes(raw)
        folder = self.folder(space.table_name)
        table = ClipTable(
            space,
            raw,
            rows_schema(space, schema),
            self.gate(space.table_name),
            OwnerLock(self._lock_dir, f"{space.table_name}.optimise") if self._lock_dir else None,
            TableFolder(folder) if folder else None,
            self.capabilities,
            lambda: self.open_raw(space.table_name),
        )
        self._tables[space.table_name] = table
        return table

    async def open_healed(self, name: str) -> AsyncTable | None:
        """A table at its newest version that can be read, with later ones set aside; None when there is no such table.

        Raises: StoreCorrupt, StoreUnavailable.
        """
        folder = self.folder(name)
        if folder is None:
            return await self.open_raw(name)
        if not await asyncio.to_thread((folder / "_versions").is_dir):
            return None
        if await asyncio.to_thread(torn_heads, folder):
            async with self.gate(name).entered():
                await asyncio.to_thread(self._set_torn_heads_aside, folder)
        raw = await self.open_raw(name)
        if raw is None:
            return None
        if await asyncio.to_thread(_has_torn_data, folder):
            async with self.gate(name).entered():
                raw = await self._step_back(raw, folder)
        if await asyncio.to_thread(has_torn_files, folder / "_indices"):
            async with self.gate(name).entered():
                await self._drop_broken_indexes(raw)
        return raw

    async def open_raw(self, name: str) -> AsyncTable | None:
        """A table as it is; None when there is no such table.

        Raises: StoreError.
        """
        database = await self.database()
        with lance_errors():
            try:
                table: AsyncTable = await database.open_table(name)
            except ValueError as exc:
                if "was not found" in str(exc):
                    return None
                raise
            return table

    def _set_torn_heads_aside(self, folder: Path) -> None:
        # Read again: another process may have healed the table while this one waited for the gate.
        torn = torn_heads(folder)
        whole = len(list((folder / "_versions").glob("*.manifest"))) - len(torn)
        if torn and not whole and any((folder / "data").glob("*.lance")):
            raise StoreCorrupt(f"No version of the table {folder.stem} can be read any more.")
        quarantine(torn)
        self._note_healing(folder, len(torn))

    async def _step_back(self, raw: AsyncTable, folder: Path) -> AsyncTable:
        with lance_errors():
            later = await unreadable_heads(raw, folder)
        if not later:
            return raw
        await asyncio.to_thread(quarantine, later)
        await asyncio.to_thread(self._note_healing, folder, len(later))
        reopened = await self.open_raw(raw.name)
        assert reopened is not None
        return reopened

    async def _drop_broken_indexes(self, raw: AsyncTable) -> None:
        with lance_errors():
            if dropped := await drop_broken_indexes(raw):
                self._note(f"{raw.name}: {len(dropped)} damaged search index(es) will be built again.")

    def _note_healing(self, folder: Path, versions: int) -> None:
        if versions:
            self._note(
                f"{folder.stem}: the newest {versions} version(s) could not be read and were set aside; "
                "`soundbite doctor` compares what is left with the ledger."
            )

    def _note(self, sentence: str) -> None:
        self.repairs.append(sentence)
        if self.notes:
            self.notes.add(sentence)

    def gate(self, name: str) -> WriteGate:
        """The gate that writers of a table pass through."""
        # Locks kept in the store's own folder are those that every process on it takes.
        is_exclusive = self._lock_dir is not None and self._lock_dir.parent == self._local_dir
        return self._gates.setdefault(name, WriteGate(self._lock_dir, name, is_exclusive=is_exclusive))

    def folder(self, name: str) -> Path | None:
        """Where a table's files are; None where that is no folder."""
        return self._local_dir / f"{name}.lance" if self._local_dir else None


def _has_torn_data(folder: Path) -> bool:
    return has_torn_files(folder / "data") or has_torn_files(folder / "_deletions")


async def create_or_open(database: Any, name: str, schema: pa.Schema, key: str) -> AsyncTable:
    """The table of this name, made empty when it is not there; rows that others wrote meanwhile stay.

    `key` is the column that tells rows apart. LanceDB looks whether there is a table, and looks again when it commits.
    A table that came in between is replaced by the empty one, as if that had been asked for: seen in 3 of 60 races of
    two writers on an object store. Only the version number of what was made tells.

    Raises: StoreBusy, StoreUnavailable, StoreError.
    """
    table, replaced = await until_committed(lambda: _create_or_open(database, name, schema))
    if replaced:
        await put_back(table, replaced, key)
    return table


async def create_indexes(table: AsyncTable) -> None:
    """The full-text indexes of a clips table that others may be making, too."""

    async def write() -> None:
        with lance_errors():
            # A handle from before somebody's commit would lose against it every time.
            await table.checkout_latest()
            await create_text_indexes(table)

    await until_committed(write)


async def _create_or_open(database: Any, name: str, schema: pa.Schema) -> tuple[AsyncTable, int]:
    """The table, and the version of another's table that making it has replaced; 0 when there was none."""
    with lance_errors():
        try:
            table: AsyncTable = await database.create_table(name, schema=schema)
        except ValueError as exc:
            if "already exists" not in str(exc):
                raise
            return await database.open_table(name), 0
        return table, await table.version() - 1


async def put_back(table: AsyncTable, version: int, key: str) -> int:
    """Write the rows that an earlier version of the table holds and this one lacks; returns how many those are.

    Raises: StoreBusy, StoreError.
    """
    with lance_errors():
        await table.checkout(version)
        rows = await table.to_arrow()
        await table.checkout_latest()
    if not rows.num_rows:
        return 0

    async def write() -> int:
        with lance_errors():
            merge = table.merge_insert(key).use_index(False).when_not_matched_insert_all()
            return int((await merge.execute(rows)).num_inserted_rows)

    count = await until_committed(write)
    _log.warning("%s was being made twice at once: %d row(s) were put back.", table.name, count)
    return count
