"""Made-up clips for the store's measurements: clustered vectors of 512 numbers, words as common as words are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from soundbite_store import Clip, Space, StoredClip, clip_id_for
from soundbite_store.lance.schema import clips_schema
from soundbite_store.rows import to_table

# The space of the engine's base profile: a server started on the store searches it like its own.
SPACE = Space("soundbite-base-3", 512)
TAG = "hundredth"
_CLIPS_AN_ASSET = 500
_OPTIONS = ("audio", "transcription")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_VOCABULARY = np.array([f"word{rank}" for rank in range(5_000)])
_SHARES = (1 / np.arange(1, 5_001)) / (1 / np.arange(1, 5_001)).sum()


class Sounds:
    """A fixed mixture to draw from: 500 clusters in 32 dimensions, turned into 512, with noise."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._centres = self._rng.normal(size=(500, 32)).astype(np.float32)
        self._basis = self._rng.normal(size=(32, SPACE.dimension)).astype(np.float32)

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Unit vectors, shape (count, 512)."""
        rng = self._rng
        points = self._centres[rng.integers(0, len(self._centres), count)]
        points = points + 0.6 * rng.standard_normal((count, 32), dtype=np.float32)
        wide = points @ self._basis + rng.standard_normal((count, SPACE.dimension), dtype=np.float32)
        unit: NDArray[np.float32] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
        return unit

    def transcripts(self, count: int) -> list[str]:
        """Fifteen words each, the common ones often; `everywhere` is in every one."""
        drawn = _VOCABULARY[self._rng.choice(len(_VOCABULARY), (count, 15), p=_SHARES)]
        return [" ".join(words) + " everywhere" for words in drawn]


def clips(vectors: NDArray[np.float32], transcripts: list[str], first: int) -> list[Clip]:
    """The rows from number `first` on, two embeddings to a clip; every hundredth row is tagged."""
    return [_clip(first + offset, vectors[offset], transcripts[offset]) for offset in range(len(vectors))]


def tables(vectors: NDArray[np.float32], sounds: Sounds, batch: int = 20_000) -> Iterator[pa.Table]:
    """All rows as Arrow tables."""
    for first in range(0, len(vectors), batch):
        part = vectors[first : first + batch]
        yield to_table(SPACE, clips_schema(SPACE), clips(part, sounds.transcripts(len(part)), first))


def is_tagged(rows: int) -> NDArray[np.bool_]:
    """Which rows carry the tag."""
    tagged: NDArray[np.bool_] = np.arange(rows) % 100 == 0
    return tagged


def clip_number(clip: StoredClip) -> int:
    """Which clip it is: the number of its first row, halved."""
    return int(clip.asset_id.removeprefix("a_")) * _CLIPS_AN_ASSET // 2 + round(clip.start_sec / 6.0)


def _clip(number: int, vector: NDArray[np.float32], transcript: str) -> Clip:
    asset = f"a_{number // _CLIPS_AN_ASSET:08d}"
    start_sec = (number % _CLIPS_AN_ASSET) // 2 * 6.0
    return Clip(
        clip_id=clip_id_for(asset, start_sec, start_sec + 6.0),
        asset_id=asset,
        content_hash=f"hash of {asset}",
        task_id=f"t_{asset}",
        title=f"Recording {asset}",
        source_uri=f"file:///recordings/{asset}.wav",
        embedding_option=_OPTIONS[number % 2],
        embedding_scope="clip",
        start_sec=start_sec,
        end_sec=start_sec + 6.0,
        transcript=transcript,
        sound_words="speech",
        tags=(TAG,) if number % 100 == 0 else (),
        metadata_json="{}",
        segmentation="fixed:6",
        created_at=_NOW,
        vector=vector,
    )
