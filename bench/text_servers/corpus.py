"""The same transcript clips and questions for Soundbite and for its peers, with the same vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from soundbite_engine.packs.installed import weights_folder
from soundbite_engine.text import TOKENIZER, SentenceEmbedder
from soundbite_server import Settings
from soundbite_server.libraries import open_library
from soundbite_store import Asset, Clip, clip_id_for

_WORDS_A_CLIP, _WORDS_A_QUESTION = 18, 6
_CLIPS_AN_ASSET = 500
_SEGMENT_SEC = 6.0
_VOCABULARY = 6_000
_BATCH = 10_000


@dataclass(frozen=True)
class Corpus:
    """Clips as words, and questions each of which is a part of one clip."""

    texts: list[str]
    questions: list[str]
    answers: list[str]
    """The clip that each question was taken from."""


def make_corpus(clips: int, questions: int) -> Corpus:
    """Return made-up sentences of English words, the common ones often; the same for the same numbers."""
    rng = np.random.default_rng(clips)
    pieces = json.loads((weights_folder("minilm-l6-v2") / TOKENIZER).read_text(encoding="utf-8"))["model"]["vocab"]
    words = np.array([each for each in pieces if each.isascii() and each.isalpha() and len(each) > 2][:_VOCABULARY])
    shares = 1.0 / np.arange(10, len(words) + 10)
    drawn = words[rng.choice(len(words), (clips, _WORDS_A_CLIP), p=shares / shares.sum())]
    texts = [" ".join(row) for row in drawn]
    chosen = rng.choice(clips, questions, replace=False)
    first = rng.integers(0, _WORDS_A_CLIP - _WORDS_A_QUESTION, questions)
    asked = [" ".join(texts[clip].split()[at : at + _WORDS_A_QUESTION]) for clip, at in zip(chosen, first, strict=True)]
    return Corpus(texts, asked, [texts[clip] for clip in chosen])


async def fill_soundbite(home: Path, texts: list[str]) -> None:
    """Write the clips as a library whose recordings are 500 clips long."""
    embedder = SentenceEmbedder.load(weights_folder("minilm-l6-v2"))
    async with open_library(Settings(home=home, roots=())) as library:
        store, ledger = await library.store(), await library.ledger()
        space = (await library.spaces.current()).space
        for asset in {_asset_id(number) for number in range(len(texts))}:
            await ledger.put_asset(_asset(asset, home))
        for first in range(0, len(texts), _BATCH):
            part = texts[first : first + _BATCH]
            speech = embedder.embed(part)
            vectors = np.hstack([np.zeros((len(part), space.dimension - speech.shape[1]), np.float32), speech])
            await store.upsert(space, list(_clips(first, part, vectors)))
        await store.optimise(space)


def _clips(first: int, texts: list[str], vectors: np.ndarray) -> Iterator[Clip]:
    for number, (text, vector) in enumerate(zip(texts, vectors, strict=True), first):
        asset = _asset_id(number)
        start_sec = number % _CLIPS_AN_ASSET * _SEGMENT_SEC
        yield Clip(
            clip_id=clip_id_for(asset, start_sec, start_sec + _SEGMENT_SEC),
            asset_id=asset,
            content_hash=asset,
            task_id="t_peers",
            title=f"Recording {number // _CLIPS_AN_ASSET}",
            source_uri=f"/recordings/{asset}.wav",
            embedding_option="transcription",
            embedding_scope="clip",
            start_sec=start_sec,
            end_sec=start_sec + _SEGMENT_SEC,
            transcript=text,
            sound_words="",
            tags=(),
            metadata_json="{}",
            segmentation="fixed:6",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            vector=vector,
        )


def _asset_id(number: int) -> str:
    return f"a_{hashlib.sha256(str(number // _CLIPS_AN_ASSET).encode()).hexdigest()[:20]}"


def _asset(asset_id: str, home: Path) -> Asset:
    # A file that is there, as those of a library are: the answers would say of each that it is gone.
    file = home / f"{asset_id}.wav"
    file.write_bytes(b".")
    return Asset(
        asset_id=asset_id,
        content_hash=asset_id,
        title=asset_id,
        source_uri=str(file),
        source_kind="file",
        size_bytes=1,
        mtime_ns=file.stat().st_mtime_ns,
        duration_sec=_CLIPS_AN_ASSET * _SEGMENT_SEC,
        tags=(),
        metadata_json="{}",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
