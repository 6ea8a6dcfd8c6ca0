"""Clips to write: random directions, real table, real files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from soundbite_store import Clip, Space, clip_id_for

DIMENSION = 16


@pytest.fixture
def space() -> Space:
    return Space("test-space-1", DIMENSION)


@pytest.fixture
def make_clip() -> Callable[..., Clip]:
    """Makes the clip number `index` of an asset: six seconds, a vector that depends on nothing but the index."""

    def make(index: int = 0, asset_id: str = "a_1", **changes: object) -> Clip:
        start, end = index * 6.0, index * 6.0 + 6.0
        fields: dict[str, object] = {
            "clip_id": clip_id_for(asset_id, start, end),
            "asset_id": asset_id,
            "content_hash": f"hash of {asset_id}",
            "task_id": "t_1",
            "title": f"Title of {asset_id}",
            "source_uri": f"file:///{asset_id}.wav",
            "embedding_option": "audio",
            "embedding_scope": "clip",
            "start_sec": start,
            "end_sec": end,
            "transcript": "",
            "sound_words": "",
            "tags": (),
            "metadata_json": "{}",
            "segmentation": "fixed:6",
            "created_at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
            "vector": np.random.default_rng(index).normal(size=DIMENSION).astype(np.float32),
        }
        return Clip(**(fields | changes))  # type: ignore[arg-type]  # the fields above are the clip's

    return make
