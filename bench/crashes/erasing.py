"""Kills processes while they erase spans of a recording: afterwards each span is there whole or nowhere.

Part of bench/kills.py. As a module of its own, with HOME, it is the process that gets killed: it erases half a second
after the other of a recording of the samples, and prints the number of each that is done.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from crashes.correcting import SAMPLE, prepare, settings_of
from crashes.victims import first_result_s, killed, release, started

from soundbite_server.libraries import open_jobs
from soundbite_store import ClipFilter, Space, is_touched
from soundbite_tools import EraseRequest, Jobs, erase_span
from soundbite_tools.housekeeping import scrub
from soundbite_tools.text import ERASED

STEP_SEC = 0.5
# A process is killed within so many times what its first erasing takes on this machine.
LIVES = 2.5


async def work(home: Path) -> None:
    """Erase from where it was left."""
    async with open_jobs(settings_of(home)) as jobs:
        await jobs.library.spaces.current()  # the model is loaded
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        (asset,) = await (await jobs.library.ledger()).list_assets()
        number = round(asset.erased[-1][1] / STEP_SEC) if asset.erased else 0
        while (number + 1) * STEP_SEC < asset.duration_sec:
            request = EraseRequest(
                asset_id=asset.asset_id, start_sec=number * STEP_SEC, end_sec=(number + 1) * STEP_SEC
            )
            await erase_span(jobs, request, wait_s=600.0)
            number += 1
            print(number, flush=True)


async def first_erasing_s(home: Path) -> float:
    """How long it takes from the start signal to the first erasing that is acknowledged."""
    return await first_result_s(await started("erasing", home))


async def look(jobs: Jobs, acknowledged: int) -> list[str]:
    """Return what is not as the ledger says, once what was interrupted is finished."""
    library = jobs.library
    await scrub(library)
    store, ledger = await library.store(), await library.ledger()
    (asset,) = await ledger.list_assets()
    words = [word for one in await ledger.transcripts_of(asset.asset_id) for word in one.words]
    rows = []
    for info in await store.spaces():
        rows += await store.clips(Space(info.space.id, info.space.dimension), ClipFilter(asset_ids=(asset.asset_id,)))
    sounds = [row for row in rows if row.embedding_option != "transcription" and row.embedding_scope == "clip"]
    spoken = {word.value for word in words}
    faults = {
        "an acknowledged span is there": not asset.erased or asset.erased[-1][1] < acknowledged * STEP_SEC,
        "words": any(is_touched(word.start_sec, word.end_sec, asset.erased) for word in words),
        "sound": any(is_touched(row.start_sec, row.end_sec, asset.erased) for row in sounds),
        "a clip has other words": any(set(row.transcript.split()) - spoken - {ERASED} for row in rows),
        "clips are still to follow": bool(await ledger.rewrites()),
        "files are still to be scrubbed": bool(await ledger.unscrubbed()),
    }
    return [name for name, is_so in faults.items() if is_so]


async def erase_run(home: Path, rounds: int) -> tuple[int, int, int, int]:
    """Kill a process that erases `rounds` times.

    Returns erasings acknowledged, lost or half, 0, failed opens.
    """
    await prepare(home)
    longest_life_s = LIVES * await first_erasing_s(home)
    acked = 1
    lost = failed_opens = 0
    for turn in range(rounds):
        process = await started("erasing", home)
        release(process)
        await asyncio.sleep(random.uniform(0, longest_life_s))
        acked = max([acked, *map(int, await killed(process))])
        try:
            async with open_jobs(settings_of(home)) as jobs:
                half = await look(jobs, acked)
        except Exception as exc:
            print(f"open failed: {exc!r}", file=sys.stderr)
            failed_opens += 1
            continue
        if half:
            print(f"round {turn}, not of one erasing: {'; '.join(half)}", file=sys.stderr)
        lost += len(half)
    return acked, lost, 0, failed_opens


if __name__ == "__main__":
    assert SAMPLE.is_file()
    asyncio.run(work(Path(sys.argv[1])))
