"""Embeds many recordings over a bad line to a scripted hosted platform, and counts what got lost or doubled.

    python bench/faults.py [--jobs 500] [--rate 0.33] [--seed 1]

Every figure that must be zero is checked; the exit code says whether all were.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import struct
import sys
import tempfile
import time
import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from hosted_service.bad_line import FaultyTransport
from hosted_service.platform import BASE_URL, KEY, HostedPlatform
from pydantic import SecretStr

from soundbite_api import PlatformClient, PollPolicy, RetryPolicy, SourceFile
from soundbite_store import Space
from soundbite_tools import (
    EmbedRequest,
    Heard,
    Jobs,
    Library,
    LibraryConfig,
    Media,
    SoundFormat,
    ToolProblem,
    embed_audio,
    make_ready,
)

RATE_HZ = 8000
SHORT_SEC, LONG_SEC = 4.0, 4.5
LONGEST_SEC = 600.0
PART_BYTES = 30_000
LARGEST_DIRECT_BYTES = 68_000
"""Every second file is larger than this, and goes up in three parts."""
CLIP_VECTORS = 4
"""Vectors of one recording: one segment and the whole, for sound and for speech."""


class WavFiles:
    """Local media of this run: WAV files of one length, which the platform takes as they are."""

    async def probe(self, source: SourceFile) -> Media:
        """Return the length."""
        with source.open() as file, wave.open(file.reader()) as sound:
            return Media(sound.getnframes() / RATE_HZ, has_audio=True, container="wav")

    async def cut(
        self, source: SourceFile, start_sec: float, end_sec: float, sound_format: SoundFormat, track: str = ""
    ) -> bytes:
        """Return nothing: nobody plays clips here."""
        return b""

    async def to_flac(
        self, source: SourceFile, out: Path, start_sec: float, end_sec: float | None, track: str = ""
    ) -> None:
        """Do nothing: WAV is taken as it is."""

    async def transcribe(self, source: SourceFile, start_sec: float, end_sec: float | None, track: str = "") -> Heard:
        """Return no words."""
        return Heard((), ())


@dataclass(frozen=True)
class Outcome:
    """What became of the jobs."""

    ready: int
    failures: list[str]
    vectors: int
    seconds: float


def write_tone(path: Path, hz: float, seconds: float) -> Path:
    """Write a short tone; another pitch is other content."""
    samples = (int(9000 * math.sin(math.tau * hz * i / RATE_HZ)) for i in range(int(seconds * RATE_HZ)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


async def run(folder: Path, line: FaultyTransport, count: int) -> Outcome:
    """Embed so many recordings of their own content, a few at a time."""
    paths = [
        write_tone(folder / f"tone{number}.wav", 200 + number, LONG_SEC if number % 2 else SHORT_SEC)
        for number in range(count)
    ]
    failures: list[str] = []
    started, places = time.perf_counter(), anyio.Semaphore(32)

    async def soon(seconds: float) -> None:
        await anyio.sleep(min(seconds, 1.0) / 50)

    client_options = {"retries": RetryPolicy(sleep=soon), "polls": PollPolicy(sleep=soon), "api_key": SecretStr(KEY)}
    config = LibraryConfig(
        home=folder / "home",
        roots=(folder,),
        working_folder=folder,
        platform=BASE_URL,
        natural_segmentation=False,
        longest_sync_sec=0.0,
        jobs_at_once=16,
        job_attempts=8,
        job_retry_s=0.05,
    )
    async with httpx.AsyncClient(transport=line, base_url=BASE_URL) as http, anyio.create_task_group() as background:
        library = Library(
            config=config,
            client=PlatformClient(http, largest_direct_bytes=LARGEST_DIRECT_BYTES, **client_options),
            media_reader=WavFiles(),
            store_uri=folder / "store",
            ledger_path=folder / "ledger.sqlite",
        )
        jobs = Jobs(library, background)
        background.start_soon(make_ready, jobs)

        async def embed(path: Path) -> None:
            async with places:
                try:
                    task = await embed_audio(jobs, EmbedRequest(source=path.name, wait_seconds=0))
                    ended = await jobs.wait(task.task_id, LONGEST_SEC)
                except ToolProblem as problem:
                    failures.append(problem.message)
                else:
                    if ended.status != "ready":
                        failures.append(ended.error_message or ended.status)

        async with anyio.create_task_group() as group:
            for path in paths:
                group.start_soon(embed, path)
        store, ledger = await library.store(), await library.ledger()
        ready = len(await ledger.list_tasks(limit=count * 2, status="ready"))
        vectors = await store.count(Space("marengo3.0", 512))
        background.cancel_scope.cancel()
    await library.aclose()
    return Outcome(ready, failures, vectors, time.perf_counter() - started)


def report(jobs: int, platform: HostedPlatform, line: FaultyTransport, outcome: Outcome) -> bool:
    """Print the table; return whether nothing was lost or doubled."""
    embedded = Counter(task.asset.content for task in platform.tasks.values())
    uploaded = Counter(asset.content for asset in platform.assets.values() if asset.status == "ready")
    # A lost or garbled answer to a part makes that part, and only it, go up again.
    sent_again = sum(count - 1 for count in platform.part_puts.values())
    faults = sum(line.faults.values())
    rows = [
        ("jobs", jobs, None),
        ("calls over the line", line.calls, None),
        ("faults", f"{faults} ({faults / line.calls:.0%})", None),
        *((f"  {kind}", count, None) for kind, count in sorted(line.faults.items())),
        ("ready", outcome.ready, outcome.ready == jobs),
        ("failed", len(outcome.failures), not outcome.failures),
        ("lost: recordings without a task", jobs - len(embedded), len(embedded) == jobs),
        ("doubled: tasks of one recording", sum(embedded.values()) - len(embedded), max(embedded.values()) == 1),
        ("doubled: assets of one recording", sum(uploaded.values()) - len(uploaded), max(uploaded.values()) == 1),
        ("vectors in the store", outcome.vectors, outcome.vectors == jobs * CLIP_VECTORS),
        ("parts of large files", len(platform.part_puts), None),
        ("faults on parts", line.part_faults, None),
        ("parts sent again", sent_again, sent_again <= line.part_faults),
        ("seconds", f"{outcome.seconds:.0f}", None),
    ]
    for name, value, is_right in rows:
        print(f"{name:<36} {value!s:>14} {'' if is_right is None else 'ok' if is_right else 'WRONG'}")
    for failure, count in Counter(outcome.failures).most_common(5):
        print(f"  {count} x {failure}")
    return all(is_right is not False for _, _, is_right in rows)


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rate", type=float, default=1 / 3, help="share of calls that go wrong")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    platform = HostedPlatform(chunk_bytes=PART_BYTES, task_polls=1)

    async def delay() -> None:
        await anyio.sleep(0.02)

    line = FaultyTransport(httpx.ASGITransport(app=platform.app), given.rate, given.seed, delay)
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(run(Path(folder), line, given.jobs))
    sys.exit(0 if report(given.jobs, platform, line, outcome) else 1)


if __name__ == "__main__":
    main()
