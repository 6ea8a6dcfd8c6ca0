"""Sentences to vectors, alone and with what is said around them, by all-MiniLM-L6-v2 in 8 bits on onnxruntime."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.machine import give_back
from soundbite_engine.sound.sound_blocks import Floats, unit_rows
from soundbite_engine.speech.transcripts import Sentence

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
MOST_TOKENS = 256
_BATCH_TOKENS = 128  # more at a time is no quicker, and takes more memory: 512 tokens 30 MB
_LONGER = 1.15
# How much the vector of a clip with its two neighbours counts beside its own. Over three calls and a reading the right
# range comes first for .56 of the questions with .5, .58 with 1 and .62 with 1.5; the more it is, the fewer of the
# questions that nothing answers are refused (.38 with 1, .29 with 1.5). On 112 questions it hardly tells.
NEIGHBOUR_WEIGHT = 1.0
# Turns of a conversation are short, and a reply is about what was asked some turns before: with the one clip before and
# after alone, R@1 is .59 instead of .62. With the mean of the vectors from 20 s before a clip to 8 s after it added to
# its own, R@1 is .67, and .51 instead of .47 on meetings; but of the five clips that are most like one of a meeting,
# 93 % are then what is said within 20 s of it, and 45 % without, so that `like` finds hardly anything else.
AROUND_SEC = 8.0
# What is said after a longer silence is about something else.
_LONGEST_GAP_SEC = 10.0


@dataclass(frozen=True, eq=False)
class SentenceEmbedder:
    """A sentence transformer: the mean of its last layer over the tokens of a text, at unit length.

    Immutable after loading, so one instance serves any number of threads.
    """

    _session: Any
    _tokenizer: Any
    _inputs: frozenset[str]

    @classmethod
    @cache
    def load(cls, folder: Path) -> SentenceEmbedder:
        """The model in `folder` (model.onnx, tokenizer.json): about .3 s and 90 MB, kept for the next call.

        Raises:
            EngineError: a file is missing or can't be read.
        """
        runtime, tokenizers = importlib.import_module("onnxruntime"), importlib.import_module("tokenizers")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
            session = runtime.InferenceSession(
                str(folder / MODEL), _options(runtime), providers=["CPUExecutionProvider"]
            )
        except Exception as exc:  # both raise types of their own, and plain ones
            raise EngineError(
                "pack_missing",
                f"the text model in {folder.name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}",
            ) from exc
        give_back()  # the weights as they were read, beside what is made of them: 60 MB
        tokenizer.no_padding()
        tokenizer.enable_truncation(MOST_TOKENS)
        return cls(session, tokenizer, frozenset(given.name for given in session.get_inputs()))

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, float32 (texts, dimension); zeros for a text without any letter or digit."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        encodings = [(number, self._tokenizer.encode(text)) for number, text in enumerate(texts) if _has_words(text)]
        for batch in _batches(encodings):
            vectors[[number for number, _ in batch]] = self._means([encoding for _, encoding in batch])
        return unit_rows(vectors)

    @property
    def dimension(self) -> int:
        return int(self._session.get_outputs()[0].shape[-1])

    def _means(self, encodings: Sequence[Any]) -> Floats:
        """The mean over the tokens of each text."""
        length = max(len(encoding.ids) for encoding in encodings)
        ids, mask = np.zeros((2, len(encodings), length), np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        tokens = self._session.run(None, {name: given[name] for name in given if name in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        means: Floats = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
        return means


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _batches(encodings: Sequence[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    """Texts of nearly one length together, so that hardly anything is computed for what fills the shorter ones up."""
    batch: list[tuple[int, Any]] = []
    for number, encoding in sorted(encodings, key=lambda entry: len(entry[1].ids)):
        length = len(encoding.ids)
        is_full = batch and (len(batch) + 1) * length > _BATCH_TOKENS
        if is_full or (batch and length > _LONGER * len(batch[0][1].ids) + 1):
            yield batch
            batch = []
        batch.append((number, encoding))
    if batch:
        yield batch


def _options(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it grows by powers of two and keeps all of it
    options.log_severity_level = 4
    return options


def clip_vectors(embedder: SentenceEmbedder, clips: Sequence[Sentence]) -> Floats:
    """Unit vectors, float32 (clips, dimension), of clips in order of time; zeros for one without words."""
    own = embedder.embed([clip.value for clip in clips])
    spoken = [at for at, clip in enumerate(clips) if clip.value and own[at].any()]
    around = embedder.embed(surroundings([clips[at] for at in spoken]))
    mixed = own.copy()
    mixed[spoken] += np.float32(NEIGHBOUR_WEIGHT) * around
    return unit_rows(mixed)


def surroundings(clips: Sequence[Sentence]) -> list[str]:
    """Each clip's words with those around it: of the clip before and after, and of further ones within `AROUND_SEC`."""
    return [_with_neighbours(clips, place) for place in range(len(clips))]


def _with_neighbours(clips: Sequence[Sentence], place: int) -> str:
    before = _neighbours(clips, range(place, -1, -1))
    after = _neighbours(clips, range(place, len(clips)))
    return " ".join([*reversed(before), clips[place].value, *after])


def _neighbours(clips: Sequence[Sentence], places: Sequence[int]) -> list[str]:
    """What is said next to the first of `places`, nearest first."""
    clip, near, texts = clips[places[0]], clips[places[0]], list[str]()
    for place in places[1:]:
        other = clips[place]
        is_far = texts and max(clip.start_sec - other.start_sec, other.end_sec - clip.end_sec) > AROUND_SEC
        if is_far or max(near.start_sec - other.end_sec, other.start_sec - near.end_sec) > _LONGEST_GAP_SEC:
            break
        texts.append(other.value)
        near = other
    return texts
