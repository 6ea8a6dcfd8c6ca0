"""A library of 200 recordings and a recording of an hour, worked by clicks, keys and the wheel."""

from __future__ import annotations

import pytest
from browser import CHROMIUM, WHY_NOT
from stage import Stage, open_hour

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT), pytest.mark.slow]
ENTRIES = 'document.querySelectorAll("#library-list .entry").length'
NODES = 'document.querySelectorAll("*").length'
NOW = 'document.querySelector(".script [aria-current]")'
IS_READ = f"""((now, player) => {{
  const [line, above] = [now?.getBoundingClientRect(), player?.getBoundingClientRect()];
  return line && line.top >= above.bottom - 1 && line.bottom <= innerHeight;
}})({NOW}, document.querySelector(".player"))"""
SECOND = 'Number(document.querySelector(".player .wave").ariaValueNow)'


def test_a_list_of_200_comes_as_one_scrolls_and_is_searched(large_stage: Stage) -> None:
    async def steps() -> None:
        async with large_stage.page() as page:
            await page.until(f"{ENTRIES} === 50")
            assert "201 recordings" in await page.evaluate('document.querySelector("#library-count").textContent')
            while await page.evaluate(f"{ENTRIES} < 201"):
                shown = await page.evaluate(ENTRIES)
                await page.wheel("#library", 100_000)
                await page.until(f"{ENTRIES} > {shown}")
            # The list scrolls by itself: the search stays where it is.
            assert await page.evaluate("scrollY") == 0
            assert await page.evaluate('document.querySelector("#question").getBoundingClientRect().top') < 100
            lines = "[...document.querySelectorAll('.entry .title')].map((title) => title.clientHeight)"
            assert max(await page.evaluate(lines)) < 50
            await page.write("#library-find", "Ibáñez")
            await page.until(f"{ENTRIES} === 25")

    large_stage.run(steps())


def test_an_hour_is_read_at_once_followed_and_left(large_stage: Stage) -> None:
    async def steps() -> None:
        async with large_stage.page(height=500) as page:
            await open_hour(page)
            # Seven people, told apart by colour; chapters beside each other.
            names = '[...document.querySelectorAll(".speakers li")]'
            assert await page.evaluate(f"new Set({names}.map((item) => getComputedStyle(item).color)).size") == 7
            boxes = "[...document.querySelectorAll('.chapters li')].map((item) => item.getBoundingClientRect())"
            assert await page.evaluate(f"{boxes}.every((box, at, all) => !at || box.left >= all[at - 1].right - 1)")
            # A click into the middle of the wave shows what is said there, below the player.
            await page.click(".player .wave")
            await page.until(f"Math.abs({SECOND} - 1800) < 10 && {IS_READ}")
            # The words scroll with the sound ...
            await page.click(".script li:nth-child(100) .say")
            await page.until('document.querySelector(".player .play").ariaLabel === "Pause"')
            await page.evaluate("window.begun = scrollY")
            await page.until(f"scrollY > begun + 20 && {IS_READ}")
            # ... until somebody scrolls away, and again when that is wanted.
            while await page.evaluate(IS_READ):
                await page.wheel(".script", -1000)
            await page.click(".controls .more")
            await page.until(IS_READ)
            await page.press(" ")
            await page.until('document.querySelector(".player .play").ariaLabel === "Play"')
            await page.click(".script li:last-child .say")
            await page.until(f"{SECOND} > 3500 && {IS_READ}")
            # What is corrected far from there stays in sight.
            line = ".script li:nth-child(40)"
            await page.click(f"{line} .edit")
            await page.write(f"{line} textarea", "The zeppelin costs more than we were told.")
            await page.press("Enter")
            await page.until(f'document.querySelector("{line}").innerText.includes("zeppelin")')
            await page.until(f'document.activeElement.closest("li") === document.querySelector("{line}")')
            place = await page.evaluate(f'document.querySelector("{line}").getBoundingClientRect().toJSON()')
            assert 0 < place["top"] < place["bottom"] < 500

    large_stage.run(steps())
