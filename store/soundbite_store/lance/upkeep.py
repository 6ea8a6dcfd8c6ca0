"""When a table is tidied: in the background, in the pauses between writes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from soundbite_store.errors import StoreError

if TYPE_CHECKING:
    from soundbite_store.lance.table import ClipTable

_log = logging.getLogger(__name__)
# Tidying takes both the processor and the disk from the writes beside it: it cost a load of many recordings half its
# speed. So it waits for a pause, and where there is none, for a time in proportion to what it takes.
_PAUSE_S = 0.5
# Fifty fragments that wait make a search five times as slow, and four busy writers make ten a second.
_LONGEST_WAIT_S = 2.0
_REST = 3
_CLOSING_S = 2.0


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
                return await self._table.optimise()
            finally:
                self._took_s = time.monotonic() - started

    async def settled(self) -> None:
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
        await self.settled()

    async def _keep_in_shape(self) -> None:
        try:
            while self._written.is_set():
                await self._pause_in_writing()
                if await self._table.wants_upkeep():
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
