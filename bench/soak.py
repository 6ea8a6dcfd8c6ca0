"""Many agents on one HTTP server for minutes: wrong answers, errors, memory and the time of a search.

    python bench/soak.py --minutes 10 --clients 32 --json soak.json

Starts `soundbite serve --http` on loopback over the embedded sample recordings. Clients of both protocol eras call all
tools, each pausing between calls as agents do, while new recordings are embedded and removed. Answers about the samples
are compared with those of the quiet server. Exits with 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
import wave
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mcp import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SAMPLES = Path(__file__).parents[1] / "samples"
RECORDINGS = ("field-log.flac", "standup.flac", "memos.mp3", "renovation.opus")
QUESTIONS = (
    "the map shows the wrong street",
    "the cake has to stay in the oven",
    "the river is rising",
    "how much did the kitchen cost",
    "two bottles of milk",
    "the sky is still dark",
)
MOST_GROWTH, MOST_TIMES_QUIET = 0.05, 10.0
WARM_UP, WINDOW = 0.25, 0.1  # parts of the run


@dataclass
class Record:
    """What happened."""

    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    search_ms: list[float] = field(default_factory=list)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)


class Agent:
    """One client that calls tools at random until the time is over."""

    def __init__(self, number: int, record: Record, expected: dict[str, Any], root: Path) -> None:
        self._random = random.Random(number)
        self._record, self._expected, self._root, self._number = record, expected, root, number
        self._made = 0

    async def call(self, client: Client, name: str, **arguments: Any) -> dict[str, Any]:
        self._record.calls[name] += 1
        result = await client.call_tool(name, arguments)
        if result.is_error:
            self._record.errors.append(f"{name} {arguments}: {result.content[0]}")
        return {**(result.structured_content or {}), "content": [block.type for block in result.content]}

    async def step(self, client: Client) -> None:
        steps = (self.search, self.search, self.search, self.listen, self.read, self.look_around, self.sort, self.embed)
        await self._random.choice(steps)(client)

    async def search(self, client: Client) -> None:
        question = self._random.choice(QUESTIONS)
        begun = time.perf_counter()
        found = await self.call(client, "search_clips", query=question, asset_ids=self._expected["assets"])
        self._record.search_ms.append((time.perf_counter() - begun) * 1000)
        self.compare(question, answers(found), self._expected[question])

    async def listen(self, client: Client) -> None:
        asset_id = self._random.choice(self._expected["assets"])
        begin = self._random.randrange(0, 60)
        clip = await self.call(
            client, "get_clip", asset_id=asset_id, start_sec=begin, end_sec=begin + 5, include_audio=True
        )
        self.compare("sound", clip["content"].count("audio"), 1)

    async def read(self, client: Client) -> None:
        asset_id = self._random.choice(self._expected["assets"])
        found = await self.call(client, "read_transcript", asset_id=asset_id)
        self.compare(f"transcript {asset_id}", found.get("lines"), self._expected[f"transcript {asset_id}"])

    async def look_around(self, client: Client) -> None:
        listing = await self.call(client, "list_audio", page_limit=50)
        self.compare("listing", listing.get("total_assets", 0) >= len(RECORDINGS), True)
        task_id = self._random.choice(self._expected["tasks"])
        task = await self.call(client, "get_task", task_id=task_id)
        self.compare("task", task.get("status"), "ready")

    async def sort(self, client: Client) -> None:
        assets = self._expected["assets"]
        await self.call(client, "classify_clips", labels=["speech", "music"], asset_ids=assets)
        await self.call(client, "cluster_clips", asset_ids=assets)

    async def embed(self, client: Client) -> None:
        self._made += 1
        path = self._root / f"tone-{self._number}-{self._made}.wav"
        await asyncio.to_thread(write_tone, path, self._random.randrange(200, 4000), 20 + self._made)
        task = await self.call(client, "embed_audio", source=str(path), embedding_option=["audio"])
        while task.get("status") == "processing":
            task = await self.call(client, "get_task", task_id=task["task_id"], wait_seconds=20)
        self.compare("embedding", task.get("status"), "ready")
        removed = await self.call(client, "remove_audio", asset_id=task.get("asset_id", "-"))
        self.compare("removal", removed.get("is_removed"), True)
        path.unlink()

    def compare(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            self._record.wrong.append(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


def answers(found: dict[str, Any]) -> list[Any]:
    return [(clip["clip_id"], clip["time_range"], clip["text"]) for clip in found.get("clips", [])]


def write_tone(path: Path, pitch_hz: int, seconds: int) -> None:
    times = np.arange(16000 * min(seconds, 60)) / 16000
    noise = np.random.default_rng(pitch_hz).normal(0, 300, times.size)
    samples = (6000 * np.sin(2 * np.pi * pitch_hz * times) + noise).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


async def learn(client: Client) -> dict[str, Any]:
    """Embed the samples and return the answers of the quiet server."""
    expected: dict[str, Any] = {"assets": [], "tasks": []}
    for name in RECORDINGS:
        result = await client.call_tool("embed_audio", {"source": str(SAMPLES / name), "wait_seconds": 25})
        while (task := result.structured_content or {}).get("status") == "processing":
            result = await client.call_tool("get_task", {"task_id": task["task_id"], "wait_seconds": 25})
        assert not result.is_error, result.content
        expected["assets"].append(task["asset_id"])
        expected["tasks"].append(task["task_id"])
        read = await client.call_tool("read_transcript", {"asset_id": task["asset_id"]})
        expected[f"transcript {task['asset_id']}"] = (read.structured_content or {})["lines"]
    quiet_ms = []
    for _ in range(8):
        for question in QUESTIONS:
            begun = time.perf_counter()
            wanted = {"query": question, "asset_ids": expected["assets"]}
            found = (await client.call_tool("search_clips", wanted)).structured_content or {}
            quiet_ms.append((time.perf_counter() - begun) * 1000)
            expected[question] = answers(found)
    expected["quiet_p50_ms"] = statistics.median(quiet_ms)
    return expected


@asynccontextmanager
async def server(home: Path, root: Path) -> AsyncIterator[tuple[str, int]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "soundbite_server", "serve", "--http", "127.0.0.1:0"),
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "SOUNDBITE_HOME": str(home),
            "SOUNDBITE_ROOTS": f"{SAMPLES}{os.pathsep}{root}",
            "SOUNDBITE_HTTP_CALLS_PER_MINUTE": "0",
        },
    )
    assert process.stderr
    while not (said := re.search(rb"http://[\d.:]+/mcp", line := await process.stderr.readline())):
        assert line, "the server ended"
    drain = asyncio.ensure_future(_drain(process.stderr))
    try:
        yield said[0].decode(), process.pid
    finally:
        process.terminate()
        await process.wait()
        await drain


async def _drain(stream: asyncio.StreamReader) -> None:
    while line := await stream.readline():
        if b"ERROR" in line or b"Traceback" in line:
            print("server:", line.decode().rstrip())


async def run(minutes: float, clients: int, pause_s: float) -> dict[str, Any]:
    record = Record()
    with tempfile.TemporaryDirectory() as folder:
        home, root = Path(folder, "home"), Path(folder, "recordings")
        root.mkdir()
        async with server(home, root) as (url, pid):
            async with Client(url) as client:
                expected = await learn(client)
            print(f"quiet: p50 of a search {expected['quiet_p50_ms']:.1f} ms, {memory_mb(pid):.0f} MB")
            await crowd(url, pid, minutes * 60, clients, pause_s, record, expected, root)
    return figures(record, expected["quiet_p50_ms"])


async def crowd(
    url: str, pid: int, seconds: float, clients: int, pause_s: float, record: Record, expected: Any, root: Path
) -> None:
    begun = time.monotonic()

    async def agent(number: int) -> None:
        one = Agent(number, record, expected, root)
        pauses = random.Random(1000 + number)
        while time.monotonic() - begun < seconds:
            try:
                async with Client(url, mode="legacy" if number % 2 else "2026-07-28") as client:
                    await act(one, client, pauses)
            except Exception as exc:  # what ends a client is an error too, and the agent comes back with another
                record.errors.append(f"client: {type(exc).__name__}: {exc}")

    async def act(one: Agent, client: Client, pauses: random.Random) -> None:
        while time.monotonic() - begun < seconds:
            await asyncio.sleep(pauses.uniform(0, 2 * pause_s))
            try:
                await one.step(client)
            except Exception as exc:
                record.errors.append(f"{type(exc).__name__}: {exc}")

    async def watch() -> None:
        while (now := time.monotonic() - begun) < seconds:
            record.memory_mb.append((now / seconds, memory_mb(pid)))
            await asyncio.sleep(0.5)

    await asyncio.gather(watch(), *(agent(number) for number in range(clients)))


def figures(record: Record, quiet_p50_ms: float) -> dict[str, Any]:
    def mean_mb(start: float) -> float:
        return statistics.mean(mb for at, mb in record.memory_mb if start <= at <= start + WINDOW)

    p95 = statistics.quantiles(record.search_ms, n=20)[-1]
    return {
        "calls": dict(record.calls),
        "wrong": record.wrong,
        "errors": record.errors,
        "memory_mb": [mean_mb(WARM_UP), mean_mb(1 - WINDOW)],
        "memory_growth": mean_mb(1 - WINDOW) / mean_mb(WARM_UP) - 1,
        "quiet_p50_ms": quiet_p50_ms,
        "search_p50_ms": statistics.median(record.search_ms),
        "search_p95_ms": p95,
        "search_p95_times_quiet": p95 / quiet_p50_ms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--pause", type=float, default=4, help="mean seconds an agent thinks between calls")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments.minutes, arguments.clients, arguments.pause))
    before, after = found["memory_mb"]
    print(f"{sum(found['calls'].values())} calls: {found['calls']}")
    print(f"wrong answers: {len(found['wrong'])}, errors: {len(found['errors'])} (0 wanted)")
    print(f"memory: {before:.0f} to {after:.0f} MB, {100 * found['memory_growth']:+.1f} % (at most +5 % wanted)")
    print(
        f"search: p50 {found['search_p50_ms']:.0f} ms, p95 {found['search_p95_ms']:.0f} ms, "
        f"{found['search_p95_times_quiet']:.1f} x the quiet p50 of {found['quiet_p50_ms']:.0f} ms (under 10 wanted)"
    )
    for each in [*found["wrong"][:5], *found["errors"][:5]]:
        print(" -", each)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    is_good = not found["wrong"] and not found["errors"] and found["memory_growth"] <= MOST_GROWTH
    sys.exit(0 if is_good and found["search_p95_times_quiet"] < MOST_TIMES_QUIET else 1)


if __name__ == "__main__":
    main()
