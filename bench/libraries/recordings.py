"""Recordings and clips that are made up, as an embedding would write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundbite_store import Asset, Clip, clip_id_for


def made_asset(number: int, duration_sec: float, **fields: Any) -> Asset:
    """Return a recording that is no file here; `fields` take the place of those of an `Asset`."""
    facts: dict[str, Any] = {
        "title": f"Recording {number}",
        "tags": ("work",),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Asset(
        asset_id=f"a_{number:020x}",
        content_hash=f"{number:064x}",
        source_uri=f"asset-{number}",
        source_kind="asset",
        size_bytes=0,
        mtime_ns=0,
        duration_sec=duration_sec,
        metadata_json="{}",
        **{**facts, **fields},
    )


def made_clip(
    asset: Asset,
    task_id: str,
    span: tuple[float, float],
    option: str,
    vector: NDArray[np.float32],
    *,
    transcript: str = "",
    sound_words: str = "",
    speaker: str | None = None,
) -> Clip:
    """Return a row of a recording from one second to another, with what is said and heard in it."""
    start_sec, end_sec = span
    return Clip(
        clip_id=clip_id_for(asset.asset_id, start_sec, end_sec),
        asset_id=asset.asset_id,
        content_hash=asset.content_hash,
        task_id=task_id,
        title=asset.title,
        source_uri=asset.source_uri,
        embedding_option=option,
        embedding_scope="clip",
        start_sec=start_sec,
        end_sec=end_sec,
        transcript=transcript,
        sound_words=sound_words,
        tags=asset.tags,
        metadata_json="{}",
        segmentation="natural",
        created_at=asset.created_at,
        vector=vector,
        speaker=speaker,
    )
