"""A page of a headless browser, and the player in it: in an agent host, and from the HTTP server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from browser import CHROMIUM, WHY_NOT, Page, chromium
from host import Host

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
