"""The worker job that recognises speech, passage by passage, and refuses words that nobody said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from soundbite_engine.audio.scratch import read_samples, speech_probabilities
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, Floats
from soundbite_engine.speech.doubts import is_invented
from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.speech.whisper import Phrase, Recogniser
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_SEC, Passage

# Fainter than this no word is looked for behind the last one that was recognised.
_LIKELY_SPEECH = 0.3


def recognise(
    report: Report,
    scratch: str,
    passages: Sequence[Passage],
    start_sec: float,
    model: str,
    language: str,
    hotwords: str = "",
) -> Recognition:
    """The words of `passages`; `start_sec` is the time of the scratch file's first sample, `model` a folder.

    `language` is the model's only one, or empty where it is to be detected.
    """
    recogniser, parts = Recogniser.load(model, language), []
    for done, passage in enumerate(passages):
        parts.append(_heard(recogniser, scratch, passage, start_sec, hotwords))
        report((done + 1) / len(passages))
    return Recognition.joined(parts)


def _heard(recogniser: Recogniser, scratch: str, passage: Passage, start_sec: float, hotwords: str) -> Recognition:
    samples = np.concatenate([read_samples(scratch, first, last) for first, last in passage])
    speech = speech_probabilities(scratch)
    ticks = np.concatenate([speech[first // TICK_SAMPLES : last // TICK_SAMPLES] for first, last in passage])
    phrases = list(recogniser.phrases(as_floats(samples), _last_speech_sec(ticks), hotwords))
    spoken = [phrase for phrase in phrases if not is_invented(phrase, _during(ticks, phrase), phrases)]
    words = [word for phrase in spoken for word in phrase.words]
    return Recognition(
        tuple(_placed(words, passage, start_sec)),
        float((ticks >= BEGIN_PROBABILITY).sum()) * TICK_SEC,
        -sum(phrase.log_probability * len(phrase.words) for phrase in phrases),
        sum(len(phrase.words) for phrase in phrases),
    )


def _last_speech_sec(ticks: Floats) -> float:
    likely = np.flatnonzero(ticks >= _LIKELY_SPEECH)
    return float(likely[-1] + 1) * TICK_SEC if likely.size else 0.0


def _during(ticks: Floats, phrase: Phrase) -> Floats:
    first, last = int(phrase.words[0].start_sec / TICK_SEC), int(phrase.words[-1].end_sec / TICK_SEC) + 1
    return ticks[first:last]


def _placed(words: Sequence[Word], passage: Passage, start_sec: float) -> Iterator[Word]:
    """`words` with times of the source; one belongs to the utterance that holds its middle."""
    lengths = [(last - first) / SAMPLE_RATE_HZ for first, last in passage]
    ends = np.cumsum(lengths)
    for word in words:
        number = min(int(np.searchsorted(ends, (word.start_sec + word.end_sec) / 2, side="right")), len(lengths) - 1)
        offset_sec = float(ends[number]) - lengths[number]  # of the utterance in the passage
        begin_sec = start_sec + passage[number][0] / SAMPLE_RATE_HZ  # of the utterance in the source
        start, end = (min(max(at - offset_sec, 0.0), lengths[number]) for at in (word.start_sec, word.end_sec))
        yield replace(word, start_sec=round(begin_sec + start, 3), end_sec=round(begin_sec + end, 3))
