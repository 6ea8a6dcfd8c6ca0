"""Transcripts as files that others read: captions, in cues that fit a screen; Markdown, plain text, JSON."""

from __future__ import annotations

import json
import re
import textwrap
from bisect import bisect_left
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal, get_args

from soundbite_tools.text import (
    ERASED_LINE,
    LONGEST_MARK,
    clock,
    clock_length,
    language_label,
    plain_text,
    rounded_sec,
    shorten,
    speaker_label,
)
from soundbite_tools.words.timed_words import spread_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundbite_store import Asset, StoredTranscript, TimedText
    from soundbite_tools.read.contents import Chapter

# The usual limits of broadcasters' style guides (BBC, Netflix).
LINE_CHARACTERS, CUE_LINES = 42, 2
SHORTEST_SEC, LONGEST_SEC = 1.0, 7.0
# Words without sentences are put together until somebody pauses.
_PAUSE_SEC = 1.2
_CLAUSE_ENDS = (",", ";", ":", "-", "–", "—", ".", "!", "?", "…", "、", "，", "。", "！", "？")  # noqa: RUF001
# How much a cut after the end of a clause is worth, in seconds of pause; and what the least even cut costs.
_CLAUSE_WORTH_SEC, _UNEVEN_COST_SEC = 0.6, 1.2
TranscriptFormat = Literal["vtt", "srt", "md", "json", "txt"]
TRANSCRIPT_FORMATS: tuple[TranscriptFormat, ...] = get_args(TranscriptFormat)
MISHEARD = (
    "Most of these words may be misheard: the speech is in another language than the recogniser's, or hard to "
    "understand. `soundbite models pull full` on the command line brings a recogniser of about 100 languages."
)
"""Said of a transcript that is not to be trusted."""
_STAMP = r"\d{2,}:\d\d:\d\d"
_BEGINNINGS = {
    "vtt": re.compile(rf"WEBVTT\n(?:\nNOTE asset_id: (?P<asset_id>\S+)\n)?(\Z|\n{_STAMP}\.\d{{3}} --> )"),
    "srt": re.compile(rf"1\n{_STAMP},\d{{3}} --> "),
    "md": re.compile(r"---\n(?:[a-z]+: .*\n)*asset_id: \"(?P<asset_id>[^\"\n]*)"),
    "json": re.compile(r'\{\n "asset_id": "(?P<asset_id>[^"\n]*)'),
    "txt": re.compile(r"\[\d\d:\d\d(:\d\d)?\] "),
}
_LONGEST_LINE = 500
_LONGEST_NAME = 60
# A pause after which a paragraph of the same speaker ends.
_PARAGRAPH_SEC = 2.0
# One that is long ends at the next breath, or after so many characters.
_PARAGRAPH_CHARACTERS, _BREATH_SEC, _LONGEST_PARAGRAPH = 400, 0.5, 900


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


def transcript_file(
    asset: Asset, transcript: StoredTranscript, file_format: TranscriptFormat, chapters: Sequence[Chapter] = ()
) -> str:
    """Return what is said in a recording as the text of a file; Markdown and JSON have its chapters."""
    match file_format:
        case "vtt":
            # Players pass over a note; the next export sees whose file this is.
            return as_webvtt(transcript).replace("\n", f"\n\nNOTE asset_id: {asset.asset_id}\n", 1)
        case "srt":
            return as_subrip(transcript)
        case "md":
            return as_markdown(asset, transcript, chapters)
        case "json":
            return as_json(asset, transcript, chapters)
        case "txt":
            return as_text(transcript)


def transcript_file_name(asset: Asset, file_format: TranscriptFormat, *, has_id: bool = True) -> str:
    """Return a name for the file of a recording; one with its id no other recording has."""
    title = re.sub(r"[^\w.-]+", "-", plain_text(asset.title, _LONGEST_NAME)).strip("-.")
    return f"{title or 'recording'}{f'-{asset.asset_id}' if has_id else ''}.{file_format}"


def is_transcript_file(text: str, file_format: TranscriptFormat) -> bool:
    """Return whether a text begins as those of `transcript_file` do."""
    return bool(_BEGINNINGS[file_format].match(text))


def recording_of_file(text: str, file_format: TranscriptFormat) -> str:
    """Return the id of the recording of a text that `transcript_file` wrote; empty where it names none."""
    beginning = _BEGINNINGS[file_format].match(text)
    return (beginning and beginning.groupdict().get("asset_id")) or ""


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
