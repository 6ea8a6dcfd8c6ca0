"""Kills whole servers while they embed: what a tool called ready stays, and what was begun is finished, once.

Part of bench/kills.py. As a module of its own, with HOME and ROUND, it is the process that gets killed: a server with
its engine, and a client that adds one recording after the other and prints the number of each that is ready.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from crashes.victims import killed, release, started
from mcp import Client

from soundbite_server import Settings, build_server
from soundbite_store import ClipStore, Ledger

A_ROUND = 100
RATE_HZ = 16_000
SECONDS = 4
LONGEST_LIFE_S = 6.0
Row = tuple[str, str, float, float]


def recording(home: Path, number: int) -> Path:
    """The recording of this number, made when it is not there: a tone of its own that comes and goes, in noise."""
    path = home / "recordings" / f"{number}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        times = np.arange(SECONDS * RATE_HZ) / RATE_HZ
        tone = np.sin(2 * np.pi * rng.uniform(200, 2_000) * times) * (np.sin(2 * np.pi * times) > 0)
        samples = (8_000 * tone + 300 * rng.normal(size=len(times))).astype("<i2")
        unfinished = path.with_suffix(".part")
        with wave.open(str(unfinished), "wb") as sound:
            sound.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            sound.writeframes(samples.tobytes())
        unfinished.rename(path)
    return path


def server_on(home: Path) -> Client:
    return Client(build_server(Settings(home=home, roots=(home / "recordings",), workers=1, log_level="WARNING")))


async def answer(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise RuntimeError(str(result.content))
    return dict(result.structured_content or {})


async def add(client: Client, path: Path) -> dict[str, Any]:
    """Embed a recording and wait until it is ready."""
    task = await answer(client, "embed_audio", {"source": str(path), "wait_seconds": 20})
    while task["status"] == "processing":
        task = await answer(client, "get_task", {"task_id": task["task_id"], "wait_seconds": 20})
    if task["status"] != "ready":
        raise RuntimeError(f"{path.name}: {task}")
    return task


async def work(home: Path, turn: int) -> None:
    """Add recordings for ever."""
    async with server_on(home) as client:
        await answer(client, "list_audio", {})
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for number in itertools.count(turn * A_ROUND):
            task = await add(client, recording(home, number))
            print(number, task["asset_id"], flush=True)


async def rows_of(home: Path) -> dict[str, Counter[Row]]:
    """What the store holds of each asset."""
    found: dict[str, Counter[Row]] = {}
    async with await ClipStore.open(home / "store") as store:
        for info in await store.spaces():
            scan = await store.scan(info.space)
            if scan is None or not scan.is_sound:
                raise RuntimeError(f"The scan found {scan}")
            for clip in await store.clips(info.space, limit=10_000_000):
                row = (clip.embedding_option, clip.embedding_scope, clip.start_sec, clip.end_sec)
                found.setdefault(clip.asset_id, Counter())[row] += 1
    return found


async def finish(home: Path, turns: int) -> dict[int, str]:
    """Ask a server that nobody kills for every recording there is: unfinished work goes on, the rest is found."""
    assets = {}
    async with server_on(home) as client:
        for path in sorted((home / "recordings").glob("*.wav")):
            assets[int(path.stem)] = str((await add(client, path))["asset_id"])
    async with await Ledger.open(home / "ledger.sqlite") as ledger:
        unfinished = await ledger.unfinished_tasks()
    if unfinished:
        raise RuntimeError(f"{len(unfinished)} tasks were never finished in {turns} rounds")
    return assets


async def embed_run(home: Path, rounds: int) -> tuple[int, int, int, int]:
    """Kill a server `rounds` times; returns recordings called ready, lost, rows doubled, failed opens."""
    ready: dict[int, str] = {}
    failed_opens = doubled = 0
    upcoming = await started("embedding", home, 0)
    for turn in range(rounds):
        process = upcoming
        release(process)
        loading = asyncio.create_task(started("embedding", home, turn + 1))  # on the same library, while this one works
        await asyncio.sleep(random.uniform(0, LONGEST_LIFE_S))
        words = await killed(process)
        ready |= {int(number): asset for number, asset in zip(words[::2], words[1::2], strict=True)}
        try:
            upcoming = await loading
        except (AssertionError, OSError) as exc:
            print(f"open failed: {exc!r}", file=sys.stderr)
            failed_opens += 1
            break
    await killed(upcoming)
    before = await rows_of(home)
    assets = await finish(home, rounds)
    after = await rows_of(home)
    reference = await unkilled(home)
    doubled = sum(count - 1 for rows in after.values() for count in rows.values())
    lost = sum(set(before.get(asset, ())) != reference[number] for number, asset in ready.items())
    lost += sum(set(after.get(asset, ())) != reference[number] for number, asset in assets.items())
    return len(ready), lost, doubled, failed_opens


async def unkilled(home: Path) -> dict[int, set[Row]]:
    """The rows of the same recordings, embedded in peace."""
    peaceful = home.with_name("peaceful")
    (peaceful / "recordings").mkdir(parents=True)
    for path in (home / "recordings").glob("*.wav"):
        (peaceful / "recordings" / path.name).write_bytes(path.read_bytes())
    assets = await finish(peaceful, 0)
    rows = await rows_of(peaceful)
    return {number: set(rows[asset]) for number, asset in assets.items()}


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
