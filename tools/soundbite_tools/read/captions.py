"""Captions: what is said, in cues that fit a screen for as long as they are read."""

from __future__ import annotations

import textwrap
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_tools.text import ERASED_LINE
from soundbite_tools.words.timed_words import spread_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundbite_store import StoredTranscript, TimedText

# The usual limits of broadcasters' style guides (BBC, Netflix).
LINE_CHARACTERS, CUE_LINES = 42, 2
SHORTEST_SEC, LONGEST_SEC = 1.0, 7.0
# Words without sentences are put together until somebody pauses.
_PAUSE_SEC = 1.2
_CLAUSE_ENDS = (",", ";", ":", "-", "–", "—", ".", "!", "?", "…", "、", "，", "。", "！", "？")  # noqa: RUF001
# How much a cut after the end of a clause is worth, in seconds of pause; and what the least even cut costs.
_CLAUSE_WORTH_SEC, _UNEVEN_COST_SEC = 0.6, 1.2


def cues(transcript: StoredTranscript, mark: Callable[[str], str] = lambda _: "") -> list[TimedText]:
    """The sentences of `transcript`, long ones cut where a clause ends or the speaker pauses.

    A cue has at most two lines of 42 characters and 7 s; one of less than a second stays until the next, or for a
    second. A sentence whose words are not known is cut by its characters, its time in proportion. `mark` is what a
    sentence begins with for its speaker, where that is another than before.
    """
    sentences = transcript.sentences or _runs(transcript.words)
    begins = [word.start_sec for word in transcript.words]
    parts: list[TimedText] = []
    before = ""
    for sentence in sentences:
        if sentence.value == ERASED_LINE:
            parts.append(replace(sentence, end_sec=min(sentence.end_sec, sentence.start_sec + LONGEST_SEC)))
            continue
        first, last = bisect_left(begins, sentence.start_sec - 0.005), bisect_left(begins, sentence.end_sec)
        label = mark(sentence.speaker) if sentence.speaker != before else ""
        parts += _parts(sentence, transcript.words[first:last], label)
        before = sentence.speaker
    return _lasting(parts)


def caption_lines(value: str) -> list[str]:
    """`value` in lines of at most 42 characters, as even as its words allow."""
    lines = textwrap.wrap(value, LINE_CHARACTERS)
    if len(lines) != CUE_LINES:
        return lines
    for width in range(len(value) // 2, LINE_CHARACTERS):
        even = textwrap.wrap(value, width, break_long_words=False)
        if len(even) == CUE_LINES:
            return even
    return lines


def _runs(words: Sequence[TimedText]) -> list[TimedText]:
    """Words up to a pause, as if each run was a sentence."""
    runs: list[list[TimedText]] = []
    for word in words:
        last = runs[-1][-1] if runs else None
        if last and word.start_sec - last.end_sec < _PAUSE_SEC and word.speaker == last.speaker:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [_joined(run, " ") for run in runs]


def _parts(sentence: TimedText, words: Sequence[TimedText], label: str) -> list[TimedText]:
    separator = " " if " " in sentence.value else ""
    whole = replace(sentence, value=label + sentence.value)
    if _fits(whole):
        return [whole]
    if separator.join(word.value for word in words) != sentence.value:
        words = spread_words(sentence)
    first, *rest = words
    return [_joined(run, separator) for run in _cut([replace(first, value=label + first.value), *rest], separator)]


def _cut(words: list[TimedText], separator: str) -> list[list[TimedText]]:
    if _fits(_joined(words, separator)):
        return [words]
    if len(words) < 2:
        return [[part] for part in _halves(words[0])]
    at = max(range(1, len(words)), key=lambda number: _worth(words, number))
    return [*_cut(words[:at], separator), *_cut(words[at:], separator)]


def _halves(word: TimedText) -> list[TimedText]:
    """What has no border inside, in parts that fit."""
    if _fits(word) or len(word.value) < 2:
        return [word]
    middle, middle_sec = len(word.value) // 2, (word.start_sec + word.end_sec) / 2
    first = replace(word, value=word.value[:middle], end_sec=middle_sec)
    return [*_halves(first), *_halves(replace(word, value=word.value[middle:], start_sec=middle_sec))]


def _worth(words: Sequence[TimedText], at: int) -> float:
    """How good it is to cut before word `at`, in seconds of pause."""
    pause_sec = min(max(0.0, words[at].start_sec - words[at - 1].end_sec), _PAUSE_SEC)
    clause_sec = _CLAUSE_WORTH_SEC if words[at - 1].value.endswith(_CLAUSE_ENDS) else 0.0
    return pause_sec + clause_sec - abs(2 * at / len(words) - 1) * _UNEVEN_COST_SEC


def _fits(text: TimedText) -> bool:
    return text.end_sec - text.start_sec <= LONGEST_SEC and len(caption_lines(text.value)) <= CUE_LINES


def _joined(words: Sequence[TimedText], separator: str) -> TimedText:
    value = separator.join(word.value for word in words)
    return replace(words[0], value=value, end_sec=words[-1].end_sec)


def _lasting(parts: Sequence[TimedText]) -> list[TimedText]:
    """Short cues stay for a second where the next leaves room; none overlaps the next or lasts longer than 7 s."""
    lasting = []
    for number, part in enumerate(parts):
        end_sec = min(max(part.end_sec, part.start_sec + SHORTEST_SEC), part.start_sec + LONGEST_SEC)
        if number + 1 < len(parts) and parts[number + 1].start_sec > part.start_sec:
            end_sec = min(end_sec, parts[number + 1].start_sec)
        lasting.append(replace(part, end_sec=end_sec))
    return lasting
