"""Transcripts that are brought: WebVTT, SubRip, Whisper's JSON, and text as Zoom, Teams, Otter and people write it."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_api import SourceFile
from soundbite_store import BROUGHT, StoredTranscript, TimedText
from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.files import allowed_file
from soundbite_tools.text import LONGEST_MARK, LONGEST_SPEAKER, clock, file_label, folded, plain_text, shorten
from soundbite_tools.words.timed_words import one_after_the_other, spread_words

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import LibraryConfig

_CAPTIONS = (".vtt", ".srt", ".sbv")
TRANSCRIPT_ENDINGS = (*_CAPTIONS, ".json", ".txt")
_LARGEST_BYTES = 4 * 1024 * 1024
_LONGEST_PATH = 1024
_LONGEST_SENTENCE = 2000
# Words a second over a whole recording: of a meeting with pauses, and of a person in a hurry.
_SLOWEST, _QUICKEST = 0.7, 5.0
# How long a line lasts whose end is not known, at the most.
_A_WORD_SEC, _SHORTEST_SEC, _LONGEST_SEC = 0.6, 0.05, 30.0
_CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_SBV = re.compile(r"^(\d{1,2}:\d\d:\d\d\.\d{3}),(\d{1,2}:\d\d:\d\d\.\d{3})\s*$", re.MULTILINE)
_PATH = re.compile(r"(?:/|~/|\.{1,2}/|[A-Za-z]:[\\/]|\\\\|file:)|\S+\.[A-Za-z0-9]{2,5}$", re.IGNORECASE)
_NONE = re.compile(r"(?:none|null|nan|[-+]?\d[.,\d]*)?", re.IGNORECASE)
_CUE = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}")
# "[00:01:02] Ann: words", "00:01:02 Ann Lee: words", "(1:02) words"
_STAMPED = re.compile(rf"^\s*[\[(]?{_CLOCK}[\])]?[\s:–-]+(\S.*)$")  # noqa: RUF001
# Otter and Teams: "Ann Lee  0:03" on a line of its own, the words below.
_HEAD = re.compile(rf"^(\S.{{0,60}}?)\s{{1,}}{_CLOCK}\s*$")
_SPEAKER = re.compile(r"^([A-Z\u00c0-\u024f][\w.'()\- ]{0,58}?):\s+(\S.*)$", re.DOTALL)
# Bounded: a file of many "<" must not take minutes.
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?\s{1,9}([^<>]{0,200})>")
_TAG = re.compile(r"<[^<>]{0,300}>")


@dataclass(frozen=True)
class Brought:
    """A transcript that was given or lies beside the file, and what it is called in answers."""

    sentences: tuple[TimedText, ...]
    digest: str
    name: str
    has_times: bool

    def could_last(self, seconds: float) -> bool:
        """Return whether somebody may need so long to say it, pauses included."""
        words = sum(max(len(one.value.split()), _wide(one.value) / 2) for one in self.sentences)
        return seconds * _SLOWEST <= words <= seconds * _QUICKEST

    def fits(self, duration_sec: float) -> bool:
        """Return whether most of its words begin within a recording of this length; one of 0 is not known."""
        words = [(one.start_sec < duration_sec, len(one.value.split())) for one in self.sentences]
        inside = sum(count for is_inside, count in words if is_inside)
        return not (self.has_times and duration_sec) or 2 * inside >= sum(count for _, count in words)

    def says_the_same(self, other: StoredTranscript, names: Iterable[str] = ()) -> bool:
        """Return whether it has the words of another transcript, and tells no more people apart.

        One of these `names` before words, as an export writes it, is none of them.
        """
        marks = "|".join(re.escape(mark) for name in names for mark in (name, shorten(name, LONGEST_MARK)))
        own = (re.sub(f"^(?:{marks}): ", "", one.value) if marks else one.value for one in self.sentences)
        texts, others = _bare(own), _bare(one.value for one in other.sentences or other.words)
        speakers = {one.speaker for one in self.sentences if one.speaker}
        return texts == others and len(speakers) <= max(1, len(other.speakers))

    def of(self, asset: Asset) -> StoredTranscript:
        """Return it as the ledger keeps it; without times it is spread over the recording's length."""
        sentences = self.sentences
        if self.has_times and asset.duration_sec:
            # Captions often end a little after the sound: their last words must not be lost.
            sentences = tuple(one_after_the_other([_until(asset.duration_sec, one) for one in sentences]))
        if not self.has_times:
            length = sum(len(one.value) + 1 for one in sentences)
            a_character_sec = (asset.duration_sec or length / 15) / max(1, length)
            placed, at = list[TimedText](), 0.0
            for one in sentences:
                end_sec = at + (len(one.value) + 1) * a_character_sec
                placed.append(replace(one, start_sec=round(at, 3), end_sec=round(end_sec, 3)))
                at = end_sec
            sentences = tuple(placed)
        return StoredTranscript(
            asset_id=asset.asset_id,
            source=BROUGHT + self.digest,
            start_sec=sentences[0].start_sec,
            end_sec=max(one.end_sec for one in sentences),
            words=tuple(word for one in sentences for word in spread_words(one)),
            sentences=sentences,
        )


@dataclass(frozen=True)
class Sidecar:
    """A file beside a recording: its transcript and since when it is as it is, or why it can't be."""

    name: str
    brought: Brought | None = None
    time_ns: int = 0
    refusal: str = ""


def given_transcript(text: str, config: LibraryConfig) -> Brought:
    """Return a transcript given as its text, or as the path of a file that may be read.

    Raises:
        SourceProblem: it can't be read, holds no words, or is the path of something else.
    """
    text = text.strip()
    if "\n" not in text and len(text) < _LONGEST_PATH:
        if text.lower().endswith(TRANSCRIPT_ENDINGS):
            path = allowed_file(text, config)
            return parsed_transcript(read_transcript_file(path), path.name)
        if _PATH.match(text):
            raise SourceProblem(
                f"{file_label(text)} is no transcript, nor the path of a file that is read as one.",
                f"Give the words, or a file of one of these kinds: {' '.join(TRANSCRIPT_ENDINGS)}",
                code="transcript_unreadable",
            )
    return parsed_transcript(text, "")


def is_given(text: str) -> bool:
    """Return whether an argument is a transcript, and not what models write for none."""
    return not _NONE.fullmatch(text.strip())


def transcripts_beside(path: Path, duration_sec: float, config: LibraryConfig) -> list[Sidecar]:
    """Return the files of the same stem beside a recording that are its transcript, or look like one that can't be.

    Text without times may be notes: it counts where a person could say it in the time that the recording lasts.
    """
    files, doubtful = list[Sidecar](), list[Sidecar]()
    for ending in TRANSCRIPT_ENDINGS:
        beside = path.with_suffix(ending)
        try:
            real = beside.resolve()
            if beside == path or not real.is_file() or not config.may_read(real):
                continue
            facts = real.stat()
            brought = parsed_transcript(read_transcript_file(real), beside.name)
        except SourceProblem as exc:
            refused = Sidecar(beside.name, refusal=f"It is not taken for a transcript: {exc.message}")
            (files if ending in _CAPTIONS else doubtful).append(refused)
            continue
        except (OSError, RuntimeError):
            continue
        if not brought.fits(duration_sec):
            why = "most of its times are past the recording's end"
            files.append(Sidecar(beside.name, refusal=f"{file_label(beside.name)} is not taken: {why}."))
        elif brought.has_times or brought.could_last(duration_sec):
            # A file that was moved here keeps the time at which it was written, but not this one.
            files.append(Sidecar(beside.name, brought, max(facts.st_mtime_ns, facts.st_ctime_ns)))
        else:
            why = f"nobody says these words in {clock(duration_sec)}"
            doubtful.append(Sidecar(beside.name, refusal=f"{file_label(beside.name)} is not taken: {why}."))
    # Beside a transcript, text and JSON are likely something else.
    return files or doubtful[:1]


def parsed_transcript(text: str, name: str) -> Brought:
    """Return the sentences of a transcript in any of the forms that are known.

    Raises:
        SourceProblem: it holds none.
    """
    plain = _SBV.sub(r"\1 --> \2", text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    has_times = True
    if plain.lstrip().startswith(("{", "[")) and (entries := _json(plain, name)) is not None:
        sentences = entries
    elif any(_CUE.match(line) for line in plain.split("\n")):
        sentences = _cues(plain)
    elif stamped := _stamped(plain):
        sentences = stamped
    elif name.lower().endswith(TRANSCRIPT_ENDINGS[:-1]) or "\x00" in plain or plain.count("\ufffd") > len(plain) / 100:
        sentences = []  # captions without a cue, JSON that is none, or no text at all
    else:
        sentences, has_times = _untimed(plain.removeprefix("WEBVTT")), False
    _check_order(sentences, name)
    kept = [one for sentence in sentences if (one := _clean(sentence)).value]
    if not any(character.isalnum() for one in kept for character in one.value):
        raise SourceProblem(
            f"{_called(name)} holds no words that can be read as a transcript.",
            "Give WebVTT, SubRip, the JSON of Whisper, or plain text.",
            code="transcript_unreadable",
        )
    kept = one_after_the_other(kept) if has_times else kept
    digest = hashlib.sha256(json.dumps([[one.value, one.start_sec, one.speaker] for one in kept]).encode()).hexdigest()
    return Brought(tuple(kept), digest[:16], name, has_times)


def _check_order(sentences: Sequence[TimedText], name: str) -> None:
    words = [(one.end_sec < one.start_sec, len(one.value.split())) for one in sentences]
    if 2 * sum(count for is_backward, count in words if is_backward) > sum(count for _, count in words):
        raise SourceProblem(
            f"{_called(name)} has sentences that end before they begin.",
            "Give it with other times, or its words as plain text.",
            code="transcript_unreadable",
        )


def _bare(values: Iterable[str]) -> list[str]:
    """Words without punctuation, case and the marks of speakers."""
    return re.findall(r"\w+", folded(" ".join(values)))


def _wide(text: str) -> int:
    """How many characters are of a script without spaces, of which two or so are a word."""
    return 0 if text.isascii() else sum(unicodedata.east_asian_width(character) == "W" for character in text)


def _called(name: str) -> str:
    return file_label(name) if name else "The transcript given"


def read_transcript_file(path: Path) -> str:
    """Return the text of a file at an absolute path without links.

    Raises:
        SourceProblem: it is too large, no regular file, or can't be read.
    """
    try:
        with SourceFile(path).open() as file, file.reader() as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except OSError as exc:
        raise SourceProblem(
            f"{file_label(path.name)} can't be read: {exc.strerror or exc}.",
            "Give a file that can.",
            code="file_missing",
        ) from exc
    if len(content) > _LARGEST_BYTES:
        raise SourceProblem(
            f"{file_label(path.name)} is too large for a transcript.", "Give one up to 4 MB.", code="too_large"
        )
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return content.decode(encoding, errors="replace")


def _json(text: str, name: str) -> list[TimedText] | None:
    """The sentences of Whisper's JSON (OpenAI, faster-whisper, whisper.cpp, WhisperX) or of an export of ours."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict):
        entries = next((document[key] for key in ("segments", "transcription", "sentences") if document.get(key)), None)
    else:
        entries = document
    if not isinstance(entries, list):
        raise SourceProblem(
            f"{_called(name)} is JSON without segments.",
            'Give the JSON of Whisper: {"segments": [{"start": 0.0, "end": 2.5, "text": "..."}]}.',
            code="transcript_unreadable",
        )
    return [sentence for entry in entries if isinstance(entry, dict) and (sentence := _of_entry(entry))]


def _of_entry(entry: dict[str, Any]) -> TimedText | None:
    offsets = entry.get("offsets") or {}
    try:
        if offsets:  # whisper.cpp, in milliseconds
            start_sec, end_sec = float(offsets["from"]) / 1000, float(offsets["to"]) / 1000
        else:
            start_sec = float(entry.get("start", entry.get("start_sec", -1.0)))
            end_sec = float(entry.get("end", entry.get("end_sec", start_sec)))
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    if not (math.isfinite(start_sec) and math.isfinite(end_sec)):
        return None
    value = str(entry.get("text", entry.get("value", "")))
    return _timed(value, start_sec, end_sec, str(entry.get("speaker") or "")) if start_sec >= 0 else None


def _cues(text: str) -> list[TimedText]:
    """The cues of WebVTT and SubRip; speakers by `<v Name>`, or by "Name: " before the words of a cue."""
    sentences: list[TimedText] = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        at = next((number for number, line in enumerate(lines) if _CUE.match(line)), None)
        if at is None:
            continue
        match = _CUE.match(lines[at])
        assert match
        start_sec, end_sec = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        content = "\n".join(lines[at + 1 :])
        voices = list(_VOICE.finditer(content))
        if len(voices) > 1:  # several in one cue share its time
            firsts = [voice.start() for voice in voices]
            parts = [content[first:last] for first, last in zip(firsts, [*firsts[1:], len(content)], strict=True)]
        else:
            parts = [content]
        whole = _timed(" ".join(_TAG.sub("", part) for part in parts), start_sec, end_sec)
        lengths = [len(_TAG.sub("", part)) for part in parts]
        begin_sec = start_sec
        for part, length in zip(parts, lengths, strict=True):
            voice = _VOICE.search(part)
            until_sec = begin_sec + (whole.end_sec - start_sec) * length / max(1, sum(lengths))
            sentences.append(_timed(_TAG.sub("", part), begin_sec, until_sec, html.unescape(voice[1]) if voice else ""))
            begin_sec = until_sec
    return sentences


def _stamped(text: str) -> list[TimedText]:
    """Lines that begin with a time, or stand below a line of a speaker and a time; each lasts until the next."""
    begun: list[tuple[float, str, list[str]]] = []
    stamps = 0
    for line in text.split("\n"):
        if match := _STAMPED.match(line):
            begun.append((_seconds(match.groups()[:4]), "", [match[5]]))
            stamps += 1
        elif match := _HEAD.match(line):
            begun.append((_seconds(match.groups()[1:5]), match[1].strip(), []))
            stamps += 1
        elif begun and line.strip():
            begun[-1][2].append(line)
    if not stamps or sum(bool(words) for _, _, words in begun) < max(1, stamps / 2):
        return []
    ends = [*(start_sec for start_sec, _, _ in begun[1:]), float("inf")]
    sentences = []
    for (start_sec, speaker, lines), next_sec in zip(begun, ends, strict=True):
        value = " ".join(lines)
        longest_sec = min(_LONGEST_SEC * max(1, len(lines)), _A_WORD_SEC * (len(value.split()) + 1))
        end_sec = max(start_sec, min(next_sec, start_sec + longest_sec))
        sentences.append(_timed(value, start_sec, end_sec, speaker))
    return sentences


def _untimed(text: str) -> list[TimedText]:
    """Plain text: a sentence each, and "Name: " at the begin of a paragraph says who speaks."""
    sentences: list[TimedText] = []
    for paragraph in text.split("\n"):
        speaker = ""
        if match := _SPEAKER.match(paragraph.strip()):
            speaker, paragraph = match[1], match[2]
        values = filter(None, re.split(r"(?<=[.!?])\s+", paragraph.strip()))
        sentences += [TimedText(value=value, start_sec=0.0, end_sec=0.0, speaker=speaker) for value in values]
    return sentences


def _until(end_sec: float, sentence: TimedText) -> TimedText:
    """The sentence, within a recording that ends then."""
    start_sec = max(0.0, min(sentence.start_sec, end_sec - _SHORTEST_SEC))
    return replace(
        sentence, start_sec=start_sec, end_sec=max(min(sentence.end_sec, end_sec), start_sec + _SHORTEST_SEC)
    )


def _timed(value: str, start_sec: float, end_sec: float, speaker: str = "") -> TimedText:
    return TimedText(value=value, start_sec=max(0.0, start_sec), end_sec=end_sec, speaker=speaker)


def _clean(sentence: TimedText) -> TimedText:
    value, speaker = " ".join(html.unescape(sentence.value).split()), sentence.speaker
    if not speaker and (match := _SPEAKER.match(value)):
        speaker, value = match[1], match[2]
    return replace(
        sentence,
        value=plain_text(re.sub(r"^[-–]\s+", "", value), _LONGEST_SENTENCE),  # noqa: RUF001
        speaker=plain_text(speaker, LONGEST_SPEAKER),
        start_sec=round(sentence.start_sec, 3),
        end_sec=round(max(sentence.start_sec + _SHORTEST_SEC, sentence.end_sec), 3),
    )


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction or 0}")
