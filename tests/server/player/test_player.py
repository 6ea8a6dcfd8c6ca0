"""The player in an agent host, in a real browser, over a real library."""

from __future__ import annotations

from typing import Any

from stage import Stage

SLIDER = 'document.querySelector("[role=slider]")'
QUESTION = "the sky is still dark"


async def test_the_clips_of_a_search_are_shown_with_their_ranges_and_their_sound(shown: Any) -> None:
    async with shown() as (host, page):
        await host.search(query=QUESTION)
        await page.until(SLIDER, inner=True)
        rows = await page.evaluate('[...document.querySelectorAll(".clip")].map((each) => each.innerText)', inner=True)
        assert "field-log" in rows[0]
        assert "dark" in rows[0]
        ranges = (
            '[...document.querySelectorAll(".range")].map((each) => [each.x.baseVal.value, each.width.baseVal.value])'
        )
        for start, width in await page.evaluate(ranges, inner=True):
            assert 0 <= start < 1000
            assert 0 < width <= 1000
        assert set(host.calls) == {"get_clip"}
        assert page.complaints == []
        assert page.requested == []


async def test_playing_moves_from_the_start_of_the_range_and_stops(shown: Any) -> None:
    async with shown() as (host, page):
        await host.search(query=QUESTION, top_k=1)
        await page.until(SLIDER, inner=True)
        start = float(await page.evaluate(f'{SLIDER}.getAttribute("aria-valuenow")', inner=True))
        await page.evaluate('document.querySelector(".play").click()', inner=True)
        await page.until(f'{SLIDER}.getAttribute("aria-valuenow") > {start} + 0.2', inner=True)
        names = await page.accessible(inner=True)
        assert any(role == "button" and name.startswith("Pause field-log") for role, name in names)
        await page.evaluate('document.querySelector(".play").click()', inner=True)
        names = await page.accessible(inner=True)
        assert any(role == "button" and name.startswith("Play field-log") for role, name in names)
        assert page.complaints == []


async def test_it_is_worked_by_keyboard_and_says_what_it_is_to_a_screen_reader(shown: Any) -> None:
    async with shown() as (host, page):
        await host.search(query=QUESTION, top_k=1)
        await page.until(SLIDER, inner=True)
        said = await page.accessible(inner=True)
        assert ("list", "Clips, best first") in said
        named = {role for role, name in said if role in ("button", "slider", "meter") and name}
        assert named == {"button", "slider", "meter"}
        assert not [role for role, name in said if role in ("button", "slider", "meter") and not name]
        focused = "document.activeElement.className"
        for expected in ("play", "wave", "more"):
            await page.press("Tab")
            assert await page.evaluate(focused, inner=True) == expected
        await page.press("Enter")
        await page.until('document.querySelector(".transcript time")', inner=True)
        assert "read_transcript" in host.calls
        await page.evaluate(f"{SLIDER}.focus()", inner=True)
        before = float(await page.evaluate(f'{SLIDER}.getAttribute("aria-valuenow")', inner=True))
        await page.press("ArrowRight")
        after = float(await page.evaluate(f'{SLIDER}.getAttribute("aria-valuenow")', inner=True))
        assert after - before == 1.0


async def test_a_row_in_chat_has_what_a_row_of_the_page_has(shown: Any, stage: Stage) -> None:
    parts = '[...document.querySelector(".clip").querySelectorAll("[class]")].map((part) => part.getAttribute("class"))'
    on_page: set[str] = set()

    async def steps() -> None:
        async with stage.page(f"#/?q={QUESTION}") as page:
            await page.until('document.querySelector(".clip:first-child .wave .bars")')
            on_page.update(await page.evaluate(parts))

    stage.run(steps())
    async with shown() as (host, page):
        await host.search(query=QUESTION, detail="detailed")
        await page.until('document.querySelector(".clip:first-child .wave .bars")', inner=True)
        assert set(await page.evaluate(parts, inner=True)) == on_page
        await page.evaluate('document.querySelector(".like").click()', inner=True)
        await page.until('document.body.innerText.includes("like the example")', inner=True)


async def test_it_takes_the_looks_of_its_host(shown: Any) -> None:
    async with shown(theme="dark", variables={"--color-background-primary": "rgb(1, 2, 3)"}) as (host, page):
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        assert await page.evaluate(ground, inner=True) == "rgb(1, 2, 3)"
        scheme = "getComputedStyle(document.documentElement).colorScheme"
        assert await page.evaluate(scheme, inner=True) == "dark"
        await host.notify("ui/notifications/host-context-changed", {"theme": "light"})
        await page.until(f'{scheme} === "light"', inner=True)
        await host.search(query=QUESTION)
        await page.until("window.sizes.some((size) => size.height > 150)")


async def test_an_empty_answer_and_a_refusal_are_told(shown: Any) -> None:
    async with shown() as (host, page):
        heading = 'document.querySelector("#empty:not([hidden]) h2")?.textContent ?? ""'
        nothing = {
            "structuredContent": {"clips": [], "query": "whales", "next_step": "Try other words."},
            "content": [],
        }
        await host.notify("ui/notifications/tool-result", nothing)
        await page.until(f'({heading}).includes("whales")', inner=True)
        await host.search(query="x", asset_ids=["nothing"])
        await page.until('document.querySelector("#empty p").textContent.includes("There is no recording")', inner=True)
        await host.notify("ui/notifications/tool-cancelled", {"reason": "by the person"})
        await page.until('document.querySelector("#status").textContent.includes("by the person")', inner=True)
        await page.evaluate('window.ask("bye", "ui/resource-teardown", {})')
        await page.until('window.heard.some((each) => each.id === "bye" && each.result)')


async def test_without_calls_to_the_server_the_words_are_still_there(shown: Any) -> None:
    async with shown(may_call=False) as (host, page):
        await host.search(query=QUESTION)
        await page.until('document.querySelector(".said")', inner=True)
        assert host.calls == []
        assert await page.evaluate('document.querySelector(".play").disabled', inner=True)
        assert not await page.evaluate('Boolean(document.querySelector(".wave"))', inner=True)


async def test_words_of_a_recording_are_shown_as_words(shown: Any) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    clip = {"clip_id": "c", "asset_id": "a", "title": evil, "start_sec": 1, "end_sec": 2, "time_range": "00:01-00:02"}
    found = {"clips": [{**clip, "score": 0.5, "text": evil}], "query": evil}
    async with shown() as (host, page):
        await host.notify("ui/notifications/tool-result", {"structuredContent": found, "content": []})
        await page.until('document.querySelector(".wave p")?.textContent.includes("There is no recording")', inner=True)
        assert await page.evaluate('document.querySelector(".title").textContent', inner=True) == evil
        assert await page.evaluate('document.querySelectorAll("main img, main script").length', inner=True) == 0
        assert page.complaints == []
        assert page.requested == []
