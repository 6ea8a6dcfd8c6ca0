"""The items of an answer: vectors of all options and scopes, from the blocks of segments and what is said in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soundbite_engine.sound.sound_blocks import BLOCKS, Described, Floats, joined
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.workers.plans import Segment


@dataclass(frozen=True, eq=False)
class Embedding:
    """A vector (float32, unit length) of a span of the source, and the words said in it.

    `probability` is the mean of the words', `language` that of most of them, empty where it is not known.
    """

    vector: Floats
    option: str
    scope: str
    start_sec: float
    end_sec: float
    transcript: str
    sounds: tuple[str, ...] = ()
    """Names of what is heard in it."""
    probability: float = 1.0
    language: str = ""


def embeddings(
    segments: Sequence[Segment],
    sayings: Sequence[Sentence],
    whole_saying: Sentence,
    heard: Described | None,
    speech: Floats | None,
    options: Sequence[str],
    scopes: Sequence[str],
    blocks: Mapping[str, int] = BLOCKS,
) -> tuple[Embedding, ...]:
    """The items of all `options` and `scopes`, from blocks by segment (None where not asked for).

    `sayings` are what is said in each segment, `whole_saying` what is said in all.

    A segment without words has no `transcription` item, and its `fused` vector is its sound alone.
    """
    items: list[Embedding] = []
    if "clip" in scopes:
        for option in options:
            items.extend(_items(segments, sayings, heard, _vectors(option, heard, speech, blocks), option, "clip"))
    if "asset" in scopes:
        seconds = np.array([segment.seconds for segment in segments], np.float32)
        words = np.array([len(saying.value.split()) for saying in sayings], np.float32)
        whole = Segment(segments[0].start_sec, segments[-1].end_sec, "window")
        heard_all = heard.as_one(seconds) if heard is not None else None
        speech_mean = (words @ speech)[None] if speech is not None else None
        for option in options:
            vectors = _vectors(option, heard_all, speech_mean, blocks)
            items.extend(_items([whole], [whole_saying], heard_all, vectors, option, "asset"))
    return tuple(items)


def _vectors(option: str, heard: Described | None, speech: Floats | None, blocks: Mapping[str, int]) -> Floats:
    sound = heard.blocks if heard is not None and option in ("audio", "fused") else None
    return joined(sound, speech if option in ("transcription", "fused") else None, blocks)


def _items(
    segments: Sequence[Segment],
    sayings: Sequence[Sentence],
    heard: Described | None,
    vectors: Floats,
    option: str,
    scope: str,
) -> Iterator[Embedding]:
    names = heard.names if heard is not None else ((),) * len(segments)
    for segment, saying, sounds, vector in zip(segments, sayings, names, vectors, strict=True):
        if option != "transcription" or vector.any():
            times = segment.start_sec, segment.end_sec
            yield Embedding(vector, option, scope, *times, saying.value, sounds, saying.probability, saying.language)
