"""What a person waits for in a large library: the list of its recordings over MCP, and one of four hours shown.

    python bench/libraries/large_library.py --recordings 20000 --hours 4 --json bench/results/large_library.json

The recordings are made up. The list is asked of a server over stdio, as agents ask: its first page, its last, and
those with a word in their title. `soundbite show` is a command of its own, the start of Python included, and draws the
loudness that was kept when the recording was embedded: under 2 s wanted. `soundbite list` beside it says one line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from libraries.recordings import made_asset, made_clip
from machine.peaks import processor_seconds
from serving.stdio_server import started
from storage.data import Sounds

from soundbite_server.libraries import open_library
from soundbite_server.settings import Settings
from soundbite_store import Envelope, Ledger
from soundbite_tools.read.contents import MOST_PEAKS

CLIP_SEC = 6.0
SERVE = [sys.executable, "-m", "soundbite_server", "serve"]


async def fill_ledger(path: Path, recordings: int) -> None:
    """Write so many recordings, each with a task that is ready; a commit each would take minutes."""
    async with await Ledger.open(path) as ledger:
        await ledger.put_asset(made_asset(0, 600.0))
        task = await ledger.create_task(
            asset_id=made_asset(0, 600.0).asset_id, space="soundbite-base-3", platform="embedded"
        )
        await ledger.update_task(task.task_id, status="ready", progress=1.0)
    numbers = "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers LIMIT ?)"
    with sqlite3.connect(path) as database:
        for table, changed in (
            ("assets", {"asset_id": "printf('a_%020x', n)", "title": "'Recording ' || n", "content_hash": "'h' || n"}),
            ("tasks", {"task_id": "'t_' || n", "asset_id": "printf('a_%020x', n)"}),
        ):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(name, name) for name in columns)
            database.execute(f"{numbers} INSERT INTO {table} SELECT {values} FROM {table}, numbers", (recordings - 1,))
    database.close()


def listing_ms(home: Path, recordings: int, calls: int) -> dict[str, dict[str, float]]:
    """Return the p50 of each way to ask for the list, and how much of a processor a call takes."""
    ways: dict[str, dict[str, Any]] = {
        "first page": {},
        "last page": {"page": recordings // 20},
        "by title": {"title": f"recording {recordings // 2}"},
    }
    measured = {}
    with started(SERVE, home) as server:
        server.greet()
        for way, arguments in ways.items():
            taken, used_s = list[float](), 0.0
            for number in range(calls + 1):
                begun = time.perf_counter()
                answer = server.request("tools/call", {"name": "list_audio", "arguments": arguments})
                taken.append((time.perf_counter() - begun) * 1000)
                assert answer["structuredContent"]["assets"], answer
                used_s = used_s if number else processor_seconds(server.process.pid)
            used_ms = (processor_seconds(server.process.pid) - used_s) * 1000 / calls
            measured[way] = {"first": taken[0], "p50": statistics.median(taken[1:]), "processor": used_ms}
    return measured


async def fill_long(home: Path, hours: float) -> str:
    """Write one long recording with its loudness, two rows to a clip; returns its id."""
    sounds, count = Sounds(), round(hours * 3600 / CLIP_SEC)
    asset = made_asset(0, hours * 3600)
    vectors, words = sounds.vectors(2 * count), sounds.transcripts(count)
    rows = [
        made_clip(
            asset,
            "t_0",
            (at * CLIP_SEC, (at + 1) * CLIP_SEC),
            option,
            vectors[2 * at + place],
            transcript=words[at],
            sound_words="speech",
        )
        for at in range(count)
        for place, option in enumerate(("audio", "transcription"))
    ]
    async with open_library(Settings(home=home, roots=())) as library:
        ledger, store = await library.ledger(), await library.store()
        await ledger.put_asset(asset)
        peaks = np.random.default_rng(1).integers(0, 255, MOST_PEAKS, np.uint8).tobytes()
        await ledger.put_envelope(asset, Envelope(duration_sec=asset.duration_sec, peaks=peaks))
        await store.upsert((await library.spaces.current()).space, rows)
    return asset.asset_id


def command_s(home: Path, *words: str) -> dict[str, float]:
    """Return how long a command takes, the median of five, and how much of a processor."""
    taken, before = [], os.times()
    for _ in range(5):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "soundbite_server", *words]
        subprocess.run(command, env={"SOUNDBITE_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - begun)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": statistics.median(taken), "processor": used / len(taken)}


def main() -> None:
    """Measure both and print what was wanted beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=20_000)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soundbite-large-") as folder:
        many, long = Path(folder) / "many", Path(folder) / "long"
        many.mkdir()
        asyncio.run(fill_ledger(many / "ledger.sqlite", options.recordings))
        listing = listing_ms(many, options.recordings, options.calls)
        asset_id = asyncio.run(fill_long(long, options.hours))
        commands = {"show": command_s(long, "show", asset_id), "list": command_s(long, "list")}
    for way, times in listing.items():
        print(
            f"list_audio of {options.recordings:,} recordings, {way:10} p50 {times['p50']:6.1f} ms (under 60 wanted), "
            f"{times['processor']:5.1f} of a processor; the first call {times['first']:.0f} ms"
        )
    for name, figures in commands.items():
        times = f"{figures['seconds']:.2f} s, {figures['processor']:.2f} of a processor"
        print(f"soundbite {name}, {options.hours:g} hours: {times}")
    if options.json:
        content = {
            "recordings": options.recordings,
            "hours": options.hours,
            "listing_ms": listing,
            "commands": commands,
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
