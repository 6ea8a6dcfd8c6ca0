"""A transcript as files that people know: lines with their times, and WebVTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundbite_tools.clock import clock
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_store import StoredTranscript, TimedText

_LONGEST_LINE = 500
# Words without sentences are put together into lines that fit a screen.
_LINE_CHARACTERS = 80
_LINE_SEC = 8.0


def as_text(transcript: StoredTranscript) -> str:
    """Return one line a sentence: `[mm:ss] words`."""
    return "".join(f"[{clock(line.start_sec)}] {_value(line)}\n" for line in _lines(transcript))


def as_webvtt(transcript: StoredTranscript) -> str:
    """Return the transcript as WebVTT; the words can't end a cue or hold markup."""
    cues = [
        f"{_stamp(line.start_sec)} --> {_stamp(max(line.end_sec, line.start_sec + 0.001))}\n{_escaped(_value(line))}\n"
        for line in _lines(transcript)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _lines(transcript: StoredTranscript) -> Sequence[TimedText]:
    return transcript.sentences or _grouped(transcript.words)


def _grouped(words: Sequence[TimedText]) -> list[TimedText]:
    lines: list[TimedText] = []
    for word in words:
        last = lines[-1] if lines else None
        if last and len(last.value) + len(word.value) < _LINE_CHARACTERS and word.end_sec - last.start_sec <= _LINE_SEC:
            lines[-1] = type(word)(value=f"{last.value} {word.value}", start_sec=last.start_sec, end_sec=word.end_sec)
        else:
            lines.append(word)
    return lines


def _value(line: TimedText) -> str:
    return plain_text(line.value, _LONGEST_LINE)


def _stamp(seconds: float) -> str:
    milliseconds = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
