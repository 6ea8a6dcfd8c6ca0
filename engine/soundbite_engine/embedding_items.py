"""The items of an answer: one per option and segment, and one per option for the whole window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from soundbite_engine.plans import Segment
from soundbite_engine.space import Floats, joined


@dataclass(frozen=True, eq=False)
class Embedding:
    """A vector (float32, unit length) of a span of the source, and the words said in it."""

    vector: Floats
    option: str
    scope: str
    start_sec: float
    end_sec: float
    transcript: str


def embeddings(
    segments: Sequence[Segment],
    texts: Sequence[str],
    sound: Floats | None,
    speech: Floats | None,
    options: Sequence[str],
    scopes: Sequence[str],
) -> tuple[Embedding, ...]:
    """The items of all `options` and `scopes`, from blocks by segment (None where not asked for).

    A segment without words has no `transcription` item, and its `fused` vector is its sound alone.
    """
    items: list[Embedding] = []
    if "clip" in scopes:
        for option in options:
            items.extend(_items(segments, texts, _vectors(option, sound, speech), option, "clip"))
    if "asset" in scopes:
        seconds = np.array([segment.seconds for segment in segments], np.float32)
        words = np.array([len(text.split()) for text in texts], np.float32)
        whole = Segment(segments[0].start_sec, segments[-1].end_sec, "window")
        sound_mean, speech_mean = _mean(sound, seconds), _mean(speech, words)
        for option in options:
            vectors = _vectors(option, sound_mean, speech_mean)
            items.extend(_items([whole], [" ".join(filter(None, texts))], vectors, option, "asset"))
    return tuple(items)


def _vectors(option: str, sound: Floats | None, speech: Floats | None) -> Floats:
    return joined(
        sound if option in ("audio", "fused") else None, speech if option in ("transcription", "fused") else None
    )


def _mean(blocks: Floats | None, weights: Floats) -> Floats | None:
    return None if blocks is None else (weights @ blocks)[None]


def _items(
    segments: Sequence[Segment], texts: Sequence[str], vectors: Floats, option: str, scope: str
) -> Iterator[Embedding]:
    for segment, text, vector in zip(segments, texts, vectors, strict=True):
        if option != "transcription" or vector.any():
            yield Embedding(vector, option, scope, segment.start_sec, segment.end_sec, text)
