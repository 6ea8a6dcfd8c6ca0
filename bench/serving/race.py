"""Swaps a folder for a link while files in it are embedded, cut and referenced, and counts what was read outside.

Run `python bench/serving/race.py [--tries 2000] [--kinds embed clip engine]`. A process of its own exchanges a folder
inside the open root with a link to a folder outside of it (`renameat2`, in one step), at random moments, while

- `embed`   an agent embeds a recording in it by path, another recording at each try;
- `clip`    an agent plays a recording in it that was embedded before; outside lies a file of equal name, size and date;
- `engine`  a client of the engine's own contract references a file by its path (`POST /assets`), and embeds it.

Outside lies a sound of another length, or of another pitch, which tells it. Exit code 1 when any was read.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import logging
import math
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import wave
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from mcp import Client

from soundbite_engine import Engine, EngineConfig
from soundbite_server import Settings, build_server

KINDS = ("embed", "clip", "engine")
RATE_HZ = 16_000
OWN_SEC, OUTSIDE_SEC = 1.0, 2.0
OWN_STEP, OUTSIDE_STEP = 8.0, 3.0
_WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
EXCHANGE = Path(__file__).parents[1] / "machine" / "exchange.py"


def main() -> int:
    """Race in each kind of work, print the table."""
    parser = argparse.ArgumentParser(description="Swap folders for links while files are read; count what leaks.")
    parser.add_argument("--tries", type=int, default=2000, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # every refusal is one
    leaks = 0
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(prefix="soundbite-race-") as folder:
            begin = time.monotonic()
            counts = asyncio.run(race(kind, Path(folder).resolve(), options.tries))
            leaks += counts["outside"]
            told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("inside", "refused", "outside"))
            print(f"{kind:8} {options.tries} tries: {told}  ({time.monotonic() - begin:.0f} s)", flush=True)
    return int(leaks > 0)


@contextmanager
def swapped(folder: Path, outside: Path) -> Iterator[None]:
    """While the block runs, a folder and a link to one outside change places."""
    link = folder.with_name("link")
    link.symlink_to(outside)
    swapper = subprocess.Popen([sys.executable, str(EXCHANGE), str(folder), str(link)])
    try:
        yield
    finally:
        is_alive = swapper.poll() is None
        swapper.send_signal(signal.SIGKILL)
        swapper.wait()
        if folder.is_symlink():  # as it was, whenever the end came
            folder.unlink()
            link.rename(folder)
        else:
            link.unlink()
        if not is_alive:
            raise RuntimeError("nothing was swapped: this file system exchanges no names")


def tone(seconds: float, step: float, number: int = 0) -> bytes:
    """A tone as a WAV file; another number is other content."""
    sound = [int(9000 * math.sin(at / step)) for at in range(int(seconds * RATE_HZ))]
    sound[-1] = number
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(sound)}h", *sound))
    return buffer.getvalue()


def is_outside_tone(sound: bytes) -> bool:
    """Whether the sound in a WAV file has the pitch of that which lies outside."""
    with wave.open(io.BytesIO(sound)) as file:
        samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
        crossings = sum(first < 0 <= second for first, second in pairwise(samples))
        hertz = crossings / (len(samples) / file.getframerate())
    own, outside = (RATE_HZ / math.tau / step for step in (OWN_STEP, OUTSIDE_STEP))
    return hertz > (own + outside) / 2


async def race(kind: str, folder: Path, tries: int) -> Counter[str]:
    """How the tries of one kind ended: inside, refused, outside."""
    calls, outside = folder / "root" / "calls", folder / "outside"
    calls.mkdir(parents=True)
    outside.mkdir()
    runs = {"embed": race_embedding, "clip": race_clips, "engine": race_engine}
    return Counter([outcome async for outcome in runs[kind](calls, outside, tries)])


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[Client]:
    """An agent at a server that may read the folder `root`."""
    settings = Settings(home=folder / "home", roots=(folder / "root",), workers=1)
    async with Client(build_server(settings)) as client:
        yield client


async def race_embedding(calls: Path, outside: Path, tries: int) -> AsyncIterator[str]:
    """Embed by path, another recording each time."""
    own = calls / "own.wav"
    (outside / own.name).write_bytes(tone(OUTSIDE_SEC, OUTSIDE_STEP))
    foreign = f"a_{hashlib.sha256((outside / own.name).read_bytes()).hexdigest()[:20]}"
    inside = os.open(calls, os.O_DIRECTORY)  # the folder itself, whatever lies under its name
    async with agent(calls.parents[1]) as client:
        with swapped(calls, outside):
            for number in range(tries):
                with os.fdopen(os.open(own.name, _WRITTEN, dir_fd=inside), "wb") as file:
                    file.write(tone(OWN_SEC, OWN_STEP, number))
                arguments = {"source": str(own), "embedding_option": ["audio"], "wait_seconds": 25}
                result = await client.call_tool("embed_audio", arguments)
                listing = await client.call_tool("list_audio", {"page_limit": 1})
                newest = (listing.structured_content or {})["assets"]
                is_longer = any(asset["audio_seconds"] > (OWN_SEC + OUTSIDE_SEC) / 2 for asset in newest)
                if is_longer or any(asset["asset_id"] == foreign for asset in newest):
                    yield "outside"
                else:
                    yield "refused" if result.is_error else "inside"
    os.close(inside)


async def race_clips(calls: Path, outside: Path, tries: int) -> AsyncIterator[str]:
    """Play a recording, each time another range of it."""
    own, other = calls / "own.wav", outside / "own.wav"
    own.write_bytes(tone(OWN_SEC + OUTSIDE_SEC, OWN_STEP))
    other.write_bytes(tone(OWN_SEC + OUTSIDE_SEC, OUTSIDE_STEP))
    status = own.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    async with agent(calls.parents[1]) as client:
        added = await client.call_tool(
            "embed_audio", {"source": str(own), "embedding_option": ["audio"], "wait_seconds": 25}
        )
        asset_id = (added.structured_content or {})["asset_id"]
        with swapped(calls, outside):
            for number in range(tries):
                arguments = {"asset_id": asset_id, "start_sec": number / 1000, "end_sec": number / 1000 + 0.5}
                result = await client.call_tool("get_clip", {**arguments, "include_audio": True, "audio_format": "wav"})
                sounds = [b64decode(block.data) for block in result.content if block.type == "audio"]
                if any(is_outside_tone(sound) for sound in sounds):
                    yield "outside"
                else:
                    yield "inside" if sounds else "refused"


async def race_engine(calls: Path, outside: Path, tries: int) -> AsyncIterator[str]:
    """Reference by path, and embed what was referenced."""
    own = calls / "own.wav"
    own.write_bytes(tone(OWN_SEC, OWN_STEP))
    (outside / own.name).write_bytes(tone(OUTSIDE_SEC, OUTSIDE_STEP))
    async with Engine(EngineConfig(home=calls.parents[1] / "home", file_urls=True, workers=1)) as engine:
        transport = httpx.ASGITransport(app=engine.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://engine/v1.3") as http:
            with swapped(calls, outside):
                for _ in range(tries):
                    yield await reference(http, own)


async def reference(http: httpx.AsyncClient, path: Path) -> str:
    """How one reference and its embedding ended."""
    form: Any = {"method": (None, "url"), "url": (None, path.as_uri())}
    answer = await http.post("assets", files=form)
    asset = answer.json()
    if answer.status_code != 201 or asset["status"] == "failed":
        return "refused"
    body = {
        "input_type": "audio",
        "model_name": "marengo3.0",
        "audio": {"media_source": {"asset_id": asset["_id"]}, "embedding_option": ["audio"]},
    }
    embedded = await http.post("embed-v2", json=body)
    known = (await http.get(f"assets/{asset['_id']}")).json()
    lengths = [known.get("duration") or 0.0]
    if embedded.status_code == 200:
        lengths += [item.get("end_sec") or 0.0 for item in embedded.json()["data"]]
    await http.delete(f"assets/{asset['_id']}")
    if max(lengths) > (OWN_SEC + OUTSIDE_SEC) / 2:
        return "outside"
    return "inside" if embedded.status_code == 200 else "refused"


if __name__ == "__main__":
    sys.exit(main())
