"""A day of work in one library: memory, disk and time while twenty agents search, list, add, rename and remove.

    python bench/day.py [--hours 100] [--agents 20] [--calls 15]

The recordings are made up, with seeds, ten minutes each: a clip every six seconds with a vector for its sound and one
for its words (clusters of vectors, words as common as words are). They go into the store and the ledger as an embedding
would write them, a commit each; nothing is decoded or recognised, which bench/long_files.py measures. The questions are
asked through the tools, embedding of the question included, in one process.

Memory is measured as a server leaves it: large blocks go back to the system at once, the rest after the calls, and
`most` is what there was before that. Without it the figure is what the allocator keeps of the busiest moment.

Measured is at a quarter, a half and the whole of the hours, and at double the hours, beside what a line through the
first three says of them. The line can foretell an upper bound of memory and disk, and nothing else: memory grows until
the vectors take 100 MB, falls when they are left to the disk, grows until there are 200,000 rows, and falls when those
are. The disk holds what the last hour of writing has replaced, which depends on how often it was tidied. How long a
call takes changes at the same steps; no agent pauses, so twenty of them stand in line for one process. A run with
--hours 6 takes two minutes. Exit codes: 0 memory and disk at double the hours are at most a quarter above the line, 1
they are more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from libraries.recordings import made_asset, made_clip
from machine.peaks import current_mb, process_family
from storage.data import Sounds

from soundbite_engine.machine import give_back, give_back_large_blocks_at_once
from soundbite_server.libraries import open_jobs
from soundbite_server.settings import Settings
from soundbite_store import ClipStore, Space, StoredTranscript, TimedText
from soundbite_tools import (
    Jobs,
    ListRequest,
    RemoveRequest,
    SearchRequest,
    ToolProblem,
    TranscriptRequest,
    list_audio,
    read_transcript,
    relabel,
    remove_audio,
    search_clips,
)

LENGTH_SEC, CLIP_SEC = 600.0, 6.0
CLIPS = round(LENGTH_SEC / CLIP_SEC)
WITHIN = 0.25
SHARES = {"search": 0.7, "list": 0.1, "read": 0.08, "add": 0.04, "rename": 0.04, "remove": 0.04}


@dataclass(frozen=True)
class Day:
    """What was measured with so many hours in the library."""

    hours: float
    memory_mb: float
    most_mb: float
    disk_mb: float
    calls: Mapping[str, Sequence[float]]
    """The seconds of each call, in order, by its kind."""


async def add(jobs: Jobs, space: Space, sounds: Sounds, number: int) -> str:
    """Write one recording as an embedding would; returns its id."""
    ledger, store = await jobs.library.ledger(), await jobs.library.store()
    asset = made_asset(
        number, LENGTH_SEC, title=f"Meeting {number}", tags=(f"team {number % 7}",), created_at=datetime.now(UTC)
    )
    await ledger.put_asset(asset)
    task = await ledger.create_task(asset_id=asset.asset_id, space=space.id, platform="embedded")
    vectors, words = sounds.vectors(2 * CLIPS), sounds.transcripts(CLIPS)
    clips = [
        made_clip(
            asset,
            task.task_id,
            (at * CLIP_SEC, (at + 1) * CLIP_SEC),
            option,
            vectors[2 * at + place],
            transcript=words[at] if option == "transcription" else "",
        )
        for at in range(CLIPS)
        for place, option in enumerate(("audio", "transcription"))
    ]
    await store.upsert(space, clips)
    said = tuple(
        TimedText(value=text, start_sec=at * CLIP_SEC, end_sec=(at + 1) * CLIP_SEC) for at, text in enumerate(words)
    )
    await ledger.put_transcript(
        StoredTranscript(
            asset_id=asset.asset_id, source="embedded", start_sec=0.0, end_sec=LENGTH_SEC, words=said, sentences=said
        )
    )
    figures = {"start_sec": 0.0, "end_sec": LENGTH_SEC, "dimension": space.dimension}
    await ledger.update_task(task.task_id, status="ready", progress=1.0, counts_json=json.dumps(figures))
    return asset.asset_id


class Work:
    """What the agents do, and how long each call took."""

    def __init__(self, jobs: Jobs, space: Space, sounds: Sounds) -> None:
        self._jobs = jobs
        self._space = space
        self._sounds = sounds
        self.ids: list[str] = []
        self._next = 0

    async def store(self) -> ClipStore:
        """Where the clips are."""
        return await self._jobs.library.store()

    async def fill(self, hours: float) -> None:
        """Add recordings until there are so many hours."""
        while len(self.ids) * LENGTH_SEC < hours * 3600.0:
            await self._add()

    async def _add(self) -> None:
        self._next += 1
        self.ids.append(await add(self._jobs, self._space, self._sounds, self._next))

    async def agent(self, number: int, calls: int) -> list[tuple[str, float]]:
        """The kind and the seconds of each call of one agent: mostly questions, some additions, titles, removals."""
        chance, took = np.random.default_rng(number), list[tuple[str, float]]()
        for _ in range(calls):
            kind = str(chance.choice(list(SHARES), p=list(SHARES.values())))
            asset_id = self.ids[int(chance.integers(len(self.ids)))]
            words = " ".join(f"word{rank}" for rank in chance.integers(5, 2000, 3))
            begun = time.perf_counter()
            with suppress(ToolProblem):  # another agent removed it meanwhile
                await self._call(kind, asset_id, words, int(chance.integers(100)))
            took.append((kind, time.perf_counter() - begun))
        return took

    async def _call(self, kind: str, asset_id: str, words: str, number: int) -> None:
        library = self._jobs.library
        if kind == "search":
            await search_clips(library, SearchRequest(query=words))
        elif kind == "list":
            await list_audio(library, ListRequest(title=f"meeting {number}"))
        elif kind == "read":
            await read_transcript(library, TranscriptRequest(asset_id=asset_id))
        elif kind == "rename":
            await relabel(library, asset_id, tags=("renamed",))
        elif kind == "remove" and asset_id in self.ids and len(self.ids) > 1:
            self.ids.remove(asset_id)
            await remove_audio(self._jobs, RemoveRequest(asset_id=asset_id))
        else:
            await self._add()


async def measure(work: Work, hours: float, options: argparse.Namespace, home: Path) -> Day:
    """Fill the library and let the agents work."""
    await work.fill(hours)
    await (await work.store()).wait_for_upkeep()  # recordings come in more slowly, and are indexed in between
    agents = (work.agent(number, options.calls) for number in range(options.agents))
    calls = defaultdict(list)
    for took in await asyncio.gather(*agents):
        for kind, seconds in took:
            calls[kind].append(seconds)
    pid, *_ = process_family()
    most_mb = current_mb(pid) or 0.0
    await (await work.store()).wait_for_upkeep()
    give_back()
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    day = Day(hours, current_mb(pid) or 0.0, most_mb, size / 2**20, {kind: sorted(calls[kind]) for kind in SHARES})
    print(
        f"{hours:7.1f} h: {day.memory_mb:6.0f} MB of memory (most {day.most_mb:.0f}), {day.disk_mb:7.0f} MB of disk; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for kind, took_s in day.calls.items():
        p50, p95 = (1000 * took_s[round(share * (len(took_s) - 1))] for share in (0.5, 0.95) if took_s)
        print(f"{kind:>14}  {len(took_s):4} calls, p50 {p50:6.0f} ms, p95 {p95:6.0f} ms", flush=True)
    return day


def foretold(days: list[Day], name: str, hours: float) -> float:
    """What a line through what was measured says of so many hours."""
    slope, base = np.polyfit([day.hours for day in days], [getattr(day, name) for day in days], 1)
    return float(base + slope * hours)


async def run(options: argparse.Namespace) -> int:
    """Measure the points, and compare the last one with the line through those before."""
    give_back_large_blocks_at_once(4 << 20)  # as a server does
    with tempfile.TemporaryDirectory(prefix="soundbite-day-") as name:
        home = Path(name).resolve()
        async with open_jobs(Settings(home=home)) as jobs:
            work = Work(jobs, (await jobs.library.spaces.current()).space, Sounds(2))
            days = [await measure(work, options.hours * share, options, home) for share in (0.25, 0.5, 1.0)]
            last = await measure(work, options.hours * 2, options, home)
    is_bounded = True
    for field in ("memory_mb", "disk_mb"):
        line, measured = foretold(days, field, last.hours), getattr(last, field)
        print(
            f"{field}: at {last.hours:g} h {measured:.0f} MB, {measured / line:.2f} of the line through the first three"
        )
        is_bounded = is_bounded and measured <= (1.0 + WITHIN) * line
    return 0 if is_bounded else 1


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Simulate a day of work in one library.")
    parser.add_argument("--hours", type=float, default=100.0)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--calls", type=int, default=15, help="of each agent, at each point")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
