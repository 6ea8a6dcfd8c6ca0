"""Words with times and probabilities from speech, by Whisper: one recogniser for every size of its models."""

from __future__ import annotations

import importlib
import logging
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.audio.spectra import Floats
from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.machine import CPU, give_back, speech_device
from soundbite_engine.speech.transcripts import UNSPACED_LANGUAGES, Word, sentence_runs
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

_log = logging.getLogger(__name__)
# One takes .73 of the time of five, so to try it first pays only where three passages of four would be believed; it
# wrote the words of five in 2 of 13 passages of 28 s from calls, meetings and a reading.
_BEAMS = 5
_LEAST_PROBABILITY = 1e-6
_SEEK_HZ = 100  # the unit of a segment's place


@dataclass(frozen=True)
class Phrase:
    """A sentence that the network wrote."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.value for word in self.words)

    def later(self, seconds: float) -> Phrase:
        """The same, so much later."""
        return Phrase(
            tuple(
                replace(word, start_sec=word.start_sec + seconds, end_sec=word.end_sec + seconds) for word in self.words
            )
        )

    @property
    def repetitiveness(self) -> float:
        """How much shorter its text becomes where repetitions are left out: about 1 for speech."""
        text = self.text.encode()
        return len(text) / len(zlib.compress(text))

    @property
    def log_probability(self) -> float:
        """The mean over the words."""
        logs = [math.log(max(word.probability, _LEAST_PROBABILITY)) for word in self.words]
        return sum(logs) / len(logs)


@dataclass(frozen=True)
class Recogniser:
    """A Whisper model of one language, or of about a hundred where `language` is empty: then it is detected."""

    _pipeline: Any
    language: str

    @classmethod
    @cache
    def load(cls, folder: str, language: str) -> Recogniser:
        """The model in `folder` (CTranslate2), kept for the next call.

        Raises:
            EngineError: there is none, or it can't be loaded.
        """
        whisper = importlib.import_module("faster_whisper")  # by name: only a worker pays for it
        # The small one of the install is quick enough where the rest of the work is done.
        wanted = CPU if language else speech_device()
        try:
            model = _model(whisper, folder, wanted)
        except (RuntimeError, ValueError, OSError) as exc:
            raise EngineError(
                "pack_missing",
                f"the recogniser in {Path(folder).name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}",
            ) from exc
        if model.model.device == "cpu":
            model.encode = _passage_by_passage(model.encode)
        return cls(whisper.BatchedInferencePipeline(model), language or ("" if model.model.is_multilingual else "en"))

    def phrases(self, sounds: Sequence[Floats], hotwords: str = "") -> list[list[Phrase]]:
        """What is said in each of `sounds` (float32, 16 kHz, at most `PASSAGE_SEC`), times from its own begin.

        They go through the network side by side, which saves time. `hotwords` are names that are
        likelier than the network knows.
        """
        ends_sec = np.cumsum([sound.size for sound in sounds]) / SAMPLE_RATE_HZ
        begins_sec = [0.0, *ends_sec[:-1].tolist()]
        segments, about = self._pipeline.transcribe(
            np.concatenate(sounds),
            clip_timestamps=[
                {"start": begin, "end": end} for begin, end in zip(begins_sec, ends_sec.tolist(), strict=True)
            ],
            batch_size=len(sounds),
            language=self.language or None,
            beam_size=_BEAMS,
            temperature=0.0,  # never sampled: the same sound has the same words every time
            word_timestamps=True,
            without_timestamps=True,  # with them the network leaves out a sentence that its thirty seconds cut off
            vad_filter=False,  # a passage comes from voice activity already
            hotwords=hotwords or None,
        )
        heard: list[list[Phrase]] = [[] for _ in sounds]
        for segment in segments:
            begin_sec = segment.seek / _SEEK_HZ  # of its sound, rounded down
            number = int(np.searchsorted(ends_sec, begin_sec + 1 / _SEEK_HZ, side="right"))
            length_sec = sounds[number].size / SAMPLE_RATE_HZ
            words = list(_words(segment.words or (), about.language, begin_sec, length_sec))
            heard[number] += [Phrase(tuple(run)) for run in sentence_runs(words)]
        return heard


def _model(whisper: Any, folder: str, wanted: tuple[str, str]) -> Any:
    for device, numbers in dict.fromkeys((wanted, CPU)):
        try:
            # One thread: two processes of one are twice as quick as one of two (bench/full_settings.py). Nothing is
            # ever fetched from the network.
            return whisper.WhisperModel(
                folder, device=device, compute_type=numbers, cpu_threads=1, local_files_only=True
            )
        except (RuntimeError, ValueError):
            if (device, numbers) == CPU:
                raise
            _log.warning("The recogniser runs on the processor: the graphics processor can't be used.", exc_info=True)
    raise AssertionError


def _passage_by_passage(encode: Callable[..., Any]) -> Callable[..., Any]:
    """The encoder for passages one after the other: the same numbers for less memory and time than side by side.

    What it attends to is 54 MB a passage, which is more than the caches of a processor hold of two.
    """

    def encoded(features: Floats) -> Any:
        passages = features[None] if features.ndim == 2 else features
        alone = [encode(passage[None]) for passage in passages]
        give_back()  # before the words are looked for, which takes as much again
        if len(alone) == 1:
            return alone[0]
        views = importlib.import_module("ctranslate2").StorageView
        return views.from_array(np.concatenate([np.asarray(one) for one in alone]))

    return encoded


def _words(heard: Sequence[Any], language: str, begin_sec: float, length_sec: float) -> Iterator[Word]:
    """Whole words: the network's own are cut at marks ("$4" ",000")."""
    part: list[Any] = []
    is_spaced = language not in UNSPACED_LANGUAGES
    for piece in heard:
        if part and not (is_spaced and piece.word[:1].strip()):
            yield _word(part, language, begin_sec, length_sec)
            part = []
        part.append(piece)
    if part:
        yield _word(part, language, begin_sec, length_sec)


def _word(pieces: Sequence[Any], language: str, begin_sec: float, length_sec: float) -> Word:
    # The network always hears thirty seconds, and at times puts a word into the silence behind what it was given.
    start, end = (
        min(max(0.0, round(float(at) - begin_sec, 2)), length_sec) for at in (pieces[0].start, pieces[-1].end)
    )
    value = "".join(piece.word for piece in pieces).strip()
    return Word(value, start, end, min(float(piece.probability) for piece in pieces), language)
