"""What a person's page shows of a library of 200 recordings and of an hour, and how long they wait for it.

    python bench/libraries/page.py FOLDER [--recordings 200] [--home HOME] [--pictures-only]

The library is made up (talks.py) and written straight into the store; --home keeps it for the next time. The
page is worked in Chromium; its pictures go into FOLDER, to be looked at: wide in both themes, and on a phone. Printed
is the time from the act to the frame that shows it, of the list, of a search, of the words of the hour, of its
waveform and chapters, of jumps in it; how long frames take while one scrolls; how many nodes the page has. Server,
browser and this script share the machine. Exit code 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "server"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "server" / "player"))

from browser import Browser, Page, chromium
from http_server import serving
from libraries.talks import HOUR_SEC, HOUR_TITLE, fill, talks

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs

QUESTION = "who pays for the flood barrier"
LOOKS = {
    "wide": (1280, 860, "light"),
    "dark": (1280, 860, "dark"),
    "phone": (390, 800, "light"),
    "phone-dark": (390, 800, "dark"),
}
ENTRIES = "document.querySelectorAll('#library-list .entry').length"
NODES = "document.querySelectorAll('*').length"
HOUR = f"[...document.querySelectorAll('.entry')].find((entry) => entry.title.startsWith({json.dumps(HOUR_TITLE)}))"
WORDS = "document.querySelectorAll('#recording .script li').length > 100"
CHAPTERS = """document.querySelector('.chapters button')
  && document.querySelector('.timeline .bars').getAttribute('d').length > 1000"""
ASK = """((field) => {{ field.value = {}; field.form.requestSubmit(); }})(document.querySelector({}))"""
ROWS_DRAWN = """document.querySelector('.clip') && [...document.querySelectorAll('.clip .wave')]
  .every((wave) => wave.role || wave.getBoundingClientRect().top > innerHeight)"""
PLACES_SEC = (1800, 3000, 600, 3500, 60, 2400)


async def timed(page: Page, act: str, done: str) -> float:
    """Milliseconds from an act to the frame after the one in which an expression is true."""
    code = f"""(async () => {{
      const frame = () => new Promise(requestAnimationFrame);
      const begun = performance.now();
      {act};
      while (!({done})) await frame();
      await frame();
      return performance.now() - begun;
    }})()"""
    return float(await page.evaluate(code))


def tell(what: str, value: float, unit: str = "ms") -> None:
    """Print one figure."""
    print(f"{what:58}{value:9,.0f} {unit}", flush=True)


def at(seconds: float) -> str:
    """Whether the words of a second are marked and in sight."""
    return f"""((now) => {{ const box = now?.getBoundingClientRect();
      return box && box.top > 0 && box.bottom < innerHeight
        && Math.abs(document.querySelector('.player .wave').ariaValueNow - {seconds}) < 1; }})(
      document.querySelector('.script [aria-current]'))"""


async def measure(page: Page, url: str, count: int) -> None:
    """Work with the list and the hour, and print how long each takes."""
    await page.go(url)
    await page.until(f"{ENTRIES} >= Math.min(50, {count})")
    tell("the first 50 recordings, from opening the page", await page.evaluate("performance.now()"))
    tell("nodes of the page then", await page.evaluate(NODES), "")
    down = "document.querySelector('#library').scrollTo(0, 1e6)"
    tell("all recordings, scrolling down", await timed(page, "", f"({down}, {ENTRIES}) >= {count}"))
    tell("nodes of the page then", await page.evaluate(NODES), "")
    find = f"((field) => {{ field.value = {json.dumps(HOUR_TITLE[:20])}; field.dispatchEvent(new Event('input')); }})"
    tell(
        "a part of a title, typed",
        await timed(page, f"{find}(document.querySelector('#library-find'))", f"{ENTRIES} === 1"),
    )
    ask = ASK.format(json.dumps(QUESTION), "'#question'")
    tell("a question, to its clips", await timed(page, ask, "document.querySelector('.clip')"))
    tell("and to the waveforms in sight", await timed(page, "", ROWS_DRAWN))
    await page.go("about:blank")
    await page.go(url)
    await page.until(f"{ENTRIES} >= Math.min(50, {count})")
    await page.evaluate(f"({find})(document.querySelector('#library-find'))")
    await page.until(HOUR)
    tell("the hour opened, to its words", await timed(page, f"{HOUR}.click()", WORDS))
    tell("and to its waveform and chapters", await timed(page, "", CHAPTERS))
    tell("nodes of the page then", await page.evaluate(NODES), "")
    await scroll(page)
    x = "((box) => box.left + {0} * box.width / {1})(document.querySelector('.player .wave').getBoundingClientRect())"
    jumps = []
    for second in PLACES_SEC:
        place = await page.evaluate(x.format(second, HOUR_SEC))
        y = await page.evaluate("document.querySelector('.player .wave').getBoundingClientRect().top + 20")
        begun = time.perf_counter()
        for kind in ("mousePressed", "mouseReleased"):
            await page.send("Input.dispatchMouseEvent", type=kind, x=place, y=y, button="left", clickCount=1)
        await page.until(at(second))
        jumps.append(1000 * (time.perf_counter() - begun))
    tell("a jump in it, to its words (median of 6)", statistics.median(jumps))
    ask = ASK.format(json.dumps(QUESTION), "'.here input'")
    tell(
        "a question in it, to the places that answer", await timed(page, ask, "document.querySelector('.hits button')")
    )


async def scroll(page: Page) -> None:
    """Scroll through the words of the hour by half a window a frame."""
    frames = await page.evaluate("""(async () => {
      const frames = [];
      let before = performance.now();
      for (let count = 0; count < 60; count += 1) {
        scrollBy({ top: 400, behavior: "instant" });
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - before);
        before = now;
      }
      return frames.slice(1);
    })()""")
    tell("a frame while scrolling through its words (median)", statistics.median(frames))
    tell("the longest such frame", max(frames))


async def take(browser: Browser, url: str, name: str, folder: Path) -> None:
    """Take the pictures of one look."""
    page = await browser.open(*LOOKS[name])

    async def picture(what: str) -> None:
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await page.picture(folder / f"{name}-{what}.png")

    await page.go(url)
    await page.until(f"{ENTRIES} > 1")
    await picture("library-folded" if "phone" in name else "library")
    if "phone" in name:
        await page.click("#library summary")
        await picture("library")
    await page.evaluate("document.querySelector('#library').scrollTo(0, 2500); scrollTo(0, 2500)")
    await picture("library-middle")
    await page.go("about:blank")
    await page.go(f"{url}#/?q={QUESTION.replace(' ', '+')}")
    await page.until(ROWS_DRAWN)
    await picture("results")
    asset_id = await page.evaluate(f"""(async () => {{
      const answer = await fetch('mcp', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'list_audio',
        'MCP-Protocol-Version': '2026-07-28' }}, body: JSON.stringify({{ jsonrpc: '2.0', id: 1, method: 'tools/call',
        params: {{ name: 'list_audio', arguments: {{ title: {json.dumps(HOUR_TITLE[:20])} }}, _meta: {{
          'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {{}},
          'io.modelcontextprotocol/clientInfo': {{ name: 'pictures', version: '1' }} }} }} }}) }});
      return (await answer.text()).match(/a_[0-9a-f]{{20}}/)[0];
    }})()""")
    await page.go("about:blank")
    await page.go(f"{url}#/recording/{asset_id}")
    await page.until(CHAPTERS)
    await picture("hour")
    await page.go("about:blank")
    await page.go(f"{url}#/recording/{asset_id}?t=1790&q={QUESTION.replace(' ', '+')}")
    await page.until(f"{CHAPTERS} && document.querySelector('.hits button')")
    await page.until(at(1790))
    await picture("hour-middle")
    assert page.complaints == [], page.complaints


async def run(options: argparse.Namespace, home: Path) -> None:
    """Make the library where there is none yet, measure, take the pictures."""
    sounds = home / "sounds"
    if not sounds.exists():
        sounds.mkdir(parents=True)
        begun = time.perf_counter()
        async with open_jobs(Settings(home=home / "library", roots=(sounds,))) as jobs:
            await fill(jobs, sounds, list(talks(options.recordings)))
        tell("the library, made", 1000 * (time.perf_counter() - begun))
    quiet = {"SOUNDBITE_HTTP_CALLS_PER_MINUTE": "0", "SOUNDBITE_LOG_LEVEL": "WARNING"}
    async with serving(home / "library", sounds, **quiet) as url, chromium() as browser:
        if not options.pictures_only:
            await measure(await browser.open(*LOOKS["wide"]), url, options.recordings + 1)
        for name in LOOKS:
            await take(browser, url, name, options.folder)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Measure and picture the page over a large library.")
    parser.add_argument("folder", type=Path, help="for the pictures")
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--home", type=Path, help="a folder for the library, kept")
    parser.add_argument("--pictures-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, options.home or Path(folder)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
