"""What a check of the whole store needs: every table, also broken ones, what each holds, and how it is made whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_store.clips import TABLE_PREFIX, Space, digest_of
from soundbite_store.errors import StoreBusy, StoreError, lance_errors, tells_of_damage
from soundbite_store.lance.indexes import broken_indexes, drop_broken_indexes
from soundbite_store.lance.schema import space_of
from soundbite_store.repair.durability import quarantine, set_table_aside, unreadable_heads
from soundbite_store.repair.mending import mend_rows, remove_misnamed

if TYPE_CHECKING:
    from lancedb import AsyncTable

    from soundbite_store.lance.clip_store import ClipStore
    from soundbite_store.lance.table import ClipTable

_GROUPED = ("asset_id", "task_id", "segmentation", "embedding_option", "embedding_scope")
_SUFFIX = ".lance"


@dataclass(frozen=True, slots=True)
class Holding:
    """The rows of one recording that one task wrote last, of one kind."""

    asset_id: str
    task_id: str
    segmentation: str
    embedding_option: str
    embedding_scope: str
    rows: int
    digest: int
    """The sum of the digests of their ids; 0 where ids were not read."""


async def read_holdings(table: AsyncTable, *, with_ids: bool) -> list[Holding]:
    """Count the rows of every recording, task and kind; with their ids it takes about three times as long.

    Raises: StoreError.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    digests: Counter[tuple[str, ...]] = Counter()
    columns = [*_GROUPED, "row_id"] if with_ids else [*_GROUPED]
    with lance_errors():
        async for batch in await table.query().select(columns).to_batches():
            keys = list(zip(*(batch.column(name).to_pylist() for name in _GROUPED), strict=True))
            counts.update(keys)
            if with_ids:
                for key, row_id in zip(keys, batch.column("row_id").to_pylist(), strict=True):
                    digests[key] += digest_of((row_id,))
    return [
        Holding(**dict(zip(_GROUPED, key, strict=True)), rows=rows, digest=digests[key]) for key, rows in counts.items()
    ]


@dataclass(frozen=True, slots=True)
class LostTable:
    """A table of clips that can't be opened."""

    name: str
    reason: str
    """One sentence."""


class StoreRescue:
    """Looks over a store that may be damaged. Every method may raise StoreError."""

    def __init__(self, store: ClipStore) -> None:
        self._connection = store.connection

    async def spaces(self) -> tuple[list[Space], list[LostTable]]:
        """The spaces whose table can be opened, by id, and the tables that can't be or are not what they are called."""
        spaces: list[Space] = []
        lost: list[LostTable] = []
        with_data = await self._with_data()
        for name in sorted({*await self._connection.table_names(), *with_data}):
            try:
                raw = await self._connection.open_healed(name)
                space = None if raw is None else space_of(await raw.schema())
                if raw is None:
                    if name not in with_data:
                        continue  # its creation was cut off: nothing was written yet
                    lost.append(LostTable(name, "none of its versions is there any more"))
                elif space is None or space.table_name != name:
                    holds = f"vectors of {space.id}" if space else "no clips"
                    lost.append(LostTable(name, f"it is the table of something else: it holds {holds}"))
                else:
                    await self._connection.table(space)
                    spaces.append(space)
            except StoreError as exc:
                if not tells_of_damage(exc):
                    raise
                lost.append(LostTable(name, str(exc)))
        return sorted(spaces, key=lambda space: space.id), lost

    async def rescue(self, name: str) -> str:
        """Take out of a table what can't be read; where that does not make it whole, set it aside.

        Returns what was done, in one sentence.
        """
        async with self._connection.gate(name).entered():
            await self._connection.let_go(name)
            if rows := await self._rows_taken_out(name):
                return f"{rows} rows that can't be read were taken out of {name}"
            folder = self._connection.folder(name)
            if folder is None:
                raise StoreError(f"The table {name} is not in a folder of this machine and can't be set aside.")
            if later := await self._versions_after_readable(name, folder):
                await asyncio.to_thread(quarantine, later)
                return f"{len(later)} versions of {name} were set aside, back to the last that can be read"
            aside = await asyncio.to_thread(set_table_aside, folder)
        return f"{name} was set aside as {aside.name}, and a new one is filled"

    async def _versions_after_readable(self, name: str, folder: Path) -> list[Path]:
        try:
            raw = await self._connection.open_raw(name)
            space = None if raw is None else space_of(await raw.schema())
            if raw is None or space is None or space.table_name != name:
                return []
            return await unreadable_heads(raw, folder)
        except StoreError as exc:
            if not tells_of_damage(exc):
                raise
            return []

    async def _rows_taken_out(self, name: str) -> int:
        try:
            raw = await self._connection.open_raw(name)
            space = None if raw is None else space_of(await raw.schema())
            if raw is None or space is None or space.table_name != name:
                return 0
            with lance_errors():
                await raw.checkout_latest()
            mended = await mend_rows(raw)
            await read_holdings(raw, with_ids=True)
        except StoreError as exc:
            if not tells_of_damage(exc):
                raise
            return 0
        return mended.unreadable + mended.doubled

    async def holdings(self, space: Space, *, with_ids: bool) -> list[Holding]:
        """What a space holds of each recording; empty when there is no such table."""
        table = await self._connection.table(space)
        return [] if table is None else await read_holdings(table.lance, with_ids=with_ids)

    async def broken_indexes(self, space: Space) -> list[str]:
        """The indexes of a space that can't be read."""
        table = await self._connection.table(space)
        if table is None or table.folder is None:
            return []
        with lance_errors():
            return [*await broken_indexes(table.lance)]

    async def drop_broken_indexes(self, space: Space) -> int:
        """Drop the indexes of a space that can't be read, to be built again; returns how many there were."""
        table = await self._connection.table(space)
        if table is None:
            return 0
        async with self._alone(table):
            with lance_errors():
                await table.lance.checkout_latest()
                dropped = len(await drop_broken_indexes(table.lance))
        await self._connection.let_go(space.table_name)  # opened again, it gets those that every table has
        await self._connection.table(space)
        return dropped

    async def remove_misnamed(self, space: Space) -> int:
        """Delete the rows of a space whose ids are not made of what they say; returns how many there were."""
        table = await self._connection.table(space)
        if table is None:
            return 0
        async with self._alone(table):
            with lance_errors():
                await table.lance.checkout_latest()
            removed = await remove_misnamed(space.id, table.lance)
            await table.make_durable()
        return removed

    def healed(self) -> list[str]:
        """What was healed when tables were opened, by whichever process, since `forget_healed` was called."""
        return self._connection.notes.read() if self._connection.notes else list(self._connection.repairs)

    def forget_healed(self) -> None:
        """Forget what was healed, once it has been told."""
        if self._connection.notes:
            self._connection.notes.clear()

    async def _with_data(self) -> set[str]:
        # LanceDB does not count a folder as a table once its versions are gone; its clips are in there all the same.
        folder = self._connection.folder(TABLE_PREFIX)
        return await asyncio.to_thread(_with_data, folder.parent) if folder else set()

    @asynccontextmanager
    async def _alone(self, table: ClipTable) -> AsyncIterator[None]:
        async with table.gate.entered():
            if table.optimiser and not await table.optimiser.try_acquire():
                raise StoreBusy("Another process is tidying the clip store: try again in a minute.")
            try:
                yield
            finally:
                if table.optimiser:
                    await table.optimiser.release()


def _with_data(store: Path) -> set[str]:
    return {path.parent.stem for path in store.glob(f"{TABLE_PREFIX}*{_SUFFIX}/data") if any(path.iterdir())}
