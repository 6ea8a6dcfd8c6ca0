"""Opening the library that the settings describe, for the server and for the command line alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from soundbite_engine.config import UrlPolicy
from soundbite_server.platforms import open_platform
from soundbite_tools.config import EMBEDDED, LibraryConfig, UrlRules
from soundbite_tools.library import Library

if TYPE_CHECKING:
    from soundbite_server.platforms import Platform
    from soundbite_server.settings import Settings

_LONGEST_SYNC_EMBEDDED_SEC = 60.0
_LONGEST_SYNC_HOSTED_SEC = 600.0


@asynccontextmanager
async def open_library(settings: Settings) -> AsyncIterator[Library]:
    """Open the platform and the library; leaving stops its jobs, which the next opening takes up again."""
    async with open_platform(settings) as platform, library_on(platform, settings) as library:
        yield library


@asynccontextmanager
async def library_on(
    platform: Platform, settings: Settings, *, is_callers: bool = False, is_over_http: bool = False
) -> AsyncIterator[Library]:
    """Open a library on a platform that others may use too.

    One of a caller knows only what it made there itself; over HTTP no path is relative.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    async with (
        AsyncExitStack() as closing,  # the store closes once the jobs of the task group have ended
        anyio.create_task_group() as background,
    ):
        library = Library(
            config=replace(library_config(settings, is_over_http=is_over_http), only_own_ids=is_callers),
            client=platform.client,
            workbench=platform.workbench,
            background=background,
            store_uri=settings.store_uri,
            store_access=settings.store_access,
            ledger_path=settings.home / "ledger.sqlite",
        )
        closing.push_async_callback(library.aclose)
        library.start()
        try:
            yield library
        finally:
            background.cancel_scope.cancel()


def library_config(settings: Settings, *, is_over_http: bool = False) -> LibraryConfig:
    """Return what the tools may do under these settings."""
    policy = UrlPolicy.parse(settings.allow_urls)
    return LibraryConfig(
        home=settings.home,
        roots=settings.roots,
        working_folder=None if is_over_http else Path.cwd(),
        urls=UrlRules(mode="public" if policy.is_public else "off", hosts=policy.hosts),
        platform=EMBEDDED if settings.is_embedded else settings.base_url,
        is_read_only=settings.read_only,
        natural_segmentation=settings.is_embedded,
        file_urls=settings.is_embedded,
        keep_assets=settings.keep_assets,
        local_transcripts=settings.local_transcripts,
        budget_file_minutes=settings.budget_file_minutes,
        budget_day_minutes=settings.budget_day_minutes,
        longest_sync_sec=_LONGEST_SYNC_EMBEDDED_SEC if settings.is_embedded else _LONGEST_SYNC_HOSTED_SEC,
    )
