"""Captions as readers written by others take them: webvtt-py and srt."""

from __future__ import annotations

import re
from pathlib import Path

import srt
import webvtt

from soundbite_store import StoredTranscript, TimedText
from soundbite_tools.read.formats import as_subrip, as_webvtt

HARD = (
    "The first sentence is plain.",
    "Arrows --> and <v Mallory>tags</v> & entities &amp; stay words.",
    "WEBVTT",
    "NOTE nothing of this is a comment",
    "1\n\n2\n\n00:00:01.000 --> 00:00:02.000",
    "{\\an8}Styles, <i>italics</i> and a very long sentence that goes on, over more than one cue, because nobody "
    "took a breath, and then on again until the words fill several lines of forty-two characters each.",
    "日本語の文章は空白なしで書かれる。",
)


def hard_transcript() -> StoredTranscript:
    """What could break a file: marks of both formats, blank lines, cues that touch, an hour and more."""
    starts = [0.0, 2.0, 2.5, 5.0, 3599.99, 3605.0, 36000.0]
    sentences = tuple(
        TimedText(
            value=value, start_sec=start, end_sec=start + (14.0 if len(value) > 100 else 0.4), speaker=f"{at % 2}"
        )
        for at, (value, start) in enumerate(zip(HARD, starts, strict=True))
    )
    end_sec = sentences[-1].end_sec
    return StoredTranscript(
        asset_id="a_1", source="here", start_sec=0.0, end_sec=end_sec, words=(), sentences=sentences
    )


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def test_a_reader_of_webvtt_takes_every_cue_with_its_speaker(tmp_path: Path) -> None:
    path = tmp_path / "hard.vtt"
    path.write_text(as_webvtt(hard_transcript()), encoding="utf-8")
    cues = list(webvtt.read(str(path)))
    assert len(cues) >= len(HARD)
    assert {cue.voice for cue in cues} == {"Speaker 0", "Speaker 1"}
    assert all(cue.start < cue.end for cue in cues)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)
    assert letters(HARD[0]) in letters(cues[0].text)


def test_a_strict_reader_of_subrip_takes_every_cue_and_writes_the_same(tmp_path: Path) -> None:
    text = as_subrip(hard_transcript())
    cues = list(srt.parse(text))  # raises where a part is not understood
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert letters("".join(re.sub(r"^Speaker \d: ", "", cue.content) for cue in cues)) == letters("".join(HARD))
    assert list(srt.parse(srt.compose(cues))) == cues
