"""One clips table: how the rows of a space are written, read and kept in shape."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import Clip, EmbeddingCount, StoredClip, UpsertResult
from soundbite_store.errors import StoreBusy, lance_errors
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.asset_presence import AssetPresence
from soundbite_store.lance.indexes import (
    KEEP_VERSIONS_FOR,
    build_filter_indexes,
    build_vector_index,
    create_text_indexes,
    is_compact,
    measured,
    note_vector_index,
    order_vector_index,
    wants_ordered_index,
    wants_upkeep,
    wants_vector_index,
)
from soundbite_store.lance.places import FOLDER, StoreCapabilities
from soundbite_store.lance.search import LanceSearch, TableFacts, TableSearch
from soundbite_store.locks import until_committed
from soundbite_store.repair.mending import Mended, mend_rows
from soundbite_store.resident.index import ResidentIndex
from soundbite_store.rows import CLIP_COLUMNS, full_clips, stored_clips, to_table
from soundbite_store.vectors import Space, SpaceInfo, VectorIndex

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

    from soundbite_store.locks import OwnerLock, WriteGate
    from soundbite_store.repair.durability import TableFolder
    from soundbite_store.resident.clips import ResidentClips

_log = logging.getLogger(__name__)
_ORDER = ("asset_id", "start_sec", "end_sec", "embedding_scope", "embedding_option", "row_id")


class ClipTable:
    """The open table of one space. Made by StoreConnection, which has checked its schema."""

    def __init__(
        self,
        space: Space,
        table: AsyncTable,
        schema: pa.Schema,
        gate: WriteGate,
        optimiser: OwnerLock | None,
        folder: TableFolder | None,
        capabilities: StoreCapabilities = FOLDER,
        reopen: Callable[[], Awaitable[AsyncTable | None]] | None = None,
    ) -> None:
        """`schema` is that of the rows it takes.

        `reopen` gives another handle on the table; with it the clips of a table in a folder are held in memory.
        """
        self.space = space
        self.lance = table
        self.facts = TableFacts(table, folder.path if folder else None)
        self._schema = schema
        self._columns = [name for name in CLIP_COLUMNS if name in schema.names]
        self._gate = gate
        self._optimiser = optimiser
        self._folder = folder
        self.capabilities = capabilities
        self._presence = AssetPresence(self.facts, folder, reopen)
        self._info: tuple[int, SpaceInfo] | None = None
        self._resident = ResidentIndex(space.dimension, self.facts, reopen) if folder and reopen else None
        lance_search = LanceSearch(table, self.facts, self._columns, capabilities)
        self.search = TableSearch(space.dimension, lance_search, self.resident)

    async def resident(self) -> ResidentClips | None:
        """The clips of the newest version in memory; None where they are too many, elsewhere, or not read yet."""
        return await self._resident.clips() if self._resident else None

    async def settled(self) -> None:
        """Wait until clips that are being read into memory are there."""
        if self._resident:
            await self._resident.settled()

    async def close(self) -> None:
        """Stop reading clips into memory, and let go of them."""
        if self._resident:
            await self._resident.close()

    async def upsert(self, clips: Sequence[Clip], *, replace_assets: bool) -> UpsertResult:
        """Write rows in one commit; they are on disk when this returns."""
        assets = tuple(dict.fromkeys(clip.asset_id for clip in clips))
        rows, _ = await asyncio.gather(
            asyncio.to_thread(to_table, self.space, self._schema, clips), self._look_ahead(assets)
        )
        async with self._gate.entered():
            result = await until_committed(lambda: self._write(rows, assets, replace_assets))
            await self._written()
        return result

    async def _write(self, rows: pa.Table, assets: tuple[str, ...], replace_assets: bool) -> UpsertResult:
        with lance_errors():
            # Where nobody else writes and all assets are new, so are the keys: no need to read those that are there.
            if self._gate.is_exclusive and not await self._presence.holds_any(assets):
                done = await self.lance.add(rows)
                self._presence.note_added(assets, done.version)
                return UpsertResult(rows.num_rows, 0, 0)
            return await self._merge(rows, ClipFilter(asset_ids=assets) if replace_assets else None)

    async def _look_ahead(self, assets: Sequence[str]) -> None:
        if self._gate.is_exclusive:
            await self._presence.look_ahead(assets)

    async def _merge(self, rows: pa.Table, replaced: ClipFilter | None) -> UpsertResult:
        # use_index(False): through an index, two writers of one new key would both insert it (lance#8949).
        merge = self.lance.merge_insert("row_id").use_index(False)
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        if replaced is not None:
            merge = merge.when_not_matched_by_source_delete(replaced.to_sql())
        done = await merge.execute(rows)
        return UpsertResult(done.num_inserted_rows, done.num_updated_rows, done.num_deleted_rows)

    async def update(self, values: Mapping[str, str], where: ClipFilter) -> int:
        """Set columns of the matching rows to SQL values; returns how many rows there were."""

        async def write() -> int:
            with lance_errors():
                done = await self.lance.update(updates_sql=dict(values), where=where.to_sql())
                return int(done.rows_updated)

        async with self._gate.entered():
            count = await until_committed(write)
            await self._written()
        return count

    async def delete(self, where: ClipFilter) -> int:
        """Delete the matching rows; returns how many there were."""

        async def write() -> int:
            with lance_errors():
                count = int(await self.lance.count_rows(where.to_sql()))
                if count:
                    await self.lance.delete(where.to_sql())
                return count

        async with self._gate.entered():
            count = await until_committed(write)
            await self._written()
        return count

    async def mend(self) -> Mended:
        """Take out rows that can't be read and second rows of a key.

        Raises: StoreBusy when another process is tidying the table.
        """
        async with self._gate.entered():
            if self._optimiser and not await self._optimiser.try_acquire():
                raise StoreBusy("Another process is tidying the clip store: try again in a minute.")
            try:
                with lance_errors():
                    await self.lance.checkout_latest()
                mended = await mend_rows(self.lance)
                await self._written()
            finally:
                if self._optimiser:
                    await self._optimiser.release()
        return mended

    async def wants_upkeep(self) -> bool:
        with lance_errors():
            if not self.capabilities.optimize:
                return await wants_ordered_index(self.lance)
            return await wants_upkeep(self.lance) or await self._can_drop_versions()

    async def _can_drop_versions(self) -> bool:
        """Whether dropping older versions, often a second copy of all rows, is all that there is to do."""
        if self._folder is None or not await is_compact(self.lance):
            return False
        return await asyncio.to_thread(
            self._folder.has_versions_before, time.time() - KEEP_VERSIONS_FOR.total_seconds()
        )

    async def optimise(self) -> bool:
        """Compact, index and clean up; False when another process is at it or writers came in between.

        Raises: StoreFull when the disk has no room for a second copy of the table.
        """
        if not self.capabilities.optimize:
            return await self._order_indexes()
        if self._optimiser and not await self._optimiser.try_acquire():
            return False
        try:
            with lance_errors():
                # A handle that has not seen the newest commits would compact nothing.
                await self.lance.checkout_latest()
                if self._folder:
                    stats: Any = await self.lance.stats()  # a dict, whatever its annotation says
                    await asyncio.to_thread(self._folder.check_room, stats["total_bytes"])
                await create_text_indexes(self.lance)
                await build_filter_indexes(self.lance)
                await self._index_vectors()
                await self.lance.optimize(cleanup_older_than=KEEP_VERSIONS_FOR)
            await self._make_durable(with_indexes=True)
        except StoreBusy as exc:
            # Writers win, on purpose: the next round will find the same work.
            _log.info("Optimising %s was put off: %s", self.space.id, exc)
            return False
        finally:
            if self._optimiser:
                await self._optimiser.release()
        return True

    async def measure_index(self) -> VectorIndex:
        """Measure the vector index that is there, whoever built it, and write down what was found."""
        with lance_errors():
            await self.lance.checkout_latest()
            index = await measured(self.lance)

        async def note() -> None:
            with lance_errors():
                await note_vector_index(self.lance, index)

        async with self._gate.entered():
            await until_committed(note)
        return index

    async def _order_indexes(self) -> bool:
        """Ask the service for the indexes that a table of this size should have; the rest it does unasked."""
        with lance_errors():
            if not await wants_ordered_index(self.lance):
                return False
            await build_filter_indexes(self.lance)
            await order_vector_index(self.lance)
        return True

    async def _index_vectors(self) -> None:
        if await wants_vector_index(self.lance):
            index = await build_vector_index(self.lance)
            async with self._gate.entered():
                await note_vector_index(self.lance, index)

    async def count(self, where: ClipFilter) -> int:
        return await self.facts.count(where.to_sql())

    async def clips(self, where: ClipFilter, limit: int, offset: int) -> list[StoredClip]:
        table = await self._select(self._columns, where, limit, offset)
        return await asyncio.to_thread(stored_clips, table)

    async def embeddings(self, where: ClipFilter, limit: int, offset: int) -> list[Clip]:
        table = await self._select([*self._columns, "vector"], where, limit, offset)
        return await asyncio.to_thread(full_clips, table)

    async def batches(self) -> AsyncIterator[pa.Table]:
        """All rows with vectors and checksums as they lie on the disk."""
        import pyarrow as pa

        with lance_errors():
            async for batch in await self.lance.query().select([*self._columns, "checksum", "vector"]).to_batches():
                yield pa.Table.from_batches([batch])

    async def embedding_counts(self, where: ClipFilter) -> list[EmbeddingCount]:
        query = self.lance.query().select(["embedding_option", "embedding_scope", "start_sec", "end_sec"])
        with lance_errors():
            rows = await (query.where(where.to_sql()) if where.to_sql() else query).to_arrow()
        return _grouped(rows)

    async def info(self) -> SpaceInfo:
        """Totals, computed once for each version of the table."""
        version = await self.facts.version()
        if self._info is None or self._info[0] != version:
            with lance_errors():
                rows = await self.lance.query().select(["asset_id", "clip_id"]).to_arrow()
            totals = await asyncio.to_thread(_totals, self.space, rows, await self.facts.vector_index())
            self._info = (version, totals)
        return self._info[1]

    async def _select(self, columns: Sequence[str], where: ClipFilter, limit: int, offset: int) -> pa.Table:
        from lancedb.query import ColumnOrdering

        # What a query orders by has to be among what it selects.
        query = self.lance.query().select([*columns, "row_id"])
        if condition := where.to_sql():
            query = query.where(condition)
        query = query.order_by([ColumnOrdering(column_name=name) for name in _ORDER])
        with lance_errors():
            return await query.offset(offset).limit(limit).to_arrow()

    async def _written(self) -> None:
        await self._make_durable()
        if self._resident:
            self._resident.note_write()

    async def _make_durable(self, *, with_indexes: bool = False) -> None:
        if self._folder:
            with lance_errors():
                await asyncio.to_thread(self._folder.sync, with_indexes=with_indexes)


def _grouped(rows: pa.Table) -> list[EmbeddingCount]:
    keys = ["embedding_option", "embedding_scope"]
    grouped = rows.group_by(keys).aggregate([("start_sec", "min"), ("end_sec", "max"), ("start_sec", "count")])
    counts = [
        EmbeddingCount(
            row["embedding_option"],
            row["embedding_scope"],
            row["start_sec_count"],
            row["start_sec_min"],
            row["end_sec_max"],
        )
        for row in grouped.to_pylist()
    ]
    return sorted(counts, key=lambda count: (count.embedding_scope, count.embedding_option))


def _totals(space: Space, rows: pa.Table, index: VectorIndex | None) -> SpaceInfo:
    clips, assets = (len(rows.column(name).unique()) for name in ("clip_id", "asset_id"))
    return SpaceInfo(space, rows.num_rows, clips, assets, index)
