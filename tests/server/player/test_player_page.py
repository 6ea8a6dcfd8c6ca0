"""The player at `/` of the HTTP server: a person in a browser, with a token."""

from __future__ import annotations

import base64
import io
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, WHY_NOT, chromium
from http_server import serving

TOKEN = "a-token-for-the-page"


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_person_gives_a_token_asks_and_sees_the_clips(embedded: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(embedded.home, home)
    given = {"SOUNDBITE_HTTP_TOKENS": f"ann={TOKEN}", "SOUNDBITE_HTTP_LIBRARY": "shared"}
    async with serving(home, embedded.root, **given) as url, chromium() as browser:
        page = await browser.open()
        await page.go(url)
        await page.until('document.activeElement?.id === "bearer"')
        # It is said once, and nothing else is there that could not be used.
        assert (await page.evaluate("document.body.innerText")).split("\n\n") == [
            "Soundbite",
            "This server asks for a token, a secret text by which it knows you. Whoever runs the server gives you "
            "yours: it is in the server's setting SOUNDBITE_HTTP_TOKENS, or comes from its sign-in service.",
            "Token\nUse it",
        ]
        wrong = 'document.querySelector("#bearer").value = "a-token-of-nobody";'
        await page.evaluate(f'{wrong} document.querySelector("#token").requestSubmit()')
        await page.until('document.querySelector("#token-why").textContent === "The server does not know this token."')
        given_token = f'document.querySelector("#bearer").value = "{TOKEN}";'
        await page.evaluate(f'{given_token} document.querySelector("#token").requestSubmit()')
        await page.until('document.querySelector("#library-list .entry")')
        await page.evaluate(typed("the sky is still dark"))
        await page.until('document.querySelector("[role=slider]")')
        assert "dark" in await page.evaluate('document.querySelector(".said").textContent')
        asked = {address for address in page.requested if not address.startswith("data:")}
        assert {address.removeprefix(url) for address in asked} <= {"", "mcp", "facets"}
        # The first call went without a token; nothing else was refused, no policy broken.
        assert all("401" in each for each in page.complaints)


@asynccontextmanager
async def opened(home: Path, root: Path, *, is_read_only: bool = False) -> AsyncIterator[Any]:
    """The page of a server that asks for no token, in a wide window."""
    async with serving(home, root, is_read_only=is_read_only) as url, chromium() as browser:
        page = await browser.open(width=1200)
        await page.go(url)
        await page.until('document.querySelector("#library-count")?.textContent')
        yield page
        assert page.complaints == []
        # A picture of the browser's own, in a data: address, has no host.
        assert {urlsplit(address).netloc for address in page.requested} <= {urlsplit(url).netloc, ""}


def dropped(name: str, sound: bytes) -> str:
    """Code that drops a file on the page."""
    data = base64.b64encode(sound).decode("ascii")
    return f"""(() => {{
      const bytes = Uint8Array.from(atob("{data}"), (each) => each.charCodeAt(0));
      const given = new DataTransfer();
      given.items.add(new File([bytes], "{name}", {{ type: "audio/wav" }}));
      document.body.dispatchEvent(new DragEvent("drop", {{ dataTransfer: given, bubbles: true, cancelable: true }}));
    }})()"""


def hum() -> bytes:
    """Two seconds of a tone, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join((3000 * (-1) ** (n // 9)).to_bytes(2, "little", signed=True) for n in range(16000)))
    return file.getvalue()


def typed(question: str) -> str:
    """Code that types a question."""
    return f"""(() => {{
      const field = document.querySelector("#question");
      field.value = "{question}";
      field.dispatchEvent(new Event("input"));
    }})()"""


ENTRIES = '[...document.querySelectorAll("#library-list .entry")].map((entry) => entry.innerText)'


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_an_empty_library_says_how_to_fill_it_and_nothing_of_tools(tmp_path: Path) -> None:
    said = 'document.querySelector("#empty").innerText'
    async with opened(tmp_path / "home", tmp_path) as page:
        await page.until(f'{said}.includes("drop files anywhere")')
        await page.evaluate(typed("the ferry"))
        await page.until(
            'document.querySelector("#status").textContent === "" && document.querySelector("#question").value'
        )
        assert await page.evaluate(said) == (
            "The library is empty\n\nAdd recordings with the button, or drop files anywhere on this page."
        )
    async with opened(tmp_path / "other", tmp_path, is_read_only=True) as page:
        await page.until(f'{said}.includes("Nothing was added")')


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_server_that_went_away_is_named(embedded: Any, tmp_path: Path) -> None:
    shutil.copytree(embedded.home, tmp_path / "home")
    async with chromium() as browser:
        page = await browser.open(width=1200)
        async with serving(tmp_path / "home", embedded.root) as url:
            await page.go(url)
            await page.until('document.querySelector("#library-list .entry")')
        await page.evaluate(typed("the ferry"))
        await page.until(
            'document.querySelector("#status.is-error")?.textContent.startsWith("The server can\'t be reached")'
        )


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_question_is_answered_as_it_is_typed(embedded: Any, tmp_path: Path) -> None:
    shutil.copytree(embedded.home, tmp_path / "home")
    async with opened(tmp_path / "home", embedded.root) as page:
        assert "1 recording" in await page.evaluate('document.querySelector("#library-count").textContent')
        assert "field-log" in (await page.evaluate(ENTRIES))[0]
        await page.evaluate(typed("the sky is"))
        await page.evaluate(typed("the sky is still dark"))
        await page.until('document.querySelector(".said")?.textContent.includes("dark")')
        await page.evaluate(typed(""))
        await page.until('document.querySelector("#empty:not([hidden]) h2")?.textContent === "Search the library"')
        assert await page.evaluate('document.querySelectorAll(".clip").length') == 0


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_dropped_file_is_embedded_with_progress_and_a_broken_one_says_why(
    embedded: Any, tmp_path: Path
) -> None:
    shutil.copytree(embedded.home, tmp_path / "home")
    async with opened(tmp_path / "home", embedded.root) as page:
        await page.until('!document.querySelector("#library-add").hidden')
        await page.evaluate(dropped("nothing.wav", b"no sound"))
        await page.evaluate(dropped("hum.wav", hum()))
        await page.until('document.querySelector("#library .is-failed [role=alert]")')
        await page.until('document.querySelector("#library-list")?.innerText.includes("hum")')
        await page.until('document.querySelector("#library-list")?.innerText.includes("00:02")')
        assert "nothing.wav" in await page.evaluate('document.querySelector("#library .is-failed").innerText')
        assert ("list", "Recordings") in await page.accessible()


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_the_scores_of_a_recording_lead_to_its_other_clips(embedded: Any, tmp_path: Path) -> None:
    shutil.copytree(embedded.home, tmp_path / "home")
    async with opened(tmp_path / "home", embedded.root) as page:
        await page.evaluate(typed("loud noise"))
        await page.until('document.querySelector(".along")')
        await page.evaluate('document.querySelector(".along").click()')
        await page.until('document.querySelector(".strip [aria-current]")')
        bars = '[...document.querySelectorAll(".strip button")]'
        lefts = await page.evaluate(f"{bars}.map((each) => each.offsetLeft)")
        assert lefts == sorted(lefts)
        assert await page.evaluate(f"{bars}.filter((each) => each.tabIndex === 0).length") == 1
        before = await page.evaluate('document.querySelector(".clip .time").textContent')
        await page.evaluate(f'{bars}.find((each) => !each.hasAttribute("aria-current")).click()')
        await page.until(f'document.querySelector(".clip .time").textContent !== "{before}"')
        await page.until('document.querySelector(".clip .play").getAttribute("aria-label").startsWith("Pause")')


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
async def test_a_read_only_server_offers_no_adding(embedded: Any, tmp_path: Path) -> None:
    shutil.copytree(embedded.home, tmp_path / "home")
    async with opened(tmp_path / "home", embedded.root, is_read_only=True) as page:
        await page.until('document.querySelector("#library-list .entry")')
        assert await page.evaluate('document.querySelector("#library-add").hidden')
