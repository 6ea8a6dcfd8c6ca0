"""Another process on the same store: `clip_writer.py STORE FIRST COUNT ASSET [--forever]`.

Says `ready` when LanceDB is loaded, waits for a line on stdin, upserts COUNT clips one by one, and prints the
index of each clip once its write was acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime

import numpy as np

from soundbite_store import Clip, ClipStore, Space, StoreAccess, clip_id_for

SPACE = Space("test-space-1", 16)


def clip(index: int, asset_id: str) -> Clip:
    """The clip of this number: its vector and its text tell which one it is."""
    return Clip(
        clip_id=clip_id_for(asset_id, index, index + 1),
        asset_id=asset_id,
        content_hash="hash",
        task_id="t",
        title="title",
        source_uri="file:///x",
        embedding_option="audio",
        embedding_scope="clip",
        start_sec=float(index),
        end_sec=index + 1.0,
        transcript=f"word{index}",
        sound_words="",
        tags=(),
        metadata_json="{}",
        segmentation="fixed:1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        vector=np.random.default_rng(index).normal(size=SPACE.dimension).astype(np.float32),
    )


async def main(store: str, first: int, count: int, asset_id: str, forever: bool) -> None:
    access = StoreAccess(endpoint=os.environ.get("AWS_ENDPOINT_URL", ""))
    async with await ClipStore.open(store, access=access) as clips:
        await clips.warm()
        print("ready", flush=True)
        sys.stdin.readline()
        for index in itertools.count(first) if forever else range(first, first + count):
            await clips.upsert(SPACE, [clip(index, asset_id)])
            print(index, flush=True)


if __name__ == "__main__":
    path, first_index, clip_count, asset, *rest = sys.argv[1:]
    asyncio.run(main(path, int(first_index), int(clip_count), asset, bool(rest)))
