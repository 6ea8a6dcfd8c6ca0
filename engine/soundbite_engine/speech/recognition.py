"""The worker job that recognises speech, some passages at a time, and refuses words that nobody said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from soundbite_engine.audio.scratch import read_samples, speech_probabilities
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, Floats
from soundbite_engine.speech.doubts import is_invented, is_said_along
from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.speech.whisper import Phrase, Recogniser
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import PASSAGE_BATCH, SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_SEC, Passage

# So much likely speech between two words means that the network left something out: it stops early at times, and at
# times begins late.
_LIKELY_SPEECH = 0.3
_GAP_TICKS = round(1.2 / TICK_SEC)


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
    sounds = [
        as_floats(np.concatenate([read_samples(scratch, first, last) for first, last in passage]))
        for passage in passages
    ]
    speech = speech_probabilities(scratch)
    ticks = [
        np.concatenate([speech[first // TICK_SAMPLES : last // TICK_SAMPLES] for first, last in passage])
        for passage in passages
    ]
    heard = _heard(Recogniser.load(model, language), sounds, ticks, hotwords)
    report(1.0)
    return Recognition.joined(
        [
            _believed(*parts, start_sec, is_prompted=bool(hotwords))
            for parts in zip(heard, ticks, passages, strict=True)
        ],
    )


def _heard(
    recogniser: Recogniser, sounds: Sequence[Floats], ticks: Sequence[Floats], hotwords: str
) -> list[list[Phrase]]:
    """The phrases of each sound; what the network left out of one is recognised by itself."""
    heard = recogniser.phrases(sounds, hotwords)
    gaps = [(number, gap) for number, phrases in enumerate(heard) for gap in _gaps(phrases, ticks[number])]
    for at in range(0, len(gaps), PASSAGE_BATCH):
        batch = gaps[at : at + PASSAGE_BATCH]
        parts = [sounds[number][first * TICK_SAMPLES : last * TICK_SAMPLES] for number, (first, last) in batch]
        for (number, (first, _)), phrases in zip(batch, recogniser.phrases(parts, hotwords), strict=True):
            heard[number] += [phrase.later(first * TICK_SEC) for phrase in phrases]
    return [sorted(phrases, key=lambda phrase: phrase.words[0].start_sec) for phrases in heard]


def _gaps(phrases: Sequence[Phrase], ticks: Floats) -> Iterator[tuple[int, int]]:
    """From which tick to which much is said that is in no phrase; none where nothing was recognised at all."""
    words = [word for phrase in phrases for word in phrase.words]
    begins = [0, *(int(word.end_sec / TICK_SEC) for word in words)]
    ends = [*(int(word.start_sec / TICK_SEC) for word in words), ticks.size]
    for first, last in zip(begins, ends, strict=True) if words else ():
        if (ticks[first:last] >= _LIKELY_SPEECH).sum() >= _GAP_TICKS:
            yield first, last


def _believed(
    phrases: Sequence[Phrase], ticks: Floats, passage: Passage, start_sec: float, *, is_prompted: bool
) -> Recognition:
    """What of the phrases of a passage was said; `ticks` are the probabilities of speech in it."""
    sure = [
        phrase
        for phrase in phrases
        if not is_invented(phrase, _during(ticks, phrase), phrases, is_prompted=is_prompted)
    ]
    spoken = [phrase for phrase in phrases if phrase in sure or is_said_along(phrase, sure)]
    words = [word for phrase in spoken for word in phrase.words]
    return Recognition(
        tuple(_placed(words, passage, start_sec)),
        float((ticks >= BEGIN_PROBABILITY).sum()) * TICK_SEC,
        -sum(phrase.log_probability * len(phrase.words) for phrase in phrases),
        sum(len(phrase.words) for phrase in phrases),
    )


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
