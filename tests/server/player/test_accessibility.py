"""Every view of the page, in both themes, has nothing that axe objects to (WCAG 2.2 AA and its best practices)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, WHY_NOT, Page, chromium
from http_server import serving
from stage import Stage, open_hour

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci --prefix tests/server/player/axe"),
]
QUESTION = "the map shows the wrong street"


async def violations(page: Page, *, inner: bool = False) -> list[str]:
    """Return what axe objects to: rule and places."""
    if not await page.evaluate("Boolean(window.axe)", inner=inner):
        await page.evaluate(AXE.read_text(encoding="utf-8") + ";0", inner=inner)
    options = {"runOnly": TAGS, "resultTypes": ["violations"]}
    place = "({ html, failureSummary }) => `${html.slice(0, 150)} ${failureSummary}`"
    rule = f"({{ id, nodes }}) => `${{id}}: ${{nodes.map({place}).join('; ')}}`"
    code = f"axe.run(document, {json.dumps(options)}).then(({{ violations }}) => violations.map({rule}))"
    said = await page.evaluate(code, inner=inner)
    return [str(one) for one in said]


async def result(page: Page) -> None:
    await page.until('document.querySelector(".clip .wave svg")')
    for fold in ("why", "more", "along"):
        await page.click(f".clip .{fold}")
    await page.until('document.querySelector(".strip [aria-current]") && document.querySelector(".transcript time")')


async def recording(page: Page) -> None:
    await page.click('.entry[title="standup"]')
    await page.until('document.querySelector(".timeline .bars")?.getAttribute("d").length > 1000')
    await page.write(".here input", QUESTION)
    await page.press("Enter")
    await page.until('document.querySelector(".hits button")')
    await page.click(".saves summary")


async def forms(page: Page) -> None:
    await recording(page)
    await page.click(".saves summary")
    await page.click(".script li:nth-child(2) .say")
    await page.press(" ")
    await page.press("e")
    await page.click(".heading button")
    await page.click(".speakers button")
    await page.until('document.querySelector(".speakers input")')


async def notice(page: Page) -> None:
    await recording(page)
    await page.click(".actions .danger")
    await page.until('document.querySelector(".notice button")')


async def erasure(page: Page) -> None:
    await recording(page)
    await page.click(".actions > button:nth-last-child(2)")
    await page.until('document.querySelector(".erasure").open')


async def keys(page: Page) -> None:
    await page.click("#keys-open")


async def filters(page: Page) -> None:
    if await page.evaluate("!document.querySelector('#options').open"):
        await page.click("#options > summary")
    await page.click("#options-more summary")
    await page.until('document.querySelector("#options-more").open')


async def library(page: Page) -> None:
    await page.click("#library summary")


VIEWS: list[tuple[str, str, int, Callable[[Page], Awaitable[None]]]] = [
    ("results", f"#/?q={QUESTION}", 1200, result),
    ("results on a phone", f"#/?q={QUESTION}", 390, result),
    ("a recording", "", 1200, recording),
    ("forms", "", 1200, forms),
    ("notice", "", 1200, notice),
    ("erasing", "", 1200, erasure),
    ("keys", "", 1200, keys),
    ("filters on a phone", "", 390, filters),
    ("library on a phone", "", 390, library),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_objects_to_nothing_on_the_page(stage: Stage, scheme: str) -> None:
    objections: list[str] = []

    async def steps() -> None:
        for name, address, width, prepare in VIEWS:
            async with stage.page(address, width, 800, scheme) as page:
                await page.until('document.querySelector("#library-list .entry")')
                await prepare(page)
                objections.extend(f"{name}: {one}" for one in await violations(page))

    stage.run(steps())
    assert not objections, "\n".join(objections)


LARGE_VIEWS = [("a library of 200", 1200, False), ("an hour", 1200, True), ("an hour on a phone", 390, True)]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_objects_to_nothing_in_a_large_library(large_stage: Stage, scheme: str) -> None:
    objections: list[str] = []

    async def steps() -> None:
        for name, width, is_hour in LARGE_VIEWS:
            async with large_stage.page("", width, 800, scheme) as page:
                await page.until('document.querySelector("#library-list .entry")')
                if is_hour:
                    await open_hour(page)
                objections.extend(f"{name}: {one}" for one in await violations(page))

    large_stage.run(steps())
    assert not objections, "\n".join(objections)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_objects_to_nothing_where_a_token_is_asked_for(tmp_path: Path, scheme: str) -> None:
    given = {"SOUNDBITE_HTTP_TOKENS": "ann=a-token-for-the-page"}
    async with serving(tmp_path / "home", tmp_path, **given) as url, chromium() as browser:
        page = await browser.open(900, 700, scheme)
        await page.go(url)
        await page.until('document.activeElement?.id === "bearer"')
        assert not (objections := await violations(page)), "\n".join(objections)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_objects_to_nothing_in_the_player_of_a_host(shown: Any, scheme: str) -> None:
    async with shown(theme=scheme) as (host, page):
        await host.search(query="the sky is still dark", detail="detailed")
        await page.until('document.querySelector(".clip .wave svg")', inner=True)
        for fold in ("why", "more"):
            await page.evaluate(f'document.querySelector(".{fold}").click()', inner=True)
        await page.until('document.querySelector(".transcript time")', inner=True)
        assert not (objections := await violations(page, inner=True)), "\n".join(objections)
