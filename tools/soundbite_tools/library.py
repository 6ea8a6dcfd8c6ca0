"""The library: the platform, the store and the ledger that all tools work on."""

from __future__ import annotations

import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from soundbite_store import ClipStore, Ledger, Sharing, StoreAccess, StoreError, capabilities_of
from soundbite_tools.embed.housekeeping import tidy
from soundbite_tools.embed.jobs import Jobs
from soundbite_tools.sources.files import is_inside
from soundbite_tools.spaces import SpaceFinder

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from soundbite_api import PlatformClient
    from soundbite_store import Task
    from soundbite_tools.config import LibraryConfig
    from soundbite_tools.sources.local_media import Workbench

# What other machines wrote shows this much later at the most; each look is a request or two.
_CATCH_UP_EVERY_S = 5.0
_CATCH_UP_AGAIN_S = 60.0

log = logging.getLogger(__name__)


class Library:
    """What the tools work on. Made by the server's lifespan, which also owns the task group for its jobs.

    Nothing is opened by making one: the store and the ledger open when they are first needed. The platform client
    should ask for the extensions `progress` and `transcript` where the platform is our engine.
    """

    def __init__(
        self,
        *,
        config: LibraryConfig,
        client: PlatformClient,
        workbench: Workbench,
        background: TaskGroup,
        store_uri: str | Path,
        ledger_path: Path,
        store_access: StoreAccess | None = None,
    ) -> None:
        self.config = config
        self.client = client
        self.workbench = workbench
        self.spaces = SpaceFinder(client)
        self.jobs = Jobs(self, background)
        self.clipped_assets: set[str] = set()
        """Recordings known to have clips of their own; a search asks the store about the others only."""
        self._background = background
        self._store_uri = store_uri
        self._store_access = store_access
        self._ledger_path = ledger_path
        self._opening = anyio.Lock()
        self._open = AsyncExitStack()
        self._store: ClipStore | None = None
        self._ledger: Ledger | None = None
        self._is_shared = capabilities_of(str(store_uri)).is_shared
        self._sharing: Sharing | None = None
        self._catching_up = anyio.Lock()
        self._clock = time.monotonic
        self._caught_up_until = 0.0

    def start(self) -> None:
        """Load what is slow and take up unfinished jobs, in the background."""
        self._background.start_soon(self._warm_up)

    async def aclose(self) -> None:
        """Close the store and the ledger; call it once the task group has ended."""
        with anyio.CancelScope(shield=True):
            await self._open.aclose()

    async def store(self) -> ClipStore:
        """Return the clips, opened at the first call.

        Raises:
            StoreError: it can't be opened.
        """
        async with self._opening:
            if self._store is None:
                self._store = await self._open.enter_async_context(
                    await ClipStore.open(self._store_uri, access=self._store_access)
                )
        return self._store

    async def ledger(self) -> Ledger:
        """Return the tasks, assets and transcripts, opened at the first call.

        Raises:
            StoreError: it can't be opened.
        """
        async with self._opening:
            if self._ledger is None:
                self._ledger = await self._open.enter_async_context(await Ledger.open(self._ledger_path))
        await self._catch_up(self._ledger)
        return self._ledger

    async def share(self, asset_id: str, finished: Task | None = None) -> None:
        """Tell the machines that share the store of a recording; `finished` counts as ready already.

        Raises:
            StoreError: they can't be told.
        """
        if self._is_shared:
            await (await self._sharing_of(await self.ledger())).publish(asset_id, finished)

    async def withdraw(self, asset_id: str) -> None:
        """Tell them that a recording was removed.

        Raises:
            StoreError: they can't be told.
        """
        if self._is_shared:
            await (await self._sharing_of(await self.ledger())).withdraw(asset_id)

    async def _sharing_of(self, ledger: Ledger) -> Sharing:
        if self._sharing is None:
            store = await self.store()
            self._sharing = Sharing(store.catalogue, ledger, lambda path: is_inside(path.resolve(), self.config))
        return self._sharing

    async def _catch_up(self, ledger: Ledger) -> None:
        if not self._is_shared or self._clock() < self._caught_up_until:
            return
        async with self._catching_up:
            if self._clock() < self._caught_up_until:
                return
            pause_s = _CATCH_UP_EVERY_S
            try:
                await (await self._sharing_of(ledger)).catch_up()
            except StoreError as exc:
                # What this machine knows stays at hand; the call that needs the clips says what is wrong with them.
                log.warning("What other machines wrote can't be read: %s", exc)
                pause_s = _CATCH_UP_AGAIN_S
            self._caught_up_until = self._clock() + pause_s

    async def _warm_up(self) -> None:
        try:
            await self.jobs.resume_unfinished()
            await (await self.store()).warm()
            await tidy(self)
        except (StoreError, OSError) as exc:
            # The call that needs the store says it again, to someone who can act on it.
            log.warning("The library can't be made ready: %s", exc)
