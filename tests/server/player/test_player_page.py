"""The player at `/` of the HTTP server: a person in a browser, with a token."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from browser import CHROMIUM, WHY_NOT, chromium

from soundbite_server import Settings
from soundbite_server.http.app import build_http_app
from soundbite_server.http.config import HttpConfig

TOKEN = "a-token-for-the-page"


@asynccontextmanager
async def serving(home: Path, root: Path, **env: str) -> AsyncIterator[str]:
    app = build_http_app(Settings(home=home, roots=(root,), workers=1), HttpConfig.from_environment("127.0.0.1:0", env))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        with anyio.fail_after(30):
            while not server.started:
                await anyio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_person_gives_a_token_asks_and_sees_the_clips(embedded: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(embedded.home, home)
    given = {"SOUNDBITE_HTTP_TOKENS": f"ann={TOKEN}", "SOUNDBITE_HTTP_LIBRARY": "shared"}
    async with serving(home, embedded.root, **given) as url, chromium() as browser:
        page = await browser.open()
        await page.go(url)
        await page.until('document.activeElement?.id === "question"')
        ask = 'document.querySelector("#question").value = "the sky is still dark";'
        await page.evaluate(f'{ask} document.querySelector("#ask").requestSubmit()')
        await page.until('document.activeElement?.id === "bearer"')
        given_token = f'document.querySelector("#bearer").value = "{TOKEN}";'
        await page.evaluate(f'{given_token} document.querySelector("#token").requestSubmit()')
        await page.until('document.querySelector("[role=slider]")')
        assert "dark" in await page.evaluate('document.querySelector(".said").textContent')
        assert {address.removeprefix(url) for address in page.requested} <= {"", "mcp"}
        # The first call went without a token; nothing else was refused, no policy broken.
        assert all("401" in each for each in page.complaints)
