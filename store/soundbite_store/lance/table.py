"""One clips table: how the rows of a space are written, read and kept in shape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from soundbite_store.clips import Clip, Space, SpaceInfo, StoredClip, UpsertResult, VectorIndex
from soundbite_store.errors import StoreError, lance_errors
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.places import FOLDER, StoreCapabilities
from soundbite_store.lance.search import LanceSearch, TableFacts, TableSearch
from soundbite_store.locks import until_committed
from soundbite_store.resident.index import ResidentIndex
from soundbite_store.rows import CLIP_COLUMNS, full_clips, stored_clips, to_table

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

    from soundbite_store.locks import OwnerLock, WriteGate
    from soundbite_store.repair.durability import Commit, TableFolder
    from soundbite_store.resident.clips import ResidentClips

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
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
        self.facts = TableFacts(table, folder.path if folder else None)
        self.gate = gate
        self.optimiser = optimiser
        self.folder = folder
        self.capabilities = capabilities
        self._schema = schema
        self._columns = [name for name in CLIP_COLUMNS if name in schema.names]
        self._presence = AssetPresence(self.facts, folder, reopen)
        self._info: tuple[int, SpaceInfo] | None = None
        self._resident = ResidentIndex(space.dimension, self.facts, reopen) if folder and reopen else None
        lance_search = LanceSearch(self.facts, self._columns, capabilities)
        self.search = TableSearch(space.dimension, lance_search, self.resident)

    @property
    def lance(self) -> AsyncTable:
        """LanceDB's table."""
        return self.facts.table

    def renew(self, table: AsyncTable) -> None:
        """Use another handle on the table, and let go of those there were; what is in memory stays."""
        self.facts.renew(table)
        self._presence.let_go()
        if self._resident:
            self._resident.let_go()

    async def resident(self) -> ResidentClips | None:
        """The clips of the newest version in memory; None where they are too many, elsewhere, or not read yet."""
        return await self._resident.clips() if self._resident else None

    async def wait_for_copy(self) -> None:
        """Wait until clips that are being read into memory are there."""
        if self._resident:
            await self._resident.wait()

    async def close(self) -> None:
        """Stop reading clips into memory, and let go of them."""
        if self._resident:
            await self._resident.close()

    async def upsert(self, clips: Sequence[Clip], replaced: ClipFilter | None) -> UpsertResult:
        """Write rows in one commit, in place of those that `replaced` names; they are on disk when this returns."""
        assets = tuple(dict.fromkeys(clip.asset_id for clip in clips))
        rows, _ = await asyncio.gather(
            asyncio.to_thread(to_table, self.space, self._schema, clips), self._look_ahead(assets)
        )
        return await self._commit(lambda: self._write(rows, assets, replaced))

    async def _write(self, rows: pa.Table, assets: tuple[str, ...], replaced: ClipFilter | None) -> UpsertResult:
        with lance_errors():
            # Where nobody else writes and all assets are new, so are the keys: no need to read those that are there.
            if replaced is None and self.gate.is_exclusive and not await self._presence.holds_any(assets):
                result = await self.lance.add(rows)
                self._presence.note_added(assets, result.version)
                return UpsertResult(rows.num_rows, 0, 0)
            return await self._merge(rows, replaced)

    async def _look_ahead(self, assets: Sequence[str]) -> None:
        if self.gate.is_exclusive:
            await self._presence.look_ahead(assets)

    async def _merge(self, rows: pa.Table, replaced: ClipFilter | None) -> UpsertResult:
        # use_index(False): through an index, two writers of one new key would both insert it (lance#8949).
        merge = self.lance.merge_insert("row_id").use_index(False)
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        if replaced is not None:
            merge = merge.when_not_matched_by_source_delete(replaced.to_sql())
        result = await merge.execute(rows)
        return UpsertResult(result.num_inserted_rows, result.num_updated_rows, result.num_deleted_rows)

    async def update(self, values: Mapping[str, str], where: ClipFilter) -> int:
        """Set columns of the matching rows to SQL values; returns how many rows there were."""

        async def write() -> int:
            with lance_errors():
                result = await self.lance.update(updates_sql=dict(values), where=where.to_sql())
                return int(result.rows_updated)

        return await self._commit(write)

    async def delete(self, where: ClipFilter) -> int:
        """Delete the matching rows; returns how many there were."""

        async def write() -> int:
            with lance_errors():
                count = int(await self.lance.count_rows(where.to_sql()))
                if count:
                    await self.lance.delete(where.to_sql())
                return count

        return await self._commit(write)

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

    async def _commit(self, write: Callable[[], Awaitable[_Result]]) -> _Result:
        async with self.gate.entered():
            result = await until_committed(write)
            await self.make_durable()
        return result

    async def make_durable(self, *, with_indexes: bool = False) -> None:
        """Have what was written on the disk, and seen by the next search."""
        if self.folder:
            with lance_errors():
                await asyncio.to_thread(self.folder.sync, with_indexes=with_indexes)
        if self._resident and not with_indexes:  # tidying changes no row: searches need not wait for it
            self._resident.note_write()


def _totals(space: Space, rows: pa.Table, index: VectorIndex | None) -> SpaceInfo:
    clips, assets = (len(rows.column(name).unique()) for name in ("clip_id", "asset_id"))
    return SpaceInfo(space, rows.num_rows, clips, assets, index)


@dataclass(frozen=True, slots=True)
class _Base:
    """A version of the table, and what is known beside it."""

    table: AsyncTable
    absent: set[str] = field(default_factory=set)
    """Assets it was asked for in vain."""
    added: set[str] = field(default_factory=set)
    """Assets written since."""


class AssetPresence:
    """Whether a table holds rows of an asset: asked before every write, since new assets need no comparison of keys.

    LanceDB finds that out through its index, and for the fragments that no index has taken in yet by reading each. In a
    load of many recordings those are the very rows that this process wrote, and it knows what they are. For writers
    that take turns.
    """

    def __init__(
        self, facts: TableFacts, folder: TableFolder | None, reopen: Callable[[], Awaitable[AsyncTable | None]] | None
    ) -> None:
        self._facts = facts
        self._folder = folder
        self._reopen = reopen
        # This process's last commit. As long as it is the newest, nobody else can have added anything.
        self._last: Commit | None = None
        self._base: _Base | None = None

    async def holds_any(self, asset_ids: Iterable[str]) -> bool:
        """Whether the newest version has rows of any of these assets."""
        assets = set(asset_ids)
        try:
            if base := await self._base_of(await self._facts.version()):
                return await _holds_any(base, assets)
        except StoreError as exc:
            _log.debug("An older version of the clips cannot be asked: %s", exc)
            self._base = self._last = None
        return bool(await self._facts.count(_of_assets(assets)))

    async def look_ahead(self, asset_ids: Iterable[str]) -> None:
        """Have the answer ready where finding it takes long: at the first writes, and after those of others."""
        if self._base is None:
            await self.holds_any(asset_ids)

    def let_go(self) -> None:
        """Hold no version of the table; the next question opens one."""
        self._base = None

    def note_added(self, asset_ids: Iterable[str], version: int) -> None:
        """Note which assets a version has rows of that this process wrote just now, in its turn."""
        before, self._last = self._last, self._commit_of(version)
        # Numbers without a gap say that nobody came in between; the file, that it still is the commit we know: where a
        # table was healed, others may have given the number to another.
        if before is None or version != before.version + 1 or self._commit_of(before.version) != before:
            self._base = None
        elif self._base:
            self._base.added.update(asset_ids)

    async def _base_of(self, newest: int) -> _Base | None:
        """The version to ask, None where this process did not write the newest one."""
        last = self._last
        if last is None or newest != last.version or self._commit_of(newest) != last:
            return None
        if self._base is None and self._reopen and (table := await self._reopen()):
            with lance_errors():
                await table.checkout(newest)
            if last == self._last and self._base is None:  # nobody wrote or came first meanwhile
                self._base = _Base(table)
        return self._base if last == self._last else None

    def _commit_of(self, version: int) -> Commit | None:
        return self._folder.commit_of(version) if self._folder else None


async def _holds_any(base: _Base, asset_ids: set[str]) -> bool:
    if asset_ids & base.added:
        return True
    if unknown := asset_ids - base.absent:
        with lance_errors():
            if await base.table.count_rows(_of_assets(unknown)):
                return True
        base.absent.update(unknown)
    return False


def _of_assets(asset_ids: Iterable[str]) -> str:
    return ClipFilter(asset_ids=tuple(sorted(asset_ids))).to_sql()
