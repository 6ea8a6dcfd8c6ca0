"""The worker job that recognises speech of any language with Whisper."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.speech.transcripts import Word
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.listening import read_samples
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, Utterance

# The network takes thirty seconds whatever it is given; two of them are left for what a cut may add.
WINDOW_SEC = 28.0
_BEAMS = 5


def recognise(
    report: Report, scratch: str, utterances: Sequence[Utterance], start_sec: float, model: str
) -> tuple[Word, ...]:
    """Words of `utterances`; `start_sec` is the time of the scratch file's first sample, `model` a folder."""
    recogniser = _recogniser(model)
    words: list[Word] = []
    windows = list(_windows(utterances))
    for done, (first, last) in enumerate(windows):
        sound = as_floats(read_samples(scratch, first, last))
        words.extend(_words(recogniser, sound, start_sec + first / SAMPLE_RATE_HZ))
        report((done + 1) / len(windows))
    return tuple(words)


def _windows(utterances: Sequence[Utterance]) -> Iterator[Utterance]:
    """Neighbouring utterances together, as many as the network takes at a time."""
    begun: Utterance | None = None
    for first, last in utterances:
        if begun is not None and last - begun[0] <= WINDOW_SEC * SAMPLE_RATE_HZ:
            begun = (begun[0], last)
            continue
        if begun is not None:
            yield begun
        begun = (first, last)
    if begun is not None:
        yield begun


@cache
def _recogniser(model: str) -> Any:
    whisper = importlib.import_module("faster_whisper")  # by name: it is an extra
    try:
        # One thread: two processes of one are twice as quick as one of two (bench/full_settings.py). One window at a
        # time: four save a quarter of the time, take twice the memory, and can't be tried again one by one when the
        # network repeats itself. Nothing is ever fetched from the network.
        return whisper.WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    except (RuntimeError, ValueError, OSError) as exc:
        raise EngineError(
            "pack_missing",
            f"the recogniser in {Path(model).name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}",
        ) from exc


def _words(recogniser: Any, sound: Any, start_sec: float) -> Iterator[Word]:
    segments, _ = recogniser.transcribe(
        sound,
        beam_size=_BEAMS,
        word_timestamps=True,
        condition_on_previous_text=False,  # a window stands alone: an error must not be handed on
        vad_filter=False,  # the utterances come from voice activity already
    )
    # The network always hears thirty seconds, and at times puts a word into the silence behind what it was given.
    length_sec = len(sound) / SAMPLE_RATE_HZ
    for segment in segments:
        for word in segment.words or ():
            if value := word.word.strip():
                start, end = (round(start_sec + min(float(at), length_sec), 3) for at in (word.start, word.end))
                yield Word(value, start, end)
