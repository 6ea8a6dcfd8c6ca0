"""A library in a folder of a test, run as the server runs one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from soundbite_api import PlatformClient
from soundbite_tools.embed.jobs import Jobs
from soundbite_tools.housekeeping import make_ready
from soundbite_tools.library import Library, LibraryConfig
from soundbite_tools.sources.local_media import MediaReader


class RunningLibrary(Library):
    """A library and what runs its jobs."""

    jobs: Jobs


@asynccontextmanager
async def running_library(
    folder: Path, config: LibraryConfig, client: PlatformClient, media_reader: MediaReader
) -> AsyncIterator[RunningLibrary]:
    """Open the library; leaving is a shutdown that stops its jobs."""
    async with anyio.create_task_group() as background:
        library = RunningLibrary(
            config=config,
            client=client,
            media_reader=media_reader,
            store_uri=folder / "store",
            ledger_path=folder / "ledger.sqlite",
        )
        library.jobs = Jobs(library, background)
        background.start_soon(make_ready, library.jobs)
        yield library
        background.cancel_scope.cancel()
    await library.aclose()
