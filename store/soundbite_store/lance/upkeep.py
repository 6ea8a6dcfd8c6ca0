"""How a table is tidied and mended, and when: in the background, in the pauses between writes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from soundbite_store.errors import StoreBusy, StoreError, lance_errors
from soundbite_store.filters import quoted
from soundbite_store.lance.indexes import (
    KEEP_VERSIONS_FOR,
    build_filter_indexes,
    build_vector_index,
    compact,
    create_text_indexes,
    drop_versions,
    measure_recall,
    note_vector_index,
    order_vector_index,
    rewrite_rows_of,
    vector_index_of,
    wants_ordered_index,
    wants_upkeep,
    wants_vector_index,
)
from soundbite_store.locks import until_committed
from soundbite_store.repair.mending import MendResult, mend_rows

if TYPE_CHECKING:
    from soundbite_store.clips import VectorIndex
    from soundbite_store.lance.table import ClipTable
    from soundbite_store.repair.durability import TableFolder

_log = logging.getLogger(__name__)
# Tidying takes both the processor and the disk from the writes beside it: it cost a load of many recordings half its
# speed. So it waits for a pause, and where there is none, for a time in proportion to what it takes.
_PAUSE_S = 0.5
# Fifty fragments that wait make a search five times as slow, and four busy writers make ten a second.
_LONGEST_WAIT_S = 2.0
_REST = 3
_CLOSING_S = 2.0
_LONGEST_TIDYING_S = 120.0
_Result = TypeVar("_Result")


class Upkeep:
    """Tidies one table when its writes have left enough to do."""

    def __init__(self, table: ClipTable) -> None:
        self._table = table
        self._turn = asyncio.Lock()
        self._written = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._took_s = 0.0
        self._is_closing = False

    def note_write(self) -> None:
        """Have the table looked at once writing pauses."""
        self._written.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_in_shape())

    async def run(self) -> bool:
        """Tidy now; False when another process is at it.

        Raises: StoreError.
        """
        async with self._turn:
            started = time.monotonic()
            try:
                return await self._optimise()
            finally:
                self._took_s = time.monotonic() - started

    async def wait(self) -> None:
        """Wait until the writes so far have been seen to."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Do at once what is due, for two seconds at most: a short command would leave it undone for ever."""
        if self._task is None:
            return
        self._is_closing = True
        self._written.set()
        await asyncio.wait([self._task], timeout=_CLOSING_S)
        self._task.cancel()
        await self.wait()

    async def _keep_in_shape(self) -> None:
        try:
            while self._written.is_set():
                await self._pause_in_writing()
                if await self.is_due():
                    await self.run()
        except StoreError as exc:
            # Nothing is lost by an untidy table but time; the next write tries again.
            _log.warning("Tidying the clips of %s failed: %s", self._table.space.id, exc)

    async def _pause_in_writing(self) -> None:
        now = asyncio.get_running_loop().time
        latest = now() + max(_LONGEST_WAIT_S, _REST * self._took_s)
        while self._written.is_set() and not self._is_closing and now() < latest:
            self._written.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_PAUSE_S, latest - now())):
                    await self._written.wait()
        self._written.clear()

    async def is_due(self) -> bool:
        """Whether there is enough to tidy."""
        with lance_errors():
            if not self._table.capabilities.optimize:
                return await wants_ordered_index(self._table.lance)
            return await wants_upkeep(self._table.lance) or await self._can_drop_versions()

    async def _can_drop_versions(self) -> bool:
        """Whether there are older versions, often a second copy of all rows, that nobody reads any more."""
        folder = self._table.folder
        if folder is None:
            return False
        return await asyncio.to_thread(folder.has_versions_before, time.time() - KEEP_VERSIONS_FOR.total_seconds())

    async def _optimise(self) -> bool:
        """Compact, index and clean up; False when another process is at it or writers came in between.

        Raises: StoreFull when the disk has no room for a second copy of the table.
        """
        table = self._table
        if not table.capabilities.optimize:
            return await self._order_indexes()
        try:
            async with self._alone():
                with lance_errors():
                    # A handle that has not seen the newest commits would compact nothing.
                    await table.lance.checkout_latest()
                    if table.folder:
                        stats: Any = await table.lance.stats()  # a dict, whatever its annotation says
                        await asyncio.to_thread(table.folder.check_room, stats["total_bytes"])
                    await create_text_indexes(table.lance)
                    await build_filter_indexes(table.lance)
                    await self._index_vectors()
                    await table.lance.optimize(cleanup_older_than=KEEP_VERSIONS_FOR)
                await table.make_durable(with_indexes=True)
        except StoreBusy as exc:
            # Writers win, on purpose: the next round will find the same work.
            _log.info("Optimising %s was put off: %s", table.space.id, exc)
            return False
        return True

    async def _order_indexes(self) -> bool:
        """Ask the service for the indexes that a table of this size should have; the rest it does unasked."""
        with lance_errors():
            if not await wants_ordered_index(self._table.lance):
                return False
            await build_filter_indexes(self._table.lance)
            await order_vector_index(self._table.lance)
        return True

    async def _index_vectors(self) -> None:
        if await wants_vector_index(self._table.lance):
            index = await build_vector_index(self._table.lance)
            async with self._table.gate.entered():
                await note_vector_index(self._table.lance, index)

    async def measure_index(self) -> VectorIndex:
        """Measure the vector index that is there, whoever built it, and write the result down."""
        table = self._table.lance
        with lance_errors():
            await table.checkout_latest()
            index = await measure_recall(table)

        async def note() -> None:
            with lance_errors():
                await note_vector_index(table, index)

        async with self._table.gate.entered():
            await until_committed(note)
        return index

    async def purge(self) -> None:
        """Leave nothing of rows that are deleted or replaced by now: not in data, indexes, or earlier versions.

        Others write in between; what they delete meanwhile is left to the next call. Other processes that are reading
        an earlier version find it gone, and read the newest one.

        Raises:
            StoreBusy: another process tidies the table, or others write to it, for too long.
            StoreFull: the disk has no room for a second copy of the table.
        """
        table, lock = self._table, self._table.optimiser
        assert table.folder
        async with self._turn:
            if lock:
                await lock.acquire(_LONGEST_TIDYING_S)
            try:
                with lance_errors():
                    await table.lance.checkout_latest()
                    stats: Any = await table.lance.stats()  # a dict, whatever its annotation says
                    await asyncio.to_thread(table.folder.check_room, stats["total_bytes"])
                await self._rewrite_deleted(table.folder)
                await self._committed(lambda: create_text_indexes(table.lance, is_anew=True))
                await self._drop_versions()
                async with table.gate.entered():
                    await table.make_durable(with_indexes=True)
                    await table.make_durable()  # and the rows in memory are read anew
            finally:
                if lock:
                    await lock.release()

    async def _drop_versions(self) -> None:
        async with self._table.gate.entered():  # nobody writes: whatever belongs to no version is left over
            with lance_errors():
                await drop_versions(self._table.lance)

    async def _rewrite_deleted(self, folder: TableFolder) -> None:
        """Write all rows anew that share a file with deleted ones."""
        table, gate = self._table.lance, self._table.gate
        if await asyncio.to_thread(folder.fragments_with_deletions):
            # LanceDB compacts what lies in several files, and leaves a single one with few deletions as it is.
            async with gate.entered():
                with lance_errors():
                    for row in await table.query().select(["row_id"]).limit(1).to_list():
                        await table.update(updates_sql={"title": "title"}, where=f"row_id = {quoted(row['row_id'])}")
        await self._committed(lambda: compact(table))
        await self._drop_versions()
        fragments = await asyncio.to_thread(folder.fragments_with_deletions)
        for fragment in fragments:  # full ones
            is_left = True
            while is_left:
                async with gate.entered():  # what another writes between reading and writing would be lost
                    with lance_errors():
                        is_left = await rewrite_rows_of(table, fragment)
        if fragments:
            if vector_index_of(await table.schema()):
                index = await self._committed(lambda: build_vector_index(table))
                async with gate.entered():
                    with lance_errors():
                        await note_vector_index(table, index)
            await self._committed(lambda: compact(table))

    async def _committed(self, write: Callable[[], Awaitable[_Result]]) -> _Result:
        """Repeat what is done beside writers until none of them came in between."""

        async def once() -> _Result:
            with lance_errors():
                await self._table.lance.checkout_latest()
                return await write()

        return await until_committed(once)

    async def mend(self) -> MendResult:
        """Take out rows that can't be read and second rows of a key.

        Raises: StoreBusy when another process is tidying the table.
        """
        async with self._table.gate.entered(), self._alone():
            with lance_errors():
                await self._table.lance.checkout_latest()
            result = await mend_rows(self._table.lance)
            await self._table.make_durable()
        return result

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        lock = self._table.optimiser
        if lock and not await lock.try_acquire():
            raise StoreBusy("Another process is tidying the clip store: try again in a minute.")
        try:
            yield
        finally:
            if lock:
                await lock.release()
