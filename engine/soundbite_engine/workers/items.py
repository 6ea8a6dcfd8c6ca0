"""The items of an answer: one per option and segment, and one per option for the whole window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soundbite_engine.sound.described import Described
from soundbite_engine.space import BLOCKS, Floats, joined
from soundbite_engine.workers.plans import Segment


@dataclass(frozen=True, eq=False)
class Embedding:
    """A vector (float32, unit length) of a span of the source, and the words said in it."""

    vector: Floats
    option: str
    scope: str
    start_sec: float
    end_sec: float
    transcript: str
    sounds: tuple[str, ...] = ()
    """Names of what is heard in it."""


def embeddings(
    segments: Sequence[Segment],
    texts: Sequence[str],
    heard: Described | None,
    speech: Floats | None,
    options: Sequence[str],
    scopes: Sequence[str],
    blocks: Mapping[str, int] = BLOCKS,
) -> tuple[Embedding, ...]:
    """The items of all `options` and `scopes`, from blocks by segment (None where not asked for).

    A segment without words has no `transcription` item, and its `fused` vector is its sound alone.
    """
    items: list[Embedding] = []
    if "clip" in scopes:
        for option in options:
            items.extend(_items(segments, texts, heard, _vectors(option, heard, speech, blocks), option, "clip"))
    if "asset" in scopes:
        seconds = np.array([segment.seconds for segment in segments], np.float32)
        words = np.array([len(text.split()) for text in texts], np.float32)
        whole = Segment(segments[0].start_sec, segments[-1].end_sec, "window")
        heard_all = heard.as_one(seconds) if heard is not None else None
        speech_mean = (words @ speech)[None] if speech is not None else None
        for option in options:
            vectors = _vectors(option, heard_all, speech_mean, blocks)
            items.extend(_items([whole], [" ".join(filter(None, texts))], heard_all, vectors, option, "asset"))
    return tuple(items)


def _vectors(option: str, heard: Described | None, speech: Floats | None, blocks: Mapping[str, int]) -> Floats:
    sound = heard.blocks if heard is not None and option in ("audio", "fused") else None
    return joined(sound, speech if option in ("transcription", "fused") else None, blocks)


def _items(
    segments: Sequence[Segment],
    texts: Sequence[str],
    heard: Described | None,
    vectors: Floats,
    option: str,
    scope: str,
) -> Iterator[Embedding]:
    names = heard.names if heard is not None else ((),) * len(segments)
    for segment, text, sounds, vector in zip(segments, texts, names, vectors, strict=True):
        if option != "transcription" or vector.any():
            yield Embedding(vector, option, scope, segment.start_sec, segment.end_sec, text, sounds)
