"""The libraries that this process holds open over one platform: the settings' own, and one for each caller."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from soundbite_server.libraries import library_on
from soundbite_server.platforms import open_platform
from soundbite_store import Ledger

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from soundbite_server.platforms import Platform
    from soundbite_server.settings import Settings
    from soundbite_tools.library import Library

CALLERS_FOLDER = "callers"
_MOST_OPEN = 32
_IDLE_S = 600.0  # far longer than any call may take

log = logging.getLogger(__name__)


class _Held:
    """One open library and the task that holds it."""

    def __init__(self) -> None:
        self.opened, self.closing = anyio.Event(), anyio.Event()
        self.library: Library | None = None
        self.failure: Exception | None = None
        self.used_at = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether nobody has called for long and nothing runs."""
        is_busy = self.library is not None and self.library.jobs.is_busy
        return self.opened.is_set() and not is_busy and time.monotonic() - self.used_at > _IDLE_S


class Shelf:
    """Opens libraries when they are first asked for; when many are open, closes those of callers idle for long."""

    def __init__(self, settings: Settings, platform: Platform, group: TaskGroup, *, is_over_http: bool) -> None:
        self._settings = settings
        self._is_over_http = is_over_http
        self._platform = platform
        self._group = group
        self._held: dict[str, _Held] = {}

    async def own(self) -> Library:
        """Return the library of the settings themselves."""
        return await self._get("")

    async def of_caller(self, principal: str) -> Library:
        """Return a caller's library, made at the first call.

        Raises:
            whatever keeps it from being opened; the next call tries again.
        """
        return await self._get(folder_of(principal))

    async def resume_callers(self) -> None:
        """Open the callers' libraries that have unfinished tasks, so that those go on."""
        for ledger_path in sorted((self._settings.home / CALLERS_FOLDER).glob("*/ledger.sqlite")):
            folder = ledger_path.parent.name
            try:
                if await _has_unfinished_tasks(ledger_path):
                    await self._get(folder)
            except Exception as exc:  # one broken library must not keep the others from being served
                log.warning("The library in %s can't be opened: %s", folder, exc)

    def close(self) -> None:
        """Let all libraries go, their jobs parked."""
        for held in self._held.values():
            held.closing.set()

    async def _get(self, folder: str) -> Library:
        if (held := self._held.get(folder)) is None:
            self._close_idle()
            held = self._held[folder] = _Held()
            self._group.start_soon(self._hold, folder, held)
        held.used_at = time.monotonic()
        await held.opened.wait()
        if held.library is None:
            assert held.failure is not None
            raise held.failure
        return held.library

    async def _hold(self, folder: str, held: _Held) -> None:
        try:
            opening = library_on(
                self._platform,
                self._settings_for(folder),
                is_callers=bool(folder),
                is_over_http=self._is_over_http,
            )
            async with opening as held.library:
                held.opened.set()
                await held.closing.wait()
        except Exception as exc:
            log.exception("A library failed")
            held.failure = exc
        finally:
            held.library = None
            if self._held.get(folder) is held:
                del self._held[folder]
            held.opened.set()

    def _settings_for(self, folder: str) -> Settings:
        if not folder:
            return self._settings
        place = f"{CALLERS_FOLDER}/{folder}"
        store = f"{self._settings.store.rstrip('/')}/{place}" if self._settings.store else ""
        return self._settings.model_copy(update={"home": self._settings.home / place, "store": store})

    def _close_idle(self) -> None:
        if len(self._held) >= _MOST_OPEN:
            for folder, held in list(self._held.items()):
                if folder and held.is_idle:
                    # A call that comes meanwhile opens it anew: one process may open a library twice.
                    del self._held[folder]
                    held.closing.set()


@asynccontextmanager
async def open_shelf(settings: Settings, *, is_over_http: bool = False) -> AsyncIterator[Shelf]:
    """Open the platform, and libraries on it as they are asked for; leaving parks all jobs."""
    async with open_platform(settings) as platform, anyio.create_task_group() as group:
        shelf = Shelf(settings, platform, group, is_over_http=is_over_http)
        try:
            yield shelf
        finally:
            shelf.close()


def folder_of(principal: str) -> str:
    """Return the name of a principal's folder: readable, and different for every principal on every file system."""
    readable = re.sub(r"[^a-z0-9]+", "-", principal.lower()).strip("-")[-24:].strip("-")
    return f"{readable}-{hashlib.sha256(principal.encode()).hexdigest()[:16]}"


async def _has_unfinished_tasks(ledger_path: Path) -> bool:
    async with await Ledger.open(ledger_path) as ledger:
        return bool(await ledger.unfinished_tasks())
