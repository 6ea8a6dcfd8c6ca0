"""A page of a headless browser, and the player in it: in an agent host, and from the HTTP server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from bench_scripts import load
from browser import CHROMIUM, WHY_NOT, Page, chromium
from host import Host
from stage import Stage, embed_library

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs

Shown = Callable[..., AbstractAsyncContextManager[tuple[Host, Page]]]


@pytest.fixture
def shown(connect: Any) -> Shown:
    """Return an opener of the player in a host over this test's library; entering it starts a browser."""
    if CHROMIUM is None:
        pytest.skip(WHY_NOT)

    @asynccontextmanager
    async def show(**looks: Any) -> AsyncIterator[tuple[Host, Page]]:
        async with connect() as client, chromium() as browser:
            page = await browser.open()
            host = Host(page, client)
            await host.show(**looks)
            yield host, page

    return show


@pytest.fixture(scope="session")
def stage(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server over three recordings and a browser, for all tests that do not mind what others changed."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(embedded.home, folder / "home")
    (folder / "recordings").mkdir()
    anyio.run(embed_library, folder / "home", folder / "recordings")
    with Stage(folder / "home", folder / "recordings", SOUNDBITE_HTTP_CALLS_PER_MINUTE="0") as stage:
        yield stage


@pytest.fixture(scope="session")
def large_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server over 200 short recordings and one of an hour, made up by bench/libraries/talks.py, and a browser."""
    talks = load("libraries.talks")
    folder = tmp_path_factory.mktemp("large")
    (folder / "sounds").mkdir()

    async def make() -> None:
        async with open_jobs(Settings(home=folder / "home", roots=(folder / "sounds",))) as jobs:
            await talks.fill(jobs, folder / "sounds", list(talks.talks(200)))

    anyio.run(make)
    with Stage(folder / "home", folder / "sounds", SOUNDBITE_HTTP_CALLS_PER_MINUTE="0") as stage:
        yield stage
