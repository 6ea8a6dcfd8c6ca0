"""Clips as the documents of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite.clips import Facts


def content_of(clip: Facts) -> str:
    """Return what is said in a clip, or what is heard where nobody speaks."""
    return clip.text or clip.sounds


def metadata_of(clip: Facts) -> dict[str, Any]:
    """Return where a clip is and how sure it is, as plain values."""
    return {
        "title": clip.title,
        "time_range": clip.time_range,
        "start_sec": clip.start_sec,
        "end_sec": clip.end_sec,
        "score": clip.score,
        "link": clip.link,
        "clip_id": clip.clip_id,
        "asset_id": clip.asset_id,
        "tags": list(clip.tags),
        **({"speaker": clip.speaker} if clip.speaker else {}),
    }
