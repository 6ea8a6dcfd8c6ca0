"""Kills a writing process again and again and looks whether anything that was acknowledged is lost or doubled.

Run `python bench/kills.py [--rounds 100] [--torn 30]`. Each round a process writes, optimises, builds an index,
migrates a store of the first schema, corrects a transcript, erases spans of a recording, or is a whole server that
embeds recordings, and gets kill -9 at a random moment; then the store is opened and every row is read. The torn run
damages the newest manifest instead. Exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from crashes.correcting import correct_run
from crashes.embedding import embed_run
from crashes.erasing import erase_run
from crashes.victims import killed, release, started
from crashes.writer import OLD_SPACE, SPACE, clip

from soundbite_store import ClipStore

KINDS = ("correct", "erase", "embed", "write", "index", "optimise", "migrate")
OLD_STORE = Path(__file__).parents[1] / "tests" / "store" / "schemas" / "version_1.zip"
LONGEST_LIFE_S = 1.5


@dataclass
class Verdict:
    """What went wrong, in clips and opens."""

    acked: int = 0
    lost: int = 0
    doubled: int = 0
    failed_opens: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.failed_opens)


def main() -> int:
    """Run both, print the table."""
    parser = argparse.ArgumentParser(description="Kill writers and tear manifests; count what is lost or doubled.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--torn", type=int, default=30)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # of healed tables and of requests, hundreds of each
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="soundbite-kills-") as folder:
        rounds = options.rounds // len(options.kinds)
        for kind in options.kinds:
            if kind == "correct":
                verdicts.append(Verdict(*asyncio.run(correct_run(Path(folder) / kind, rounds))))
            elif kind == "erase":
                verdicts.append(Verdict(*asyncio.run(erase_run(Path(folder) / kind, rounds))))
            elif kind == "embed":
                verdicts.append(Verdict(*asyncio.run(embed_run(Path(folder) / kind, rounds))))
            else:
                verdicts.append(asyncio.run(kill_run(Path(folder) / kind, kind, rounds)))
            say(f"{kind}, killed {rounds} x", verdicts[-1])
        if options.torn:
            verdicts.append(asyncio.run(torn_run(Path(folder) / "torn", options.torn)))
            say(f"torn manifest, {options.torn} x", verdicts[-1])
    return int(not all(verdict.is_clean for verdict in verdicts))


def say(name: str, verdict: Verdict) -> None:
    print(
        f"{name:24} acked {verdict.acked:6}  lost {verdict.lost}  doubled {verdict.doubled}  "
        f"failed opens {verdict.failed_opens}",
        flush=True,
    )


async def kill_run(folder: Path, kind: str, rounds: int) -> Verdict:
    """Kill a process of one kind `rounds` times; the next one is loading while this one runs."""
    verdict, acked = Verdict(), set[int]()
    upcoming = await started("writer", folder, kind, 0)
    for turn in range(rounds):
        process = upcoming
        if kind == "migrate":
            make_old(folder)
            acked.clear()
        release(process)
        upcoming = await started("writer", folder, kind, turn + 1)
        await asyncio.sleep(random.uniform(0, LONGEST_LIFE_S))
        numbers = set(map(int, await killed(process)))
        acked |= numbers
        verdict.acked += len(numbers)
        await look(folder, acked, verdict, has_old=kind == "migrate")
    await killed(upcoming)
    return verdict


async def torn_run(folder: Path, times: int) -> Verdict:
    """Tear the newest manifest, open, write on: only the torn commit may be gone."""
    verdict = Verdict()
    async with await ClipStore.open(folder) as store:
        await store.upsert(SPACE, [clip(number) for number in range(10)])
    for turn in range(times):
        async with await ClipStore.open(folder) as store:
            await store.upsert(SPACE, [clip(1_000 + turn)])
        newest = min((folder / f"{SPACE.table_name}.lance" / "_versions").glob("*.manifest"))
        content = newest.read_bytes()
        newest.write_bytes([b"", content[: len(content) // 2], bytes(len(content))][turn % 3])
        verdict.acked += 10
        await look(folder, set(range(10)), verdict, has_old=False)
    return verdict


async def look(folder: Path, acked: set[int], verdict: Verdict, *, has_old: bool) -> None:
    """Open the store as the next process would, and count."""
    try:
        async with await ClipStore.open(folder) as store:
            found = Counter(int(each.start_sec) for each in await store.clips(SPACE, limit=10_000_000))
            if has_old and await store.count(OLD_SPACE) != 3:
                verdict.lost += 1
            scan = await store.scan(SPACE)
            verdict.doubled += sum(count - 1 for count in found.values())
            verdict.lost += len(acked - set(found)) + (len(scan.damaged) if scan else 0)
            if acked:
                some = random.choice(sorted(acked))
                hits = await store.text_search(SPACE, f"word{some}")
                near = await store.vector_search(SPACE, clip(some).vector, limit=1)
                verdict.lost += not hits or not near or near[0].clip.start_sec != float(some)
    except Exception as exc:
        print(f"open failed: {exc!r}", file=sys.stderr)
        verdict.failed_opens += 1


def make_old(folder: Path) -> None:
    """A store of the first schema in place of the one that is there."""
    for table in folder.glob("*.lance"):
        shutil.rmtree(table)
    with zipfile.ZipFile(OLD_STORE) as archive:
        archive.extractall(folder)


if __name__ == "__main__":
    sys.exit(main())
