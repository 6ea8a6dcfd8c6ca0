"""Turning what the platform answered into clips for the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from soundbite_store import Asset, Clip, Task, clip_id_for
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.errors import WorkFailed
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_api import EmbeddingData
    from soundbite_store import StoredClip
    from soundbite_tools.read.transcripts import TimedWords

LONGEST_TRANSCRIPT = 4000
LONGEST_SOUND_WORDS = 500
_BETWEEN_SOUNDS = "; "


@dataclass(frozen=True)
class Recording:
    """What every clip of a task says about where it comes from."""

    asset: Asset
    task: Task
    params: EmbedParams
    words: TimedWords


def clips_of(recording: Recording, data: Sequence[EmbeddingData], dimension: int) -> list[Clip]:
    """Return the clips that hold these embeddings; vectors of zeros are left out, since they can't be found.

    Raises:
        WorkFailed: vectors of different lengths, or items without option, scope or times.
    """
    made_at = datetime.now(UTC)
    return [_clip(recording, item, dimension, made_at) for item in data if any(item.embedding)]


def sounds_in(clips: Iterable[StoredClip]) -> str:
    """Return what is heard in clips as one text, each name once."""
    names = [name for clip in clips for name in clip.sound_words.split(_BETWEEN_SOUNDS) if name]
    return _BETWEEN_SOUNDS.join(dict.fromkeys(names))


def _clip(recording: Recording, item: EmbeddingData, dimension: int, made_at: datetime) -> Clip:
    import numpy as np

    if len(item.embedding) != dimension:
        raise _malformed(f"a vector of {len(item.embedding)} numbers among vectors of {dimension}")
    if not item.embedding_option or not item.embedding_scope or item.start_sec is None or item.end_sec is None:
        raise _malformed("an embedding without option, scope or times")
    asset, start_sec, end_sec = recording.asset, item.start_sec, item.end_sec
    return Clip(
        clip_id=clip_id_for(asset.asset_id, start_sec, end_sec),
        asset_id=asset.asset_id,
        content_hash=asset.content_hash,
        task_id=recording.task.task_id,
        title=asset.title,
        source_uri=asset.source_uri,
        embedding_option=item.embedding_option,
        embedding_scope=item.embedding_scope,
        start_sec=start_sec,
        end_sec=end_sec,
        transcript=_text(recording, item, start_sec, end_sec),
        sound_words=_sound_words(recording, item),
        tags=asset.tags,
        metadata_json=asset.metadata_json,
        segmentation=recording.params.segmentation_label,
        created_at=made_at,
        vector=np.asarray(item.embedding, dtype=np.float32),
    )


def _text(recording: Recording, item: EmbeddingData, start_sec: float, end_sec: float) -> str:
    # One row a clip carries the words, or a full-text search would count them once for every option; a recording's
    # whole text belongs to its clips where it has some.
    params = recording.params
    carrier = "transcription" if "separate_embedding" in params.embedding_type else "fused"
    if item.embedding_option != carrier or (item.embedding_scope == "asset" and "clip" in params.embedding_scope):
        return ""
    text = item.transcript
    if text is None:
        text = recording.words.between(start_sec, end_sec)
    return plain_text(text, LONGEST_TRANSCRIPT)


def _sound_words(recording: Recording, item: EmbeddingData) -> str:
    # Every row of a clip has them, so that a filter by sounds holds for what is said there as well.
    if item.embedding_scope == "asset" and "clip" in recording.params.embedding_scope:
        return ""
    return plain_text(_BETWEEN_SOUNDS.join(item.sounds), LONGEST_SOUND_WORDS)


def _malformed(what: str) -> WorkFailed:
    return WorkFailed(
        f"The platform answered with {what}.",
        "Check with `soundbite doctor` that the platform is one that Soundbite knows.",
        code="malformed_response",
    )
