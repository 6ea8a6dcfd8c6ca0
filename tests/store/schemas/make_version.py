"""Writes a small store of the newest schema beside this file, for the tests of the versions after it.

Run it before a step is added: `python tests/store/schemas/make_version.py`.
"""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from soundbite_store import Clip, ClipStore, Space, clip_id_for
from soundbite_store.lance.schema import SCHEMA_VERSION


def clip(second: int) -> Clip:
    """One second of a recording."""
    start, end = float(second), second + 1.0
    return Clip(
        clip_id=clip_id_for("a_1", start, end),
        asset_id="a_1",
        content_hash="hash of a_1",
        task_id="t_1",
        title="",
        source_uri="file:///a_1.wav",
        embedding_option="audio",
        embedding_scope="clip",
        start_sec=start,
        end_sec=end,
        transcript=f"word{second}",
        sound_words="",
        tags=(),
        metadata_json="{}",
        segmentation="fixed:1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        vector=np.random.default_rng(second).normal(size=16).astype(np.float32),
    )


async def main() -> None:
    """Fill a store and pack it."""
    archive = Path(__file__).with_name(f"version_{SCHEMA_VERSION}.zip")
    with tempfile.TemporaryDirectory() as folder:
        async with await ClipStore.open(folder) as store:
            await store.upsert(Space("test-space-1", 16), [clip(second) for second in range(3)])
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file() and ".locks" not in path.parts:
                    packed.write(path, path.relative_to(folder))
    print(archive)


if __name__ == "__main__":
    asyncio.run(main())
