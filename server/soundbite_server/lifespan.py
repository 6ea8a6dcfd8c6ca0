"""What lives as long as the server: the library, opened behind the handshake, and the task group that owns all jobs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from soundbite_tools.errors import ToolProblem, WorkFailed, sentence

if TYPE_CHECKING:
    from soundbite_server.http.limits import Limits
    from soundbite_server.settings import Settings
    from soundbite_tools.library import Library

log = logging.getLogger(__name__)


class Services:
    """Hands out the library once it is open, so that a client's handshake never waits for it."""

    def __init__(self, settings: Settings, limits: Limits | None = None) -> None:
        self.settings = settings
        self.limits = limits
        self._opened = anyio.Event()
        self._closing = anyio.Event()
        self._library: Library | None = None
        self._failure = ""

    @property
    def is_ready(self) -> bool:
        """Whether the library is open."""
        return self._library is not None and self._opened.is_set() and not self._closing.is_set()

    async def library(self) -> Library:
        """Return the library.

        Raises:
            WorkFailed: it can't be opened.
        """
        await self._opened.wait()
        if self._library is None:
            raise WorkFailed(
                f"The library could not be opened: {self._failure}",
                "Run `soundbite doctor` and restart the server.",
                code="library_unavailable",
            )
        return self._library

    async def run(self) -> None:
        """Hold the library open until `close` is called."""
        from soundbite_api import PlatformError
        from soundbite_store import StoreError

        try:
            # Imported in here: what fails to load is told like what fails to open.
            from soundbite_server.libraries import open_library

            async with open_library(self.settings) as self._library:
                self._opened.set()
                await self._closing.wait()
        except (ToolProblem, StoreError, PlatformError, OSError) as exc:
            log.exception("The library failed")
            self._library, self._failure = None, sentence(getattr(exc, "strerror", None) or str(exc))
        except Exception:
            # Its text may name anything of this machine; the log has it.
            log.exception("The library failed")
            self._library, self._failure = None, "the server's log says why."
        finally:
            self._opened.set()

    def close(self) -> None:
        """Let the library go."""
        self._closing.set()


@asynccontextmanager
async def serve_library(settings: Settings, limits: Limits | None = None) -> AsyncIterator[Services]:
    """Open the library in the background and close it, jobs parked, on the way out."""
    services = Services(settings, limits)
    async with anyio.create_task_group() as group:
        group.start_soon(services.run)
        try:
            yield services
        finally:
            services.close()
