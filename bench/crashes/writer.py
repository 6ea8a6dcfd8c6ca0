"""The process that bench/kills.py kills: says `ready`, waits for a line, then works until it is killed.

As a module of its own it is run with STORE, write|index|optimise|migrate, and ROUND. Prints the number of each clip
once its write was acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "store"))
from clip_writer import clip as clip_of

from soundbite_store import Clip, ClipStore, Space
from soundbite_store.lance.indexes import build_vector_index, note_vector_index

SPACE = Space("kills-1", 16)
OLD_SPACE = Space("test-space-1", 16)
A_ROUND = 100_000


def clip(number: int) -> Clip:
    """The clip of this number: its vector and its text tell which one it is."""
    return clip_of(number, f"a_{number // 50}")


async def work(folder: Path, kind: str, turn: int) -> None:
    """Write for ever; between writes, optimise or build the vector index anew, as the kind says."""
    async with await ClipStore.open(folder) as store:
        await store.warm()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        if kind == "migrate":
            await store.count(OLD_SPACE)
        for first in itertools.count(turn * A_ROUND, 10):
            numbers = range(first, first + 10)
            await store.upsert(SPACE, [clip(number) for number in numbers])
            # One write of the pipe: a line is whole or not there.
            print(*numbers, flush=True)
            if kind == "optimise":
                await store.optimise(SPACE)
            elif kind == "index":
                table = await store.connection.table_for_writing(SPACE)
                with contextlib.suppress(RuntimeError):  # the store's own tidying came first
                    await note_vector_index(table.lance, await build_vector_index(table.lance))


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
