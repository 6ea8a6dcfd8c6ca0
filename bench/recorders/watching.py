"""Writes files into a watched folder in real time, in five ways, and prints what the library made of each (2 minutes).

python bench/recorders/watching.py

A recorder of 64 kb/s for a minute, a writer that pauses for 8 s, a copy over a slow link, a rename into the folder, and
a file that is replaced by another. The exit code says whether each became one recording, whole, and nothing failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundbite_engine.audio.decode import decoded_blocks

ROOT = Path(__file__).parents[2]
RATE_HZ = 16_000
LONGEST_S = 240.0
_ALLOWED_SEC = 0.5


@dataclass(frozen=True)
class Way:
    """A way in which a file comes, and how long its sound is."""

    name: str
    title: str
    seconds: float


WAYS = (
    Way("written at 64 kb/s for 60 s", "recorder", 60.0),
    Way("a writer that pauses for 8 s", "pausing", 20.0),
    Way("a copy over a slow link", "copied", 24.0),
    Way("renamed into the folder", "renamed", 10.0),
    Way("replaced by other content", "replaced", 14.0),
)


def encoded(path: Path, begin_sec: float, seconds: float) -> bytes:
    """So much of the project's own spoken samples, at 64 kb/s."""
    recordings = ("standup.flac", "memos.mp3", "field-log.flac")
    sounds = [np.concatenate(list(decoded_blocks(str(ROOT / "samples" / name)))) for name in recordings]
    sound = np.concatenate(sounds)[round(begin_sec * RATE_HZ) :][: round(seconds * RATE_HZ)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono", bit_rate=64_000)
        for at in range(0, sound.size, 576):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 576], format="s16p", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


async def record(path: Path, content: bytes, seconds: float) -> None:
    """Write it in as many pieces as seconds, in a file that stays open."""
    step = -(-len(content) // round(seconds))
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(content), step):
            file.write(content[at : at + step])
            await asyncio.sleep(1.0)


async def append(path: Path, content: bytes, pauses_s: Sequence[float]) -> None:
    """Write it in pieces with these pauses between, in a file that is closed after each."""
    step = -(-len(content) // (len(pauses_s) + 1))
    for number, at in enumerate(range(0, len(content), step)):
        with path.open("ab") as file:
            file.write(content[at : at + step])
        if number < len(pauses_s):
            await asyncio.sleep(pauses_s[number])


async def replaced(path: Path, first: bytes, second: bytes, aside: Path) -> None:
    """One content, and half a minute later another in its place."""
    path.write_bytes(first)
    await asyncio.sleep(30.0)
    aside.write_bytes(second)
    aside.replace(path)


async def write_all(folder: Path, outside: Path) -> None:
    """All ways at once."""
    contents, begin_sec = {}, 0.0
    for way in WAYS:
        contents[way.title] = encoded(outside / "made.mp3", begin_sec, way.seconds)
        begin_sec += way.seconds
    first = encoded(outside / "made.mp3", begin_sec, 8.0)
    moving = outside / "renamed.mp3"
    moving.write_bytes(contents["renamed"])
    async with asyncio.TaskGroup() as group:
        group.create_task(record(folder / "recorder.mp3", contents["recorder"], 60.0))
        group.create_task(append(folder / "pausing.mp3", contents["pausing"], [1.0, 1.0, 8.0, 1.0, 1.0]))
        group.create_task(append(folder / "copied.mp3", contents["copied"], [0.5, 2.0, 0.5, 3.0, 1.0, 2.5] * 3))
        group.create_task(replaced(folder / "replaced.mp3", first, contents["replaced"], outside / "other.mp3"))
        await asyncio.sleep(5.0)
        moving.replace(folder / "renamed.mp3")


async def soundbite(environment: dict[str, str], *words: str) -> Any:
    """What a command says, as JSON."""
    command = [sys.executable, "-m", "soundbite_server", *words, "--json"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return json.loads(out)


async def look(environment: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    """The recordings of the library, and how many of its tasks failed."""
    listing = await soundbite(environment, "list")
    tasks = await soundbite(environment, "tasks", "--status", "failed")
    return listing["assets"], len(tasks["tasks"] if isinstance(tasks, dict) else tasks)


def is_whole(asset: dict[str, Any], way: Way) -> bool:
    """Whether a recording is all that was written."""
    return asset["status"] == "ready" and abs(asset["audio_seconds"] - way.seconds) < _ALLOWED_SEC


async def watched(base: Path) -> bool:
    """Watch, write, wait until the library holds all, and print it."""
    folder, outside, home = (base / name for name in ("inbox", "outside", "home"))
    for path in (folder, outside, home):
        path.mkdir()
    environment = {**os.environ, "SOUNDBITE_HOME": str(home), "SOUNDBITE_ROOTS": str(base), "SOUNDBITE_WORKERS": "1"}
    command = [sys.executable, "-m", "soundbite_server", "add", str(folder), "--watch", "--json"]
    watcher = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    began = time.monotonic()
    try:
        await write_all(folder, outside)
        written_s = time.monotonic() - began
        while True:
            await asyncio.sleep(10.0)
            assets, failed = await look(environment)
            by_title = {asset["title"]: asset for asset in assets}
            is_done = all(way.title in by_title and is_whole(by_title[way.title], way) for way in WAYS)
            if is_done or time.monotonic() - began > LONGEST_S:
                break
    finally:
        with contextlib.suppress(ProcessLookupError):
            watcher.send_signal(signal.SIGINT)
    out, _ = await watcher.communicate()
    taken = Counter(Path(json.loads(line)["named"]).stem for line in out.splitlines())
    print(f"{'':30} {'written':>8} {'in the library':>15} {'recordings':>11} {'taken':>6}")
    for way in WAYS:
        count = sum(asset["title"] == way.title for asset in assets)
        seconds = by_title[way.title]["audio_seconds"] if count else 0.0
        print(f"{way.name:30} {way.seconds:7.1f}s {seconds:14.1f}s {count:11} {taken[way.title]:6}")
    all_s = time.monotonic() - began
    print(f"{len(assets)} recordings, {failed} failed; written in {written_s:.0f} s, all there after {all_s:.0f} s.")
    return is_done and len(assets) == len(WAYS) and not failed


def main() -> int:
    """Return 0 where each way gave one whole recording."""
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(watched(Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
