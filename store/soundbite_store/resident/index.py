"""Keeps the clips of a table that is not too large in memory, as they are in its newest version.

Up to MOST_VECTOR_BYTES their vectors too; of larger tables LanceDB finds the nearest clips, and the rest is in memory.

The rows that other processes write are read when the next search comes: new rows are those of newer fragments, and
where the count says that others are gone, the addresses of all rows say which. Where search follows upon search this is
done beside them, and they see what others wrote a moment later. What takes longer, the first reading and the one after
a compaction, happens beside the searches too; LanceDB answers them meanwhile. Only where the first reading is about as
long as such a search do searches wait for it: both at once would take longer still.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from soundbite_store.errors import StoreError, lance_errors
from soundbite_store.resident.clips import ResidentClips
from soundbite_store.rows import CLIP_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from lancedb import AsyncTable
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)
MOST_ROWS = 200_000
# Rows of more are held without them.
MOST_VECTOR_BYTES = 100 << 20
# Reading what others wrote takes some 30 ms where they keep the processors busy, ten times as long as a search.
MAY_LAG_S = 0.2
_LOOKS_IN_THAT_TIME = 4
# So few rows are read faster than LanceDB searches them.
READ_AT_ONCE = 2_000
# Rows that are gone stay in memory until there are so many, or as many as rows that are there.
MOST_GONE = 250
# The first reading of so many rows is waited for, which takes as long as two or three searches of LanceDB's.
READ_WAITED_FOR = 20_000
# A command that asks one question is done before the rest would be read; an agent thinks before it asks another.
_SEARCHES_BEFORE_READING = 8
_PAUSE_BEFORE_READING_S = 0.5


class TableVersions(Protocol):
    """What a copy has to know of the table it is of."""

    async def version(self) -> int:
        """The number of the newest version."""
        ...

    async def count(self) -> int:
        """The number of its rows."""
        ...


class ResidentIndex:
    """The clips of one table in memory, or the reason to do without."""

    def __init__(
        self, dimension: int, table: TableVersions, reopen: Callable[[], Awaitable[AsyncTable | None]]
    ) -> None:
        self._dimension = dimension
        self._table = table
        self._reopen = reopen
        self._pinned: AsyncTable | None = None
        self._copy: ResidentClips | None = None
        self._version = -1
        self._failed_at = -1
        self._newest_at = -math.inf  # when the copy was of the newest version
        self._own_writes = 0
        self._look_task: asyncio.Task[None] | None = None
        self._has_vectors = True
        self._turn = asyncio.Lock()
        self._read_task: asyncio.Task[None] | None = None
        self._pause_task: asyncio.Task[None] | None = None
        self._searches = 0

    async def clips(self) -> ResidentClips | None:
        """The clips of the newest version; None where they are too many, or not read yet.

        What other processes wrote in the last MAY_LAG_S seconds may be missing.
        """
        age = time.monotonic() - self._newest_at
        if self._copy is None or age > MAY_LAG_S:
            return await self._newest()
        if age > MAY_LAG_S / _LOOKS_IN_THAT_TIME and (self._look_task is None or self._look_task.done()):
            self._look_task = asyncio.create_task(self._look())
        return self._copy

    def note_write(self) -> None:
        """Have the next search see what this process wrote just now."""
        self._own_writes += 1
        self._newest_at = -math.inf

    def let_go(self) -> None:
        """Hold no handle on the table; the next reading opens one."""
        self._pinned = None

    async def _look(self) -> None:
        with contextlib.suppress(StoreError):  # whatever it is, the search that has to wait meets it too
            await self._newest()

    async def _newest(self) -> ResidentClips | None:
        asked_at, own_writes = time.monotonic(), self._own_writes
        copy = await self._of_newest_version()
        if copy and own_writes == self._own_writes:
            self._newest_at = asked_at
        return copy

    async def _of_newest_version(self) -> ResidentClips | None:
        version = await self._table.version()
        if self._copy and version == self._version:
            return self._copy
        rows = await self._table.count()
        if rows > MOST_ROWS:
            self._copy = None
            return None
        self._searches += 1
        if version == self._failed_at:
            return None
        if self._copy is None and rows > READ_AT_ONCE and not await self._first_reading(rows):
            return None
        if self._is_reading:
            return None
        async with self._turn:
            try:
                return await self._catch_up()
            except StoreError as exc:
                self._give_up(version, exc)
                return None

    async def _first_reading(self, rows: int) -> bool:
        """Whether the first reading is done; it begins when searches follow each other, or in the pause after one."""
        if self._searches > _SEARCHES_BEFORE_READING:
            self._begin_reading()
        elif self._pause_task is None:
            self._pause_task = asyncio.create_task(self._read_after_pause())
        if self._is_reading and rows <= READ_WAITED_FOR:
            assert self._read_task
            await asyncio.wait([self._read_task])
        return self._copy is not None

    async def _read_after_pause(self) -> None:
        await asyncio.sleep(_PAUSE_BEFORE_READING_S)
        if self._copy is None:
            self._begin_reading()

    def _begin_reading(self) -> None:
        if not self._is_reading:
            self._read_task = asyncio.create_task(self._read_anew())

    async def wait(self) -> None:
        """Wait until what is being read is there."""
        while tasks := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Read no further, and hold nothing."""
        for task in self._tasks:
            task.cancel()
        await self.wait()
        self._copy = None

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._look_task, self._pause_task, self._read_task) if task is not None]

    @property
    def _is_reading(self) -> bool:
        return self._read_task is not None and not self._read_task.done()

    async def _catch_up(self) -> ResidentClips | None:
        version = await self._table.version()
        if self._copy and version == self._version:  # another search has done it
            return self._copy
        with lance_errors():
            table = await self._at(version)
            copy = self._copy or self._empty()
            newer = table.query().where(f"_rowid >= {(copy.last_fragment + 1) << 32}").limit(READ_AT_ONCE + 1)
            rows = await newer.select(self._columns).with_row_id().to_arrow()
            if rows.num_rows > READ_AT_ONCE:
                self._begin_reading()
                return None
            copy.extend(rows)
            if copy.count != await table.count_rows():
                copy.keep_only(await _addresses(table))
        self._keep(copy, version)
        return copy

    async def _read_anew(self) -> None:
        version = -1
        try:
            async with self._turn:
                version = await self._table.version()
                with lance_errors():
                    table = await self._at(version)
                    copy = await self._read(table)
                    if copy is None:
                        self._has_vectors = False
                        copy = await self._read(table)
                    assert copy
                self._keep(copy, version)
        except StoreError as exc:
            self._give_up(version, exc)

    async def _read(self, table: AsyncTable) -> ResidentClips | None:
        """All rows; None where they have more vectors than may be held, as their first ones tell."""
        import pyarrow as pa

        copy, rows = self._empty(), await table.count_rows()
        async for batch in await table.query().select(self._columns).with_row_id().to_batches():
            await asyncio.to_thread(copy.extend, pa.Table.from_batches([batch]))
            if copy.vector_bytes * rows > MOST_VECTOR_BYTES * copy.count:
                return None
        return copy

    def _empty(self) -> ResidentClips:
        return ResidentClips(self._dimension, has_vectors=self._has_vectors)

    @property
    def _columns(self) -> list[str]:
        return [*CLIP_COLUMNS, "vector"] if self._has_vectors else list(CLIP_COLUMNS)

    def _keep(self, copy: ResidentClips, version: int) -> None:
        if copy.vector_bytes > MOST_VECTOR_BYTES:
            copy.drop_vectors()
            self._has_vectors = False
        if copy.gone > max(copy.count, MOST_GONE):
            self._copy = None  # the next search reads those that are there
        else:
            self._copy, self._version = copy, version

    def _give_up(self, version: int, exc: StoreError) -> None:
        # The search that meets the damaged place by itself says it to someone.
        _log.warning("The clips can't be held in memory: %s", exc)
        self._copy, self._failed_at = None, version

    async def _at(self, version: int) -> AsyncTable:
        if (table := self._pinned or await self._reopen()) is None:
            raise StoreError("The clips table is gone.")
        self._pinned = table
        await table.checkout(version)
        return table


async def _addresses(table: AsyncTable) -> NDArray[np.int64]:
    import numpy as np

    rows = await table.query().select([]).with_row_id().to_arrow()
    return np.asarray(rows.column("_rowid"), dtype="int64")
