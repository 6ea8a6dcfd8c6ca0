"""Words with times and probabilities from speech, by Whisper: one recogniser for every size of its models."""

from __future__ import annotations

import importlib
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from soundbite_engine.audio.spectra import Floats
from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.speech.transcripts import UNSPACED_LANGUAGES, Word
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

_BEAMS = 5
# So much speech may be left behind the last word without another look at it: the network is at times a little early.
_REST_SEC = 0.35
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Phrase:
    """What the network wrote in one go."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.value for word in self.words)

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

    _model: Any
    language: str

    @classmethod
    @cache
    def load(cls, folder: str, language: str) -> Recogniser:
        """The model in `folder` (CTranslate2), kept for the next call.

        Raises:
            EngineError: there is none, or it can't be loaded.
        """
        whisper = importlib.import_module("faster_whisper")  # by name: only a worker pays for it
        try:
            # One thread: two processes of one are twice as quick as one of two (bench/full_settings.py). Nothing is
            # ever fetched from the network.
            model = whisper.WhisperModel(
                folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as exc:
            raise EngineError(
                "pack_missing",
                f"the recogniser in {Path(folder).name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}",
            ) from exc
        return cls(model, language or ("" if model.model.is_multilingual else "en"))

    def phrases(self, sound: Floats, spoken_sec: float, hotwords: str = "") -> Iterator[Phrase]:
        """What is said in `sound` (float32, 16 kHz, at most `PASSAGE_SEC`), times from its begin.

        `spoken_sec` is where the last speech ends. `hotwords` are names that are likelier than the network knows.
        """
        segments, about = self._model.transcribe(
            sound,
            language=self.language or None,
            beam_size=_BEAMS,
            temperature=0.0,  # never sampled: the same sound has the same words every time
            word_timestamps=True,
            condition_on_previous_text=False,  # a passage stands alone: an error must not be handed on
            vad_filter=False,  # a passage comes from voice activity already
            hotwords=hotwords or None,
        )
        length_sec = sound.size / SAMPLE_RATE_HZ
        for segment in segments:
            if words := tuple(_words(segment.words or (), about.language, length_sec)):
                yield Phrase(words)
            # The next segment may mean another pass over what is left, which costs as much as the first.
            if segment.end > spoken_sec - _REST_SEC:
                return


def _words(heard: Sequence[Any], language: str, length_sec: float) -> Iterator[Word]:
    """Whole words: the network's own are cut at marks ("$4" ",000")."""
    part: list[Any] = []
    is_spaced = language not in UNSPACED_LANGUAGES
    for piece in heard:
        if part and not (is_spaced and piece.word[:1].strip()):
            yield _word(part, language, length_sec)
            part = []
        part.append(piece)
    if part:
        yield _word(part, language, length_sec)


def _word(pieces: Sequence[Any], language: str, length_sec: float) -> Word:
    # The network always hears thirty seconds, and at times puts a word into the silence behind what it was given.
    start, end = (min(float(at), length_sec) for at in (pieces[0].start, pieces[-1].end))
    value = "".join(piece.word for piece in pieces).strip()
    return Word(value, start, end, min(float(piece.probability) for piece in pieces), language)
