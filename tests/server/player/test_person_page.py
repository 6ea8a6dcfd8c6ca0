"""A person works with the page by clicks and keys, over real recordings."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import anyio
import pytest
from browser import CHROMIUM, WHY_NOT, Page
from stage import LONG_TITLE, Stage

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
OPEN = 'document.querySelector("#recording .script .say")'
STATUS = 'document.querySelector("#status").textContent'
HASH = "decodeURIComponent(location.hash)"


def texts(selector: str) -> str:
    return f"[...document.querySelectorAll({json.dumps(selector)})].map((node) => node.innerText)"


async def open_recording(page: Page, title: str) -> str:
    """Click a recording in the library; returns its id."""
    await page.click(f".entry[title^={json.dumps(title)}]")
    await page.until(f'{OPEN} && document.querySelector("#recording h2").textContent.startsWith({json.dumps(title)})')
    return str(await page.evaluate("location.hash.match(/recording\\/([^?]+)/)[1]"))


def test_a_recording_opens_with_its_sound_its_time_line_and_its_words(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            asset_id = await open_recording(page, "standup")
            await page.until('document.querySelector(".timeline .bars").getAttribute("d").length > 1000')
            assert await page.evaluate('document.querySelectorAll(".band .voice").length') >= 5
            assert set(await page.evaluate(texts(".legend span"))) >= {"other sound"}
            assert len(await page.evaluate(texts(".speakers li"))) == 3
            colours = (
                'new Set([...document.querySelectorAll(".script .who")].map((who) => getComputedStyle(who).color)).size'
            )
            assert await page.evaluate(colours) == 3
            # Chapters lead to their beginnings.
            await page.click(".chapters li:nth-child(2) button")
            start = "Number(document.querySelector('.chapters li:nth-child(2)').style.left.replace('%', '')) / 100"
            wave = 'document.querySelector(".player .wave")'
            await page.until(f"Math.abs({wave}.ariaValueNow - {start} * {wave}.ariaValueMax) < 3")
            # A click on a sentence plays from there, and the words follow the sound.
            line = (
                '[...document.querySelectorAll(".script li")].findIndex((line) => line.innerText.includes("telephone"))'
            )
            number = await page.evaluate(line)
            await page.click(f".script li:nth-child({number + 1}) .say")
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Pause"')
            await page.until('document.querySelector(".script [aria-current]")?.innerText.includes("telephone")')
            await page.until('document.querySelector(".player .wave").getAttribute("aria-valuenow") > 34.6')
            await page.press(" ")
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Play"')
            assert await page.evaluate(f"{HASH}.startsWith('#/recording/{asset_id}?t=3')")
            # A click into the wave jumps as well.
            await page.click(".player .wave")
            far = "Math.abs(wave.ariaValueNow - wave.ariaValueMax / 2)"
            await page.until(f'((wave) => {far} < 1)(document.querySelector(".player .wave"))')

    stage.run(steps())


def test_an_address_leads_back_to_the_second_and_the_question(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            asset_id = await open_recording(page, "standup")
            await page.write(".here input", "which street does the map show")
            await page.press("Enter")
            await page.until('document.querySelector(".hits button")')
            await page.click(".hits button")
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Pause"')
            await page.click(".player .play")
            address = await page.evaluate("location.hash")
        async with stage.page(address) as page:
            await page.until('document.querySelector(".hits button")')
            assert (
                await page.evaluate('document.querySelector(".here input").value') == "which street does the map show"
            )
            await page.until('Math.abs(document.querySelector(".player .wave").getAttribute("aria-valuenow") - 13) < 3')
            assert "map" in (await page.evaluate(texts(".script .is-hit")))[0]
            assert await page.evaluate('document.querySelectorAll(".marks i").length') > 0
            assert asset_id in await page.evaluate("location.hash")
        # The words of the second are in sight, below the player that stays above them.
        async with stage.page(f"#/recording/{asset_id}?t=70", height=500) as page:
            await page.until('document.querySelector(".script [aria-current]")')
            place = "((part) => document.querySelector(part).getBoundingClientRect())"
            line, player = f'{place}(".script [aria-current]")', f'{place}(".player")'
            await page.until('document.querySelector(".chapters button")')
            await page.until(f"{line}.top >= {player}.bottom && {line}.bottom < innerHeight")
        async with stage.page("#/recording/a_nobody") as page:
            await page.until('document.querySelector("#recording").innerText.includes("no such recording")')
            page.complaints.clear()  # the browser logs the status 404

    stage.run(steps())


def test_titles_and_tags_are_changed_and_the_library_shows_them(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await open_recording(page, "field-log")
            await page.click(".heading button")
            await page.write(".heading input", "River log")
            await page.press("Enter")
            await page.until('document.querySelector(".heading h2")?.textContent === "River log"')
            await page.until('document.querySelector("#library-list").innerText.includes("River log")')
            await page.write(".tags input", "Water")
            await page.press("Enter")
            await page.until('document.querySelector(".tags").innerText.includes("water")')
            await page.until('document.querySelector("#library-list").innerText.includes("field, water")')
            await page.click('.tags [aria-label="Take the tag field away"]')
            await page.until('!document.querySelector(".tags").innerText.includes("field")')
        async with stage.page("#/?tags=water") as page:
            await page.until(f'{texts("#library-list .title")}.join() === "River log"')
            await page.click("#options-clear")
            await page.until('document.querySelectorAll("#library-list .entry").length >= 3')

    stage.run(steps())


def test_a_sentence_is_corrected_in_place_found_and_taken_back(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await open_recording(page, "standup")
            await page.click(".script li:first-child .say")
            await page.press(" ")
            await page.press("e")
            await page.write(".correction textarea", "Good morning everyone, the zeppelins <b> are coming at noon.")
            await page.press("Enter")
            await page.until('document.querySelector(".script li").innerText.includes("zeppelins <b>")')
            assert "corrected" in await page.evaluate('document.querySelector(".script li").innerText')
            # The mark and the button stand beside the sentence, not below it.
            parts = "['.say', '.corrected', '.edit'].map((part) => document.querySelector(`.script li ${part}`))"
            tops = await page.evaluate(f"{parts}.map((part) => part.offsetTop)")
            assert max(tops) - min(tops) < 16
            await page.write("#question", "zeppelins are coming")
            await page.until('document.querySelector(".clip .said")?.innerText.includes("zeppelins")')
            await page.click("#notices button")
            await page.evaluate("history.back()")
            await page.until('document.querySelector(".script li")?.innerText.includes("visitors are coming")')

    stage.run(steps())


# Notes which tools the page calls.
TOOLS_CALLED = """(() => {
  const plain = window.fetch;
  window.tools = [];
  window.fetch = (path, request) => {
    window.tools.push(JSON.parse(request?.body || "{}").params?.name);
    return plain(path, request);
  };
})()"""


def test_a_sentence_is_erased_for_good_once_that_is_confirmed(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page(script=TOOLS_CALLED) as page:
            await open_recording(page, LONG_TITLE)
            first, dialog = texts(".script li") + "[0]", 'document.querySelector(".erasure").open'
            words = await page.evaluate('document.querySelector(".script .text").textContent')
            for answer in (".erasure form > button:not(.danger)", ".erasure .danger"):
                await page.click(".script li:first-child .say")
                await page.press(" ")
                await page.press("e")
                await page.click(".correction .danger")
                await page.until(dialog)
                said = await page.evaluate('document.querySelector(".erasure").innerText')
                assert words in said
                assert "never come back" in said
                assert not await page.evaluate('window.tools.includes("get_clip")')
                await page.click(answer)
                await page.until(f"!({dialog})")
                if "not" in answer:  # kept
                    await page.click(".correction .plain:not(.danger)")
                    assert words in await page.evaluate(first)
            await page.until(f'{first}.includes("[erased]")')
            await page.until('document.querySelector("#notices").innerText.includes("was not touched")')
            # What is left can't be corrected, and its sound is no longer that of the file.
            await page.click(".script li:first-child .say")
            await page.until('window.tools.includes("get_clip")')
            await page.press(" ")
            await page.press("e")
            assert not await page.evaluate('document.querySelector(".is-erased :is(.edit, .correction)")')
            await page.write("#question", words)
            await page.until(f'{STATUS} && !{STATUS}.startsWith("Searching")')
            assert words not in await page.evaluate('document.querySelector("#clips").innerText')
            # Any part is named by its times.
            await page.evaluate("history.back()")
            await page.click(".actions [type=button]:nth-last-child(2)")
            await page.write('.erasure [aria-label="Erase from"]', "0:09")
            await page.write('.erasure [aria-label="Erase to"]', "8")
            assert await page.evaluate('document.querySelector(".erasure .danger").disabled')
            await page.write('.erasure [aria-label="Erase to"]', "0:12.5")
            await page.click(".erasure .danger")
            await page.until('document.querySelectorAll(".script .is-erased").length === 2')

    stage.run(steps())


def test_a_speaker_is_named_and_searched_by_that_name(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await open_recording(page, "standup")
            await page.click(".speakers li:nth-child(3) button")
            await page.write(".speakers input", "Ann <i>")
            await page.press("Enter")
            await page.until('document.querySelector(".script")?.innerText.includes("Ann <i>")')
            assert "Speaker 3" not in await page.evaluate('document.querySelector("#recording").innerText')
        async with stage.page() as page:
            await page.until('document.querySelector("#speaker-names option")?.value === "Ann <i>"')
            await page.write("#question", "the map shows the wrong street")
            await page.write("[name=speakers]", "Ann <i>")
            await page.press("Enter")
            await page.until(f'{STATUS}.includes("by Ann <i>")')
            assert set(await page.evaluate(texts(".clip .said b"))) == {"Ann <i>"}

    stage.run(steps())


def test_what_is_deleted_comes_back_by_undo_and_stays_when_the_page_is_closed(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await open_recording(page, "standup")
            await page.click(".actions .danger")
            await page.until('!document.querySelector("#library-list").innerText.includes("standup")')
            await page.click("#notices button")
            await page.until(OPEN)
            assert "standup" in await page.evaluate('document.querySelector("#library-list").innerText')
            await page.click(".actions .danger")
            await page.until('document.querySelector("#notices button")')
        async with stage.page() as page:
            await open_recording(page, "standup")

    stage.run(steps())


def test_sound_and_subtitles_are_saved_as_files(stage: Stage, tmp_path: Path) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await open_recording(page, "standup")
            where = {"behavior": "allow", "downloadPath": str(tmp_path)}
            await page.send("Page.setDownloadBehavior", **where)
            await page.click(".saves summary")
            for number in (1, 2, 3, 4):
                await page.click(f".saves li:nth-child({number}) a")
            with anyio.fail_after(20):
                while len(done := [path for path in tmp_path.iterdir() if path.suffix != ".crdownload"]) < 4:
                    await anyio.sleep(0.05)
            by_suffix = {path.suffix: path.read_bytes() for path in done}
            assert by_suffix[".flac"][:4] == b"fLaC"
            assert by_suffix[".vtt"].startswith(b"WEBVTT")
            assert b" --> " in by_suffix[".srt"]
            assert b'title: "standup"' in by_suffix[".md"]

    stage.run(steps())


def test_a_search_is_filtered_says_why_and_leads_on(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page() as page:
            await page.write("#question", "the map shows the wrong street")
            await page.until('document.querySelector(".clip .said")?.innerText.includes("map")')
            # Why: the parts of the score.
            await page.click(".clip .why")
            reasons = await page.evaluate('document.querySelector(".reasons").innerText')
            assert "holds the words" in reasons
            assert "means the same" in reasons
            # The sentence of the clip is marked in its transcript, and not the one before.
            await page.click(".clip .more")
            await page.until('document.querySelector(".transcript .is-clip")')
            assert "map" in (await page.evaluate(texts(".transcript .is-clip")))[0]
            # Filters narrow it, and stand in the address.
            await page.evaluate('document.querySelector("[name=tags]").focus()')
            await page.press("w")
            await page.until(f'{STATUS}.includes("with the tag work")')
            assert set(await page.evaluate(texts(".clip .title"))) == {"standup"}
            await page.write("[name=speakers]", "Speaker 2")
            await page.press("Enter")
            await page.until(f'{STATUS}.includes("by Speaker 2")')
            assert {"Speaker 2"} == set(await page.evaluate(texts(".clip .said b")))
            assert "tags=work" in await page.evaluate("location.hash")
            # A clip leads to its recording at its second, with the question; and back.
            await page.click(".clip a.title")
            await page.until('document.querySelector(".hits button")')
            assert "q=the map" in (await page.evaluate(HASH)).replace("+", " ")
            await page.evaluate("history.back()")
            await page.until('document.querySelector(".clip") && !document.querySelector("#results").hidden')
            # More like this.
            await page.click("#options-clear")
            await page.until(f'!{STATUS}.includes("Speaker 2")')
            await page.click(".clip .like")
            await page.until(f'{STATUS}.includes("like the example")')
            assert "like=c_" in await page.evaluate("location.hash")
        async with stage.page("#/?q=the+map&modality=speech") as page:
            await page.until(f'{STATUS}.includes("in speech")')
            await page.evaluate('document.querySelector("[name=modality]").focus()')
            assert await page.evaluate("document.activeElement.value") == "speech"
            await page.press("ArrowDown")
            await page.until(f'{HASH}.includes("modality=sound")')
            await page.evaluate('document.querySelector("[name=added_after]").focus()')
            for digit in "01012999":
                await page.press(digit)
            await page.until(f'{HASH}.includes("added_after=2999-01-01")')
            await page.until('!document.querySelector("#empty").hidden && !document.querySelector(".clip")')

    stage.run(steps())


def tone() -> bytes:
    """Two seconds of a tone as an AU file, which the engine reads and browsers don't."""
    samples = b"".join((3000 * (-1) ** (n // 9)).to_bytes(2, "big", signed=True) for n in range(16000))
    return struct.pack(">4s5I", b".snd", 24, len(samples), 3, 8000, 1) + samples


def test_an_upload_is_confirmed_whatever_is_typed(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "tone.au").write_bytes(tone())

    async def steps() -> None:
        async with stage.page() as page:
            await page.write("#question", "the map shows the wrong street")
            await page.until('document.querySelector(".clip")')
            root = (await page.send("DOM.getDocument"))["root"]["nodeId"]
            field = (await page.send("DOM.querySelector", nodeId=root, selector="#library-files"))["nodeId"]
            await page.send("DOM.setFileInputFiles", nodeId=field, files=[str(tmp_path / "tone.au")])
            await page.until('document.querySelector("#notices")?.innerText.includes("“tone” is in the library")')
            await page.click("#notices a")
            await page.until('document.querySelector("#recording h2")?.textContent === "tone"')
            await page.until('document.querySelector("#recording").innerText.includes("No words were recognised")')
            # The browser can't play the file, so it is played in pieces.
            await page.click(".player .play")
            await page.until('document.querySelector(".player .wave").ariaValueNow > 0.3')
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Play"')
            await page.click(".actions .danger")
            await page.click("#notices [aria-label^=Dismiss]")
            await page.until('document.querySelector("#library-count").textContent.startsWith("3 ")')
        async with stage.page() as page:
            await page.until('document.querySelector("#library-list .entry")')
            assert "tone" not in await page.evaluate('document.querySelector("#library-list").innerText')

    stage.run(steps())


def test_everything_is_reached_by_keys(stage: Stage) -> None:
    focus = "document.activeElement"

    async def steps() -> None:
        async with stage.page() as page:
            await page.until('document.querySelector("#library-list .entry")')
            await page.press("Escape")
            await page.press("/")
            assert await page.evaluate(f"{focus}.id") == "question"
            await page.send("Input.insertText", text="the visitors are coming")
            await page.press("Enter")
            await page.until('document.querySelector(".clip a.title")')
            await page.press("Escape")
            await page.press("j")
            assert await page.evaluate(f"{focus}.closest('.clip') === document.querySelector('.clip')")
            assert await page.evaluate(f"getComputedStyle({focus}).outlineStyle") == "solid"
            await page.press("j")
            await page.press("k")
            await page.press(" ")
            await page.until('document.querySelector(".clip .play").getAttribute("aria-label").startsWith("Pause")')
            await page.press(" ")
            await page.until('document.querySelector(".clip .play").getAttribute("aria-label").startsWith("Play")')
            await page.press("Enter")
            await page.until(OPEN)
            await page.press("j")
            await page.press("j")
            assert await page.evaluate(f"{focus}.closest('li') === document.querySelectorAll('.script li')[1]")
            await page.press("Enter")
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Pause"')
            await page.press(" ")
            await page.until('document.querySelector(".player .play").getAttribute("aria-label") === "Play"')
            await page.press("Escape")
            await page.until('document.querySelector(".clip") && !document.querySelector("#results").hidden')
            await page.press("l")
            assert await page.evaluate(f"{focus}.className") == "entry"
            await page.press("?")
            await page.until('document.querySelector("#keys").open')
            await page.click("#keys-on")
            await page.press("Escape")
            await page.press("/")
            assert await page.evaluate(f"{focus}.id") != "question"
            await page.evaluate("localStorage.clear()")

    stage.run(steps())


def test_a_phone_shows_the_search_first_and_long_titles_in_two_lines(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page(width=390, height=800) as page:
            await page.until('document.querySelector("#library-list .entry")')
            assert await page.evaluate('document.querySelector("#question").getBoundingClientRect().top') < 100
            assert not await page.evaluate('document.querySelector("#library details").open')
            await page.click("#library summary")
            title = f'.entry[title="{LONG_TITLE}"] .title'
            size = "((node) => [node.clientHeight, node.scrollWidth - node.clientWidth])"
            height, overflow = await page.evaluate(f"{size}(document.querySelector({title!r}))")
            assert 30 < height < 50
            assert overflow == 0
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            await open_recording(page, "standup")
            assert not await page.evaluate('document.querySelector("#library details").open')
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390

    stage.run(steps())


# What the server answers of a task of an hour's sound that is done at 60 times its speed, as the page sees it.
UNDER_WAY = """(() => {
  const began = Date.now();
  const plain = window.fetch;
  window.fetch = async (path, request) => {
    const response = await plain(path, request);
    const { params } = JSON.parse(request.body || "{}");
    if (!params || !["list_audio", "get_task"].includes(params.name)) return response;
    const answer = JSON.parse((await response.text()).match(/{.*}/s)[0]);
    const content = answer.result.structuredContent;
    if (params.name === "list_audio") Object.assign(content.assets[0], { status: "processing", task_id: "t_1" });
    else answer.result.structuredContent = {
      task_id: "t_1", status: "processing", asset_id: window.first, stage: "embedding", audio_seconds: 3600,
      progress: 0.1 + (Date.now() - began) / 60000,
    };
    if (content?.assets) window.first = content.assets[0].asset_id;
    return new Response(JSON.stringify(answer), { headers: { "Content-Type": "application/json" } });
  };
})()"""


def test_a_task_tells_its_speed_and_the_time_that_is_left(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page(script=UNDER_WAY) as page:
            facts = 'document.querySelector("#library-list .facts").textContent'
            await page.until(f'{facts}.includes("times as fast as it plays")')
            said = await page.evaluate(facts)
            assert re.fullmatch(
                r"embedding \d+ % · (5[5-9]|6[0-5]) times as fast as it plays, about \d+ (s|min) left", said
            )
            assert await page.evaluate('document.querySelector("#library-list progress").value') > 0.1

    stage.run(steps())


# A list of pages of one recording, of which the next comes only by a click; the first has a namesake.
SHORT_PAGES = """(() => {
  const plain = window.fetch;
  window.IntersectionObserver = class { observe() {} unobserve() {} disconnect() {} };
  window.fetch = async (path, request) => {
    const { method, id, params } = JSON.parse(request?.body || "{}");
    if (params?.name !== "list_audio") return plain(path, request);
    params.arguments.page_limit = 1;
    const response = await plain(path, { ...request, body: JSON.stringify({ jsonrpc: "2.0", id, method, params }) });
    const answer = JSON.parse((await response.text()).match(/{.*}/s)[0]);
    if (params.arguments.page === 1) answer.result.structuredContent.assets[0].origin = "june";
    return new Response(JSON.stringify(answer), { headers: { "Content-Type": "application/json" } });
  };
})()"""


def test_the_list_tells_namesakes_apart_and_stays_as_long_as_it_was_when_something_changes(stage: Stage) -> None:
    async def steps() -> None:
        async with stage.page(script=SHORT_PAGES) as page:
            entries, titles = 'document.querySelectorAll("#library-list .entry").length', texts("#library-list .title")
            await page.until(f"{entries} === 1")
            title = (await page.evaluate(titles))[0]
            assert title.endswith(" (june)")
            await page.click("#library-more")
            await page.until(f"{entries} === 2")
            await page.click(".entry")
            await page.until('document.querySelector(".heading button")')
            await page.click(".heading button")
            await page.write(".heading input", "Another name")
            await page.press("Enter")
            await page.until(f'{titles}[0] === "Another name (june)"')
            assert await page.evaluate(entries) == 2
            await page.click(".heading button")
            await page.write(".heading input", title.removesuffix(" (june)"))
            await page.press("Enter")
            await page.until(f"{titles}[0] === {json.dumps(title)}")

    stage.run(steps())
