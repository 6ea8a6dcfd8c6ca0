"""Six processes on one store: four write, two search, and whoever comes first tidies.

Run `python bench/processes.py [--minutes 5]`. Afterwards every row is read: none of what was acknowledged may be lost
or doubled, and no process may have seen an error. Search times are compared with those when nobody writes, on the small
store before and on the full one after. Exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from crashes.writer import SPACE, clip

from soundbite_store import ClipStore, StoreError

WRITERS, SEARCHERS = 4, 2
QUIET_S = 10.0
AN_ASSET = 20
A_WRITER = 10_000_000
SHARED = 2_000_000_000


async def write(folder: Path, writer: int, seconds: float) -> dict[str, Any]:
    """Write assets of twenty clips until the time is over; every tenth is one that all writers write."""
    acked, errors = [], []
    async with await ClipStore.open(folder) as store:
        await store.warm()
        ends, turn = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            first = SHARED + turn * AN_ASSET if turn % 10 == 0 else writer * A_WRITER + turn * AN_ASSET
            try:
                await store.upsert(SPACE, [clip(number) for number in range(first, first + AN_ASSET)])
                acked.append(first)
            except StoreError as exc:
                errors.append(repr(exc))
            turn += 1
    return {"acked": acked, "errors": errors}


async def search(folder: Path, seconds: float) -> dict[str, Any]:
    """Search by vector and by words until the time is over."""
    taken, errors = [], []
    rng = np.random.default_rng()
    async with await ClipStore.open(folder) as store:
        await store.vector_search(SPACE, rng.normal(size=SPACE.dimension))
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            started = time.perf_counter()
            try:
                await store.vector_search(SPACE, rng.normal(size=SPACE.dimension))
                await store.text_search(SPACE, f"word{rng.integers(1_000)}")
                taken.append((time.perf_counter() - started) * 1e3)
            except StoreError as exc:
                errors.append(repr(exc))
    return {"taken": taken, "errors": errors}


async def other_process(folder: Path, role: str, number: int, seconds: float) -> dict[str, Any]:
    arguments = [str(Path(__file__)), "--folder", str(folder), "--role", role, "--number", str(number)]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, "--seconds", str(seconds), stdout=PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        return {"acked": [], "taken": [], "errors": [f"{role} {number} ended with {process.returncode}"]}
    result: dict[str, Any] = json.loads(said)
    return result


async def measure(minutes: float) -> int:
    """Run all, look at every row, print the table."""
    with tempfile.TemporaryDirectory(prefix="soundbite-processes-") as name:
        folder = Path(name)
        async with await ClipStore.open(folder) as store:
            await store.upsert(SPACE, [clip(number) for number in range(1_000)])
        before = await other_process(folder, "search", 0, QUIET_S)
        roles = [("write", n) for n in range(WRITERS)] + [("search", n) for n in range(SEARCHERS)]
        done = await asyncio.gather(*(other_process(folder, role, n, minutes * 60) for role, n in roles))
        after = await other_process(folder, "search", 0, QUIET_S)
        async with await ClipStore.open(folder) as store:
            found = Counter(int(each.start_sec) for each in await store.clips(SPACE, limit=10_000_000))
            scan = await store.scan(SPACE)
    acked = {first + n for result in done for first in result.get("acked", ()) for n in range(AN_ASSET)}
    taken = [ms for result in done for ms in result.get("taken", ())]
    errors = [error for result in done for error in result["errors"]]
    lost, doubled = len(acked - set(found)), sum(count - 1 for count in found.values())
    print(f"{len(acked):,} clips acknowledged, {len(found):,} in the store: {lost} lost, {doubled} doubled")
    print(f"{len(errors)} errors in {WRITERS} writers and {SEARCHERS} searchers; {len(taken):,} searches")
    during = float(np.percentile(taken, 95))
    for when, quiet in (("before", before["taken"]), ("after, with all those clips", after["taken"])):
        ratio = during / float(np.percentile(quiet, 95))
        print(f"search p95 {during:.1f} ms, quiet {when} {np.percentile(quiet, 95):.1f} ms: {ratio:.1f} x")
    print(f"search p50 {np.median(taken):.1f} ms, quiet after {np.median(after['taken']):.1f} ms")
    for error in errors[:5]:
        print(error, file=sys.stderr)
    return int(bool(lost or doubled or errors or scan is None or not scan.is_sound))


def main() -> int:
    """Measure, or be one of the processes."""
    parser = argparse.ArgumentParser(description="Four writers and two searchers on one store.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--role", choices=("write", "search"), help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role is None:
        return asyncio.run(measure(options.minutes))
    if options.role == "write":
        result = asyncio.run(write(options.folder, options.number, options.seconds))
    else:
        result = asyncio.run(search(options.folder, options.seconds))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
