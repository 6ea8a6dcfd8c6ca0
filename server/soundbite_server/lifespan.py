"""What lives as long as the server: the library, opened behind the handshake, and the task group that owns all jobs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_engine.machine import give_back, give_back_large_blocks_at_once
from soundbite_server.http.callers import LOCAL, principal
from soundbite_tools import ToolProblem, WorkFailed, sentence

if TYPE_CHECKING:
    from soundbite_server.http.services import HttpServices
    from soundbite_server.libraries import LibraryPool
    from soundbite_server.settings import Settings
    from soundbite_tools import Jobs, Library


_LARGE_BYTES = 4 << 20  # tables that are read into memory
# A client over stdio asks for the handshake and the tools first; opening a library would keep it waiting.
_HANDSHAKE_S = 0.25
_MEMORY_EVERY_S = 30.0
log = logging.getLogger(__name__)


class Services:
    """Hands out the library once it is open, so that a client's handshake never waits for it."""

    def __init__(self, settings: Settings, http: HttpServices | None = None) -> None:
        self.settings = settings
        self.http = http
        self._wanted = anyio.Event()
        self._opened = anyio.Event()
        self._closing = anyio.Event()
        self._pool: LibraryPool | None = None
        self._failure = "the server is closing."
        self._calls = 0

    @property
    def is_ready(self) -> bool:
        """Whether the library is open."""
        return self._pool is not None and self._opened.is_set() and not self._closing.is_set()

    async def library(self) -> Library:
        """Return the library of whoever makes the present call.

        Raises:
            WorkFailed: it can't be opened.
        """
        return await self.library_of(principal())

    async def library_of(self, caller: str) -> Library:
        """Return the library that a caller works on.

        Raises:
            WorkFailed: it can't be opened.
        """
        return (await self.jobs_of(caller)).library

    async def jobs(self) -> Jobs:
        """Return what runs the jobs in the library of whoever makes the present call.

        Raises:
            WorkFailed: it can't be opened.
        """
        return await self.jobs_of(principal())

    async def jobs_of(self, caller: str) -> Jobs:
        """Return the jobs of the library that a caller works on: its own where callers have some, else the settings'.

        Raises:
            WorkFailed: it can't be opened.
        """
        self._calls += 1
        self._wanted.set()
        await self._opened.wait()
        if self._pool is None:
            raise self._unavailable(self._failure)
        if not self._has_own_library(caller):
            return await self._pool.own()
        try:
            return await self._pool.of_caller(caller)
        except Exception as exc:
            raise self._unavailable("the server's log says why.") from exc

    async def run(self) -> None:
        """Hold the library open until `close` is called."""
        if self.http is None:
            with anyio.move_on_after(_HANDSHAKE_S):
                await self._wanted.wait()
        if self._closing.is_set():
            self._opened.set()  # a call that came just before must not wait for ever
            return
        from soundbite_api import PlatformError
        from soundbite_engine.errors import EngineError
        from soundbite_store import StoreError

        try:
            # Imported in here: what fails to load is told like what fails to open.
            from soundbite_server.libraries import open_libraries

            give_back_large_blocks_at_once(_LARGE_BYTES)

            async with open_libraries(self.settings, is_over_http=self.http is not None) as self._pool:
                if self.http and self.http.has_own_libraries:
                    await self._pool.resume_callers()
                else:
                    await self._pool.own()
                self._opened.set()
                await self._closing.wait()
        except (ToolProblem, StoreError, PlatformError, EngineError, OSError) as exc:
            log.exception("The library failed")
            self._pool, self._failure = None, sentence(getattr(exc, "strerror", None) or str(exc))
        except Exception:
            # Its text may name anything of this machine; the log has it.
            log.exception("The library failed")
            self._pool, self._failure = None, "the server's log says why."
        finally:
            self._opened.set()

    async def look_after_memory(self) -> None:
        """Give back what calls have left, until `close` is called."""
        while not self._closing.is_set():
            calls = self._calls
            with anyio.move_on_after(_MEMORY_EVERY_S):
                await self._closing.wait()
            if self._calls != calls and not self._closing.is_set():
                await anyio.to_thread.run_sync(give_back)

    def close(self) -> None:
        """Let the libraries go."""
        self._closing.set()
        self._wanted.set()

    def _has_own_library(self, caller: str) -> bool:
        return bool(self.http and self.http.has_own_libraries and caller != LOCAL)

    def _unavailable(self, reason: str) -> WorkFailed:
        return WorkFailed(
            f"The library could not be opened: {reason}",
            "Run `soundbite doctor` and restart the server.",
            code="library_unavailable",
        )


@asynccontextmanager
async def serve_library(settings: Settings, http: HttpServices | None = None) -> AsyncIterator[Services]:
    """Open the library in the background and close it, jobs parked, on the way out."""
    services = Services(settings, http)
    async with anyio.create_task_group() as group:
        group.start_soon(services.run)
        group.start_soon(services.look_after_memory)
        try:
            yield services
        finally:
            services.close()
