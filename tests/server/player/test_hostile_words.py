"""Titles, tags, words, file and speaker names that are scripts: no view of the page or the player runs one of them.

The content security policy is off in this browser: it is the second wall, and must not hide a hole in the first.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from browser import CHROMIUM, WHY_NOT, Page, chromium
from host import Host
from http_server import serving
from mcp import Client

from soundbite_server import Settings, build_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
SAMPLE = Path(__file__).parents[3] / "samples" / "standup.flac"
MARKUP = "<img data-evil src=x onerror=ran(1)>"
LINK = "javascript:ran(2)"
QUOTED = "\"'><svg data-evil onload=ran(3)>"
TEMPLATE = "${ran(4)}{{ran(4)}}`+ran(4)+`"
VALUES = (MARKUP, LINK, QUOTED, TEMPLATE)
# The names that scripts of values call, in every page and frame from the start; and no wall but the page's own.
WATCH = "window.ran = (way) => { (window.top.__ran ??= []).push(String(way)); };"
PRESS = """(names) => {
  const pressed = new Set(names);
  const name = (node) => [node.tagName, node.id, node.className, node.ariaLabel, node.textContent.slice(0, 30)].join();
  const isFree = (node) => !node.disabled && node.getClientRects().length && !pressed.has(name(node));
  const node = [...document.querySelectorAll("button, summary, [role=button]")].find(isFree);
  node?.click();
  return node ? name(node) : "";
}"""
EVIL = '[data-evil], [href^="javascript:" i], [src^="javascript:" i], [onerror], [onload], [onclick]'


async def watched(page: Page) -> None:
    await page.send("Page.setBypassCSP", enabled=True)
    await page.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)


async def unharmed(page: Page, *, inner: bool = False, wait_ms: int = 120) -> None:
    """No script ran, and nothing of a value is an element; an element's own events come some time after it."""
    await page.evaluate(f"new Promise((done) => setTimeout(done, {wait_ms}))")
    assert await page.evaluate("window.top.__ran ?? []") == []
    assert (
        await page.evaluate(
            f"[...document.querySelectorAll({json.dumps(EVIL)})].map((one) => one.outerHTML)", inner=inner
        )
        == []
    )


async def checked(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def hostile_library(home: Path, root: Path) -> str:
    """A recording all of whose words come from somebody who means harm; returns its id."""
    path = root / f"{MARKUP}.flac"
    shutil.copyfile(SAMPLE, path)
    async with Client(build_server(Settings(home=home, roots=(root,), workers=1))) as client:
        wanted = {"source": str(path), "end_sec": 16, "tags": list(VALUES), "wait_seconds": 0}
        task = await checked(client, "embed_audio", **wanted)
        while task["status"] == "processing":
            task = await checked(client, "get_task", task_id=task["task_id"], wait_seconds=25)
        asset_id = str(task["asset_id"])
        [line, *_] = await sentences(client, asset_id)
        await checked(
            client, "correct_transcript", asset_id=asset_id, old_text=line, new_text=f"oven {' '.join(VALUES)}"
        )
        for number, value in enumerate((MARKUP, QUOTED), 1):
            await checked(client, "name_speaker", asset_id=asset_id, speaker=str(number), name=value)
        other = root / "other.flac"
        shutil.copyfile(SAMPLE, other)
        wanted = {"source": str(other), "start_sec": 40, "end_sec": 44, "title": QUOTED, "wait_seconds": 25}
        await checked(client, "embed_audio", **wanted)
    return asset_id


async def sentences(client: Client, asset_id: str) -> list[str]:
    lines = (await checked(client, "read_transcript", asset_id=asset_id))["lines"]
    texts = [" ".join(line["text"].split()[:4]) for line in lines]
    return [text for text in texts if texts.count(text) == 1 and len(text.split()) == 4]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    folder = tmp_path_factory.mktemp("hostile")
    home, root = folder / "home", folder / "recordings"
    root.mkdir()
    return home, root, anyio.run(hostile_library, home, root)


async def test_no_value_of_a_library_runs_as_a_script_on_any_view_of_the_page(hostile: tuple[Path, Path, str]) -> None:
    home, root, asset_id = hostile
    evil = quote(MARKUP)
    addresses = (
        "",
        "#/?q=oven",
        f"#/?q={evil}",
        f"#/?q=oven&tags={evil}&speakers={quote(QUOTED)}&title={evil}&sounds={evil}&language={evil}",
        f"#/?like={evil}",
        f"#/recording/{asset_id}?t=3&q={evil}",
        f"#/recording/{evil}",
        f"#/{LINK}",
        f"#{MARKUP}",
        f"#/recording/{asset_id}",
    )
    async with serving(home, root) as url, chromium() as browser:
        page = await browser.open(1200, 800)
        await watched(page)
        seen = ""
        for address in addresses:
            await page.go("about:blank")
            await page.go(url + address)
            await page.until('document.querySelector("#library-count")?.textContent')
            await page.evaluate("new Promise((done) => setTimeout(done, 700))")
            await unharmed(page)
            seen += str(await page.evaluate("document.body.innerText + document.body.innerHTML"))
            await press_all(page)
            seen += str(await page.evaluate("document.body.innerText + document.title"))
        for value in VALUES:
            assert value in seen, f"{value} did not reach the page, so this test shows nothing"
        assert not [asked for asked in page.requested if asked.endswith(("/x", "javascript:"))]


async def press_all(page: Page) -> None:
    """Press whatever can be pressed, once each: what a press opens is pressed too.

    Scripts are counted until the page is left, so that a press need not wait for those that come of it; the last does.
    """
    pressed: set[str] = set()
    for _ in range(40):
        name = await page.evaluate(f"({PRESS})({json.dumps(sorted(pressed))})")
        if not name:
            await unharmed(page)  # what is fetched may have brought more to press
            name = await page.evaluate(f"({PRESS})({json.dumps(sorted(pressed))})")
        if not name:
            return
        pressed.add(name)
        await unharmed(page, wait_ms=20)
        assert "about:blank" not in await page.evaluate("location.href")
    await unharmed(page)


async def test_no_value_of_a_library_runs_as_a_script_in_the_player_of_a_host(hostile: tuple[Path, Path, str]) -> None:
    home, root, _ = hostile
    async with Client(build_server(Settings(home=home, roots=(root,), workers=1))) as client, chromium() as browser:
        page = await browser.open()
        await watched(page)
        host = Host(page, client)
        await host.show()
        for query in ("oven", MARKUP, QUOTED):
            await host.search(query=query)
            await page.until('document.querySelector("main")?.textContent.includes("oven")', inner=True)
            await unharmed(page, inner=True)
        assert MARKUP in await page.evaluate("document.body.innerText", inner=True)
        assert not [asked for asked in page.requested if asked.endswith("/x")]


async def test_the_watch_of_these_tests_sees_a_script_that_runs() -> None:
    async with chromium() as browser:
        page = await browser.open()
        await watched(page)
        await page.set_content(f"<body>{MARKUP}</body>")
        await page.evaluate(f"(document.body ?? document.documentElement).innerHTML = {json.dumps(MARKUP)}")
        await page.until("window.__ran")
        with pytest.raises(AssertionError):
            await unharmed(page)
