"""A server over a small library and a browser, in a thread of their own, that the tests of a module share."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from browser import Browser, Page, chromium
from http_server import serving
from mcp import Client

from soundbite_server import Settings, build_server

SAMPLES = Path(__file__).parents[3] / "samples"
LONG_TITLE = "The weekly meeting of those who look after the north river station and its three gates, with visitors"

HOUR_TITLE = "Harbour council"


async def open_hour(page: Page) -> None:
    """Look the hour up in the list, and click it."""
    if not await page.evaluate('document.querySelector("#library details").open'):
        await page.click("#library summary")
    await page.write("#library-find", HOUR_TITLE)
    await page.until('document.querySelectorAll("#library-list .entry").length === 1')
    await page.click(f".entry[title^={json.dumps(HOUR_TITLE)}]")
    await page.until('document.querySelector(".chapters button") && document.querySelector(".script li")')
    await page.until('document.querySelector(".timeline .bars").getAttribute("d").length > 1000')


async def embed_library(home: Path, root: Path) -> None:
    """Embed two recordings: a meeting of three people, tagged, and some memos with a long title."""
    for name in ("standup.flac", "memos.mp3"):
        shutil.copyfile(SAMPLES / name, root / name)
    wanted: list[dict[str, Any]] = [
        {"source": str(root / "memos.mp3"), "end_sec": 14, "title": LONG_TITLE},
        {"source": str(root / "standup.flac"), "tags": ["work"]},
    ]
    async with Client(build_server(Settings(home=home, roots=(root,), workers=1, log_level="WARNING"))) as client:
        for arguments in wanted:
            result = await client.call_tool("embed_audio", {**arguments, "wait_seconds": 0})
            while (result.structured_content or {}).get("status") == "processing":
                task_id = (result.structured_content or {})["task_id"]
                result = await client.call_tool("get_task", {"task_id": task_id, "wait_seconds": 20})
            assert (result.structured_content or {})["status"] == "ready", result.content


class Stage:
    """Runs the steps of tests where the server and the browser live."""

    def __init__(self, home: Path, root: Path, **env: str) -> None:
        self._home, self._root, self._env = home, root, env
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._end = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="stage")
        self.url = ""
        self._browser: Browser | None = None

    def __enter__(self) -> Stage:
        self._thread.start()
        self._is_up.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        """Run the steps of one test."""
        asyncio.run_coroutine_threadsafe(steps, self._loop).result(240)

    @asynccontextmanager
    async def page(
        self, address: str = "", width: int = 1200, height: int = 800, scheme: str = "light", script: str = ""
    ) -> AsyncIterator[Page]:
        """Open the page at an address below the server's; it must not complain, and ask nobody else."""
        assert self._browser
        page = await self._browser.open(width, height, scheme)
        if script:
            await page.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        await page.go(self.url + address)
        await page.until('document.querySelector("#library-count")?.textContent')
        yield page
        assert page.complaints == []
        # A picture of its own in a data: address has no host.
        assert {urlsplit(asked).netloc for asked in page.requested} <= {urlsplit(self.url).netloc, ""}
        await page.send("Page.close")

    def _live(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as exc:
            self._failure = exc
        finally:
            self._is_up.set()
            self._loop.close()

    async def _serve(self) -> None:
        async with serving(self._home, self._root, **self._env) as url, chromium() as browser:
            self.url, self._browser = url, browser
            self._is_up.set()
            await self._end.wait()
