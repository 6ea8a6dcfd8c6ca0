"""The process that bench/kills.py kills: says `ready`, waits for a line, then works until it is killed.

Run as `kill_worker.py STORE write|index|optimise|migrate ROUND`. Prints the number of each clip once its write was
acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from soundbite_store import Clip, ClipStore, Space, clip_id_for
from soundbite_store.vector_index import build_vector_index, note_vector_index

SPACE = Space("kills-1", 16)
OLD_SPACE = Space("test-space-1", 16)
A_ROUND = 100_000


def clip(number: int) -> Clip:
    """The clip of this number: its vector and its text tell which one it is."""
    return Clip(
        clip_id=clip_id_for(f"a_{number // 50}", number, number + 1),
        asset_id=f"a_{number // 50}",
        content_hash="hash",
        task_id="t",
        title="title",
        source_uri="file:///x",
        embedding_option="audio",
        embedding_scope="clip",
        start_sec=float(number),
        end_sec=number + 1.0,
        transcript=f"word{number}",
        sound_words="",
        tags=(),
        metadata_json="{}",
        segmentation="fixed:1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        vector=np.random.default_rng(number).normal(size=SPACE.dimension).astype(np.float32),
    )


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
                table = await store._connection.table_for_writing(SPACE)
                with contextlib.suppress(RuntimeError):  # the store's own tidying came first
                    await note_vector_index(table.lance, await build_vector_index(table.lance))


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
