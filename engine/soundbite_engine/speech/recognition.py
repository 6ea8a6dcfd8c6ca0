"""The worker job that recognises speech, some passages at a time, and when a recogniser is not to be believed.

It may invent words, or not know the language. That was measured with Whisper tiny.en on 254 sounds of which one is
speech, read speech as it is, through a telephone and under noise, real calls, meetings and French poems, on which the
limits below were chosen too; `voice` is the mean probability of voice activity while a phrase is said, `log` the mean
log-probability of its words.

    sounds without speech   voice .01 to .22, sneezes up to .46; log from -.05 (barks as "No, no, no") to -6
    clean or noisy speech   voice from .8; log from -.5
    through a telephone     voice from .34; log from -.75
    calls and meetings      voice from .27 where log is over -.5, from .41 where it is not; log from -1.3
    French, by tiny.en      voice from .4; log -1.1 and -.8 over a whole recording, of English -.05 to -.45
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from soundbite_engine.audio.scratch import read_samples, speech_probabilities
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, Floats
from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.speech.whisper import Phrase, Recogniser
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import PASSAGE_BATCH, SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_SEC, Passage

# How much of a voice must be heard for words as sure as this.
_SURE, _DOUBTFUL, _HOPELESS = -0.45, -0.9, -1.35
_LEAST_VOICE = {_SURE: 0.22, _DOUBTFUL: 0.4, _HOPELESS: 0.55}
# Many different words that are all likely are said however faint the voice is.
_CERTAIN, _CERTAIN_WORDS, _LEAST_VOICE_CERTAIN = -0.3, 5, 0.1
# What Whisper writes for sounds without words: it was trained on the captions of films and of people who want clicks.
_STOCK = re.compile(
    r"(?:okay|ok|oh|ah|aah|uh|um|hmm|mm-hmm|yeah|you|bye|bye-bye|yay|wow|whoa|huh|ha|hey|so|and|the|i|i'm sorry|no|"
    r"that's it|thanks|thank you(?: very much| so much)?(?: for watching)?|thanks for watching|"
    r"(?:we'll )?see you (?:next time|in the next video)|please subscribe|music|applause|laughter|silence|beep)"
)
_STOCK_VOICE = 0.5
_PROMPTED_WORDS = 2
# Others this near show that somebody talks.
_NEAR_SEC = 15.0
# And so near it is one who talks on.
_ALONG_SEC = 1.0
_MOST_REPETITIVE = 2.4
_REPEATED_WORDS = 4
_MARKS = re.compile(r"[^\w' -]+")
# Of a recording: so much speech, of which the words are so unlikely, is in another language than the recogniser's.
_FOREIGN_SPEECH_SEC, _FOREIGN_LOG_PROBABILITY = 8.0, -0.65
# So much likely speech between two words means that the network left something out: it stops early at times, and at
# times begins late.
_LIKELY_SPEECH = 0.3
_GAP_TICKS = round(1.2 / TICK_SEC)


def is_invented(phrase: Phrase, speech: Floats, others: Sequence[Phrase] = (), *, is_prompted: bool = False) -> bool:
    """Whether nobody said `phrase`.

    `speech` are the probabilities of voice activity while it is said, `others` the phrases of the same passage; a
    recogniser that `is_prompted` was told names, and writes one at times where there is a noise ("Alisha").
    """
    voice = float(speech.mean()) if speech.size else 0.0
    text = _bare(phrase)
    if not _is_text(phrase) or _is_repeated(text, others):
        return True
    is_stock = bool(_STOCK.fullmatch(text)) or (is_prompted and len(phrase.words) <= _PROMPTED_WORDS)
    if is_stock and voice < _STOCK_VOICE and not any(_is_near(phrase, other) for other in others):
        return True
    if phrase.log_probability >= _CERTAIN and len(set(text.split())) >= _CERTAIN_WORDS:
        return voice < _LEAST_VOICE_CERTAIN
    return all(phrase.log_probability < least or voice < _LEAST_VOICE[least] for least in _LEAST_VOICE)


def is_said_along(phrase: Phrase, believed: Sequence[Phrase]) -> bool:
    """Whether the voice that says the `believed` phrases says this one too: a short one begins faintly at times."""
    if not _is_text(phrase) or _STOCK.fullmatch(_bare(phrase)):
        return False
    return phrase.log_probability >= _DOUBTFUL and any(_is_near(phrase, other, _ALONG_SEC) for other in believed)


def _bare(phrase: Phrase) -> str:
    return _MARKS.sub("", phrase.text.lower()).strip()


def _is_text(phrase: Phrase) -> bool:
    return bool(_bare(phrase)) and phrase.repetitiveness <= _MOST_REPETITIVE


def _is_near(phrase: Phrase, other: Phrase, near_sec: float = _NEAR_SEC) -> bool:
    if other is phrase:
        return False
    after, before = other.words[0].start_sec - phrase.words[-1].end_sec, phrase.words[0].start_sec
    return max(after, before - other.words[-1].end_sec) < near_sec


def _is_repeated(text: str, others: Sequence[Phrase]) -> bool:
    """Whether the network went round in a circle."""
    if len(text.split()) < _REPEATED_WORDS:
        return False
    return sum(_bare(other) == text for other in others) > 2


def warnings_about(recognition: Recognition, language: str) -> tuple[str, ...]:
    """What is to be told of a recording's words; `language` is the recogniser's only one, or empty."""
    if language and is_foreign(recognition):
        return (
            "The speech sounds like another language than English, which is the recogniser's only one, or is hard to "
            "understand; its words are not to be trusted. `soundbite models pull full` brings a recogniser of about "
            "100 languages.",
        )
    return ()


def words_of(recognition: Recognition, language: str) -> tuple[Word, ...]:
    """The words of a recording; without a language where it is not `language`, the recogniser's only one."""
    if language and is_foreign(recognition):
        return tuple(replace(word, language="") for word in recognition.words)
    return tuple(recognition.words)


def is_foreign(recognition: Recognition) -> bool:
    """Whether a good deal is said of which hardly a word is likely."""
    if recognition.speech_sec < _FOREIGN_SPEECH_SEC:
        return False
    words = recognition.doubted_words
    return not words or -recognition.doubt / words < _FOREIGN_LOG_PROBABILITY


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
    # Never the tick in which a word ends: what begins there would be sorted in front of a short word at its end.
    begins = [0, *(math.ceil(word.end_sec / TICK_SEC) for word in words)]
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
