"""Transcripts as files that others read: captions, Markdown, plain text, JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, get_args

from soundbite_tools.read.captions import caption_lines, cues
from soundbite_tools.text import (
    LONGEST_MARK,
    clock,
    clock_length,
    language_label,
    plain_text,
    rounded_sec,
    shorten,
    speaker_label,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import Asset, StoredTranscript, TimedText
    from soundbite_tools.read.chapters import Chapter

TranscriptFormat = Literal["vtt", "srt", "md", "json", "txt"]
TRANSCRIPT_FORMATS: tuple[TranscriptFormat, ...] = get_args(TranscriptFormat)
MISHEARD = (
    "Most of these words may be misheard: the speech is in another language than the recogniser's, or hard to "
    "understand. `soundbite models pull full` on the command line brings a recogniser of about 100 languages."
)
"""Said of a transcript that is not to be trusted."""
_STAMP = r"\d{2,}:\d\d:\d\d"
_BEGINNINGS = {
    "vtt": re.compile(rf"WEBVTT\n(\Z|\n{_STAMP}\.\d{{3}} --> )"),
    "srt": re.compile(rf"1\n{_STAMP},\d{{3}} --> "),
    "md": re.compile(r"---\n(?:[a-z]+: .*\n)*asset_id: "),
    "json": re.compile(r'\{\n "asset_id": '),
    "txt": re.compile(r"\[\d\d:\d\d(:\d\d)?\] "),
}
_LONGEST_LINE = 500
_LONGEST_NAME = 60
# A pause after which a paragraph of the same speaker ends.
_PARAGRAPH_SEC = 2.0
# One that is long ends at the next breath, or after so many characters.
_PARAGRAPH_CHARACTERS, _BREATH_SEC, _LONGEST_PARAGRAPH = 400, 0.5, 900


def transcript_file(
    asset: Asset, transcript: StoredTranscript, file_format: TranscriptFormat, chapters: Sequence[Chapter] = ()
) -> str:
    """Return what is said in a recording as the text of a file; Markdown and JSON have its chapters."""
    match file_format:
        case "vtt":
            return as_webvtt(transcript)
        case "srt":
            return as_subrip(transcript)
        case "md":
            return as_markdown(asset, transcript, chapters)
        case "json":
            return as_json(asset, transcript, chapters)
        case "txt":
            return as_text(transcript)


def transcript_file_name(asset: Asset, file_format: TranscriptFormat) -> str:
    """Return a name for the file of a recording that no other recording has."""
    title = re.sub(r"[^\w.-]+", "-", plain_text(asset.title, _LONGEST_NAME)).strip("-.")
    return f"{title or 'recording'}-{asset.asset_id}.{file_format}"


def is_transcript_file(text: str, file_format: TranscriptFormat) -> bool:
    """Return whether a text begins as those of `transcript_file` do."""
    return bool(_BEGINNINGS[file_format].match(text))


def as_text(transcript: StoredTranscript) -> str:
    """Return one line a sentence: `[mm:ss] Speaker 1: words`."""
    lines = transcript.sentences or cues(transcript)
    return "".join(f"[{clock(line.start_sec)}] {_by(transcript, line)}{_value(line)}\n" for line in lines)


def as_webvtt(transcript: StoredTranscript) -> str:
    """Return the transcript as WebVTT; the words can't end a cue or hold markup."""
    blocks = []
    for cue in cues(transcript):
        name = _without_arrows(_speaker(transcript, cue))
        voice = f"<v {_escaped(name)}>" if name else ""
        text = "\n".join(_escaped(line) for line in caption_lines(_value(cue)))
        blocks.append(f"{_times(cue, '.')}\n{voice}{text}\n")
    return "\n".join(["WEBVTT\n", *blocks])


def as_subrip(transcript: StoredTranscript) -> str:
    """Return the transcript as SubRip; a cue whose speaker is another than before begins with the name, as `Ann: `.

    SubRip has no mark of its own for a voice; a dash stands where it is not known who speaks now.
    """

    def mark(speaker: str) -> str:
        name = shorten(_without_arrows(speaker_label(speaker)), LONGEST_MARK)
        return "" if not transcript.has_speakers else f"{name}: " if name else "- "

    blocks = []
    for number, cue in enumerate(cues(transcript, mark), 1):
        lines = caption_lines(_value(cue).replace("<", "‹").replace(">", "›"))  # noqa: RUF001 - no markup in SubRip
        blocks.append(f"{number}\n{_times(cue, ',')}\n" + "\n".join(lines) + "\n")
    return "\n".join(blocks)


def as_markdown(asset: Asset, transcript: StoredTranscript, chapters: Sequence[Chapter] = ()) -> str:
    """Return the transcript as Markdown: front matter, then a heading a chapter, a paragraph a turn or a thought.

    A paragraph begins with its time and speaker; it ends with the turn, at a pause, or after some sentences.
    """
    from soundbite_store import is_hardly_understood  # here: a server that starts has no use for a store yet

    facts = {
        "title": plain_text(asset.title, _LONGEST_LINE),
        "length": clock_length(asset.duration_sec),
        "language": language_label(asset.language),
        "speakers": [speaker_label(speaker) for speaker in transcript.speakers] if transcript.has_speakers else [],
        "tags": list(asset.tags),
        "asset_id": asset.asset_id,
        "note": MISHEARD if is_hardly_understood(transcript.words) else "",
    }
    front = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items() if value]
    paragraphs: list[str] = []
    before: TimedText | None = None
    headings = list(chapters) if len(chapters) > 1 else []
    for line in transcript.sentences or cues(transcript):
        text = _unmarked(_value(line))
        is_chapter = False
        while headings and (line.start_sec + line.end_sec) / 2 >= headings[0].start_sec:
            chapter, is_chapter = headings.pop(0), True
            paragraphs.append(f"## {clock(chapter.start_sec)} {_unmarked(chapter.title)}")
        if not is_chapter and before is not None and _is_one_paragraph(before, line, paragraphs[-1]):
            paragraphs[-1] += f" {text}"
        else:
            speaker = _unmarked(_speaker(transcript, line))
            paragraphs.append(f"**{f'{speaker}, ' if speaker else ''}{clock(line.start_sec)}** {text}")
        before = line
    return "\n".join(["---", *front, "---", "", *(f"{paragraph}\n" for paragraph in paragraphs)])


def _is_one_paragraph(before: TimedText, line: TimedText, paragraph: str) -> bool:
    pause_sec = line.start_sec - before.end_sec
    longest_pause_sec = _PARAGRAPH_SEC if len(paragraph) < _PARAGRAPH_CHARACTERS else _BREATH_SEC
    return line.speaker == before.speaker and pause_sec < longest_pause_sec and len(paragraph) < _LONGEST_PARAGRAPH


def as_json(asset: Asset, transcript: StoredTranscript, chapters: Sequence[Chapter] = ()) -> str:
    """Return the sentences and words of a recording with times in seconds, as one JSON object."""
    content = {"asset_id": asset.asset_id, "title": asset.title, "audio_seconds": rounded_sec(asset.duration_sec)}
    parts = {"sentences": transcript.sentences, "words": transcript.words}
    texts = {name: [_entry(transcript, text) for text in entries] for name, entries in parts.items()}
    map_of_it = {"chapters": [asdict(chapter) for chapter in chapters]} if chapters else {}
    return json.dumps({**content, **map_of_it, **texts}, ensure_ascii=False, indent=1) + "\n"


def _unmarked(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)


def _entry(transcript: StoredTranscript, text: TimedText) -> dict[str, str | float]:
    entry: dict[str, str | float] = {"start_sec": text.start_sec, "end_sec": text.end_sec, "text": text.value}
    if text.probability < 1.0:
        entry["probability"] = text.probability
    return {**entry, "speaker": speaker} if (speaker := _speaker(transcript, text)) else entry


def _speaker(transcript: StoredTranscript, text: TimedText) -> str:
    return speaker_label(text.speaker) if transcript.has_speakers else ""


def _without_arrows(name: str) -> str:
    # An arrow on a line makes it the times of a cue, also where the name's own end and a mark's make one.
    return re.sub("-{2,}", "–", name)  # noqa: RUF001


def _by(transcript: StoredTranscript, text: TimedText) -> str:
    return f"{speaker}: " if (speaker := _speaker(transcript, text)) else ""


def _value(line: TimedText) -> str:
    return plain_text(line.value, _LONGEST_LINE)


def _times(cue: TimedText, mark: str) -> str:
    return f"{_stamp(cue.start_sec, mark)} --> {_stamp(max(cue.end_sec, cue.start_sec + 0.001), mark)}"


def _stamp(seconds: float, mark: str) -> str:
    minutes, rest = divmod(round(max(0.0, seconds) * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
