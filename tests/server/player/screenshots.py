"""Pictures of the player over the sample recordings, for docs/screenshots.

    python tests/server/player/screenshots.py [--home FOLDER]

Embeds the samples (a minute or two; --home keeps them for the next time) and needs Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, it finds only what lies beside it

from browser import Browser, Page, chromium
from host import Host
from http_server import serving
from mcp import Client

from soundbite_server import Settings, build_server

REPOSITORY = Path(__file__).parents[3]
SAMPLES = REPOSITORY / "samples"
PICTURES = REPOSITORY / "docs" / "screenshots"
RECORDINGS = ("field-log.flac", "standup.flac", "memos.mp3", "renovation.opus")


@dataclass(frozen=True)
class Picture:
    name: str
    width: int
    height: int
    scheme: str = "light"
    search: dict[str, Any] = field(default_factory=lambda: {"query": "the map shows the wrong street", "top_k": 5})
    opened: int = -1
    """The row whose transcript is open."""


PIECES = (
    Picture("wide-light", 900, 760, opened=0),
    Picture("wide-dark", 900, 760, "dark", opened=0),
    Picture("narrow-light", 360, 760),
    Picture("narrow-dark", 360, 760, "dark"),
    Picture("twenty-clips", 760, 3300, search={"query": "speech or music or silence", "top_k": 20}),
    Picture("empty-light", 900, 240, search={"query": "a whale", "modality": "sound"}),
    Picture("empty-dark", 900, 240, "dark", search={"query": "a whale", "modality": "sound"}),
)
PAGES = (Picture("page-light", 1200, 760), Picture("page-dark", 1200, 760, "dark"), Picture("page-narrow", 400, 760))
OPENED = (
    Picture("recording-light", 1200, 860),
    Picture("recording-dark", 1200, 860, "dark"),
    Picture("recording-narrow", 400, 860),
)
IS_DRAWN = """[...document.querySelectorAll(".wave")]
  .every((each) => each.getAttribute("role") || each.getBoundingClientRect().top > innerHeight)"""


async def embed(client: Client) -> None:
    for name in RECORDINGS:
        result = await client.call_tool("embed_audio", {"source": str(SAMPLES / name), "wait_seconds": 25})
        while (task := result.structured_content or {}).get("status") == "processing":
            result = await client.call_tool("get_task", {"task_id": task["task_id"], "wait_seconds": 25})
        assert not result.is_error, result.content


async def take(browser: Browser, client: Client, wanted: Picture) -> None:
    page = await browser.open(wanted.width, wanted.height, wanted.scheme)
    host = Host(page, client)
    await host.show(theme=wanted.scheme)
    await host.search(**wanted.search)
    await page.until('document.querySelector(".clip, #empty:not([hidden])")', inner=True)
    await page.until(IS_DRAWN, inner=True)
    if wanted.opened >= 0:
        await page.evaluate(f'document.querySelectorAll(".more")[{wanted.opened}].click()', inner=True)
        await page.until('document.querySelector(".transcript time")', inner=True)
    await keep(page, wanted)


async def take_page(browser: Browser, url: str, wanted: Picture) -> None:
    """A person's own page: a question typed, and where else the best recording answers it."""
    page = await browser.open(wanted.width, wanted.height, wanted.scheme)
    await page.go(url)
    await page.until('document.querySelector("#library-list .entry")')
    question = f'document.querySelector("#question").value = "{wanted.search["query"]}";'
    await page.evaluate(f'{question} document.querySelector("#ask").requestSubmit()')
    await page.until('document.querySelector(".along")')
    await page.evaluate('document.querySelector(".along").click()')
    await page.until('document.querySelector(".strip button")')
    await page.until(IS_DRAWN)
    await keep(page, wanted)


async def take_recording(browser: Browser, url: str, wanted: Picture) -> None:
    """A recording opened from the library, with a question asked in it."""
    page = await browser.open(wanted.width, wanted.height, wanted.scheme)
    await page.go(url)
    await page.until('document.querySelector(".entry[title=standup]")')
    await page.evaluate('document.querySelector(".entry[title=standup]").click()')
    await page.until('document.querySelector(".chapters button")')
    await page.until('document.querySelector(".timeline .bars").getAttribute("d").length > 1000')
    await page.write(".here input", wanted.search["query"])
    await page.press("Enter")
    await page.until('document.querySelector(".hits button")')
    await page.evaluate('document.querySelector(".script li:nth-child(4)").scrollIntoView({ block: "center" })')
    await page.evaluate("scrollTo(0, Math.min(scrollY, 90))")
    await keep(page, wanted)


async def keep(page: Page, wanted: Picture) -> None:
    assert page.complaints == [], page.complaints
    await page.picture(PICTURES / f"{wanted.name}.png")
    print(f"{wanted.name}: {(PICTURES / f'{wanted.name}.png').stat().st_size / 1000:.0f} kB")


async def main(home: Path) -> None:
    server = build_server(Settings(home=home, roots=(SAMPLES,), log_level="WARNING"))
    async with Client(server) as client, chromium() as browser:
        await embed(client)
        for wanted in PIECES:
            await take(browser, client, wanted)
    async with serving(home, SAMPLES) as url, chromium() as browser:
        for wanted in PAGES:
            await take_page(browser, url, wanted)
        for wanted in OPENED:
            await take_recording(browser, url, wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a folder for the library, kept")
    chosen = parser.parse_args().home
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(chosen or Path(folder)))
