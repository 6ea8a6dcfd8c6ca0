"""When a recogniser is not to be believed: words that it invents, and languages that it does not know.

Measured with Whisper tiny.en on 254 sounds of which one is speech, read speech as it is, through a telephone and under
noise, real calls, meetings and French poems, on which the limits below were chosen too; `voice` is the mean probability
of voice activity while a phrase is said, `log` the mean log-probability of its words.

    sounds without speech   voice .01 to .22, sneezes up to .46; log from -.05 (barks as "No, no, no") to -6
    clean or noisy speech   voice from .8; log from -.5
    through a telephone     voice from .34; log from -.75
    calls and meetings      voice from .27 where log is over -.5, from .41 where it is not; log from -1.3
    French, by tiny.en      voice from .4; log -1.1 and -.8 over a whole recording, of English -.05 to -.45
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from soundbite_engine.audio.voice_activity import Floats
from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.speech.whisper import Phrase

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
