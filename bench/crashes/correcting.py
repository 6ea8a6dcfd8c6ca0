"""Kills processes while they correct a transcript: afterwards words, clips and vectors are old or new, never half.

Part of bench/kills.py. As a module of its own, with HOME and ROUND, it is the process that gets killed: it puts one
word in the place of another in a recording of the samples, again and again, and prints the number of each that is done.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import sys
from pathlib import Path

import numpy as np
from crashes.victims import first_result_s, killed, release, started

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs
from soundbite_store import ClipFilter
from soundbite_tools import (
    CorrectRequest,
    EmbedRequest,
    Jobs,
    SearchRequest,
    TaskRequest,
    correct_transcript,
    embed_audio,
    get_task,
    search_clips,
)

SAMPLE = Path(__file__).parents[2] / "samples" / "standup.flac"
FIRST = "advertising"  # said once in it
# A process is killed within so many times what its first correction takes on this machine.
LIVES = 2.5
# A word of ten letters of its own for each number, which no stem of another is equal to.
_LETTERS = "bcdfghjklm"
_OURS = re.compile(f"qu(?:[{_LETTERS}]o){{6}}")


def settings_of(home: Path) -> Settings:
    return Settings(home=home, roots=(SAMPLE.parent,), workers=1, log_level="WARNING")


def word(number: int) -> str:
    """The word that correction `number` writes."""
    return "qu" + "".join(f"{_LETTERS[int(digit)]}o" for digit in f"{number:06d}") if number else FIRST


async def words_now(jobs: Jobs) -> tuple[str, str]:
    """The recording, and the word that stands in the place now."""
    ledger = await jobs.library.ledger()
    (asset,) = await ledger.list_assets()
    transcript = await ledger.get_transcript(asset.asset_id, jobs.library.config.platform)
    assert transcript is not None
    text = " ".join(one.value for one in transcript.words).split()
    (there,) = [plain for plain in (one.strip(".,") for one in text) if plain == FIRST or _OURS.fullmatch(plain)]
    return asset.asset_id, there


async def work(home: Path, turn: int) -> None:
    """Correct for ever."""
    async with open_jobs(settings_of(home)) as jobs:
        await jobs.library.spaces.current()  # the model is loaded
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        asset_id, there = await words_now(jobs)
        for number in itertools.count(turn * 1_000 + 1):
            request = CorrectRequest(asset_id=asset_id, old_text=there, new_text=word(number))
            await correct_transcript(jobs.library, request)
            there = word(number)
            print(number, flush=True)


async def prepare(home: Path) -> None:
    async with open_jobs(settings_of(home)) as jobs:
        task = await embed_audio(jobs, EmbedRequest(source=str(SAMPLE)))
        while task.status == "processing":
            task = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=20))
        assert task.status == "ready", task


async def first_correction_s(home: Path) -> float:
    """How long it takes from the start signal to the first correction that is acknowledged."""
    return await first_result_s(await started("correcting", home, 900))


async def look(home: Path, least: int) -> tuple[list[str], int]:
    """Open the library as the next process does.

    Returns what of it is not of one correction, and how many rows too many hold the sentence.
    """
    async with open_jobs(settings_of(home)) as jobs:
        library = jobs.library
        asset_id, there = await words_now(jobs)
        store, ledger = await library.store(), await library.ledger()
        current = await library.spaces.current()
        where = ClipFilter(asset_ids=(asset_id,), embedding_option="transcription", embedding_scope="clip")
        rows = await store.embeddings(current.space, where)
        texts = [row for row in rows if there in row.transcript]
        others = [row for row in rows if FIRST in row.transcript or _OURS.search(row.transcript)]
        hits = await search_clips(library, SearchRequest(query=there, match="words"))
        corrections = await ledger.corrections_of(asset_id)
        faults = {
            "a correction is gone": there == FIRST and least > 0,
            "no clip has the words": not texts,
            "a clip has other words": any(there not in row.transcript for row in others),
            "search": len(hits.clips) != 1,
            "clips are still to follow": bool(await ledger.rewrites()),
            "the history": bool(corrections) and corrections[-1].new_text != there,
        }
        if texts:
            # The vector is that of the words that stand there: embedded again they give it back.
            row = texts[0]
            answer = await library.client.embed_text(row.transcript)
            before = float(np.asarray(answer.vector, np.float32) @ row.vector)
            near = await library.client.embed_text(row.transcript.replace(there, "umbrella zebra"))
            likeness = float(np.asarray(near.vector, np.float32) @ row.vector)
            faults[f"the vector ({before:.3f}, of other words {likeness:.3f})"] = before < likeness - 0.02
        return [name for name, is_so in faults.items() if is_so], max(0, len(texts) - 1)


async def correct_run(home: Path, rounds: int) -> tuple[int, int, int, int]:
    """Kill a process that corrects `rounds` times.

    Returns corrections acknowledged, lost or half, doubled, failed opens.
    """
    await prepare(home)
    acked = lost = doubled = failed_opens = 0
    longest_life_s = LIVES * await first_correction_s(home)
    upcoming = await started("correcting", home, 0)
    for turn in range(rounds):
        process = upcoming
        release(process)
        loading = asyncio.create_task(
            started("correcting", home, turn + 1)
        )  # on the same library, while this one works
        await asyncio.sleep(random.uniform(0, longest_life_s))
        acked += len(await killed(process))
        upcoming = await loading
        try:
            half, more = await look(home, acked)
        except Exception as exc:
            print(f"open failed: {exc!r}", file=sys.stderr)
            failed_opens += 1
            continue
        if half:
            print(f"round {turn}, not of one correction: {'; '.join(half)}", file=sys.stderr)
        lost += len(half)
        doubled += more
    await killed(upcoming)
    return acked, lost, doubled, failed_opens


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
