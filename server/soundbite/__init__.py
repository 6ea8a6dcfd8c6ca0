"""Ears for Python: open the library of recordings, add to it, and search it.

    import soundbite

    with soundbite.open() as library:
        library.add("talk.mp3")
        for clip in library.search("refund"):
            print(clip.title, clip.time_range, clip.text)

`async with soundbite.open() as library` gives the same to coroutines. It is the library that agents and the command
line use, which may have it open at the same time. Nothing heavy is loaded before the library is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite.clips import AsyncClip, Clip, Recording, Replacement, Speaker
    from soundbite.errors import NotFound, SoundbiteError, SourceError
    from soundbite.library import AsyncLibrary, Library

_MODULE_OF = {
    "AsyncClip": "clips",
    "AsyncLibrary": "library",
    "Clip": "clips",
    "Library": "library",
    "NotFound": "errors",
    "Recording": "clips",
    "Replacement": "clips",
    "SoundbiteError": "errors",
    "SourceError": "errors",
    "Speaker": "clips",
}

__all__ = [
    "AsyncClip",
    "AsyncLibrary",
    "Clip",
    "Library",
    "NotFound",
    "Recording",
    "Replacement",
    "SoundbiteError",
    "SourceError",
    "Speaker",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def open(home: str | Path | None = None) -> Opening:  # noqa: A001 - as in `soundbite.open()`
    """Open the library in a folder, or the one that agents and the command line use here.

    Everything else is set by the same environment variables as for them. A script may read every file it names.
    """
    return Opening(home)


class Opening:
    """A library that is open inside of `with` or `async with`."""

    def __init__(self, home: str | Path | None) -> None:
        self._home = home
        self._open: ExitStack | None = None
        self._async_open: AsyncExitStack | None = None

    def __enter__(self) -> Library:
        """Open it; its work is done in a thread of its own, so that a notebook's event loop is no matter.

        Raises:
            SoundbiteError: a setting can't be used, or the library can't be opened.
        """
        from anyio.from_thread import start_blocking_portal

        from soundbite.library import Library

        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            library = stack.enter_context(portal.wrap_async_context_manager(_opened(self._home)))
            self._open = stack.pop_all()
        return Library(library, portal)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it; an unfinished job goes on at the next opening."""
        assert self._open is not None
        self._open.close()

    async def __aenter__(self) -> AsyncLibrary:
        """Open it in the running event loop.

        Raises:
            SoundbiteError: a setting can't be used, or the library can't be opened.
        """
        async with AsyncExitStack() as stack:
            library = await stack.enter_async_context(_opened(self._home))
            self._async_open = stack.pop_all()
        return library

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close it; an unfinished job goes on at the next opening."""
        assert self._async_open is not None
        await self._async_open.aclose()


@asynccontextmanager
async def _opened(home: str | Path | None) -> AsyncIterator[AsyncLibrary]:
    import os

    from soundbite.errors import translated
    from soundbite.library import AsyncLibrary
    from soundbite_server import Settings
    from soundbite_server.libraries import open_jobs

    chosen = {} if home is None else {"SOUNDBITE_HOME": str(home)}
    with translated():
        settings = Settings.from_environment({**os.environ, **chosen})
        settings.check_start()
    everywhere = (*settings.roots, Path(settings.home.anchor))
    async with open_jobs(settings.model_copy(update={"roots": everywhere, "read_only": False})) as jobs:
        yield AsyncLibrary(jobs)
