"""Transcripts as text and as WebVTT."""

from __future__ import annotations

from dataclasses import replace

from soundbite_store import StoredTranscript, TimedText
from soundbite_tools.read.formats import as_text, as_webvtt


def transcript(*sentences: tuple[str, float, float], words: int = 0) -> StoredTranscript:
    return StoredTranscript(
        asset_id="a",
        source="embedded",
        start_sec=0.0,
        end_sec=0.0,
        words=tuple(TimedText(value=f"word{n}", start_sec=n, end_sec=n + 0.5) for n in range(words)),
        sentences=tuple(TimedText(value=text, start_sec=start, end_sec=end) for text, start, end in sentences),
    )


def test_text_is_a_line_a_sentence_with_its_time() -> None:
    assert as_text(transcript(("Good morning.", 0.4, 1.9), ("It rains.", 75.2, 76.0))) == (
        "[00:00] Good morning.\n[01:15] It rains.\n"
    )


def test_webvtt_has_cues_with_milliseconds_and_hours() -> None:
    assert as_webvtt(transcript(("It rains.", 3675.25, 3676.0))) == (
        "WEBVTT\n\n01:01:15.250 --> 01:01:16.250\nIt rains.\n"
    )


def test_captions_and_text_name_the_speakers_where_there_are_several() -> None:
    told = transcript(("Good morning.", 0.0, 2.0), ("Who is there?", 2.0, 4.0))
    first, second = told.sentences
    apart = (replace(first, speaker="1"), replace(second, speaker="A<n"))
    assert "<v Speaker 1>Good morning.\n" in as_webvtt(replace(told, sentences=apart))
    assert "<v A&lt;n>Who is there?\n" in as_webvtt(replace(told, sentences=apart))
    assert as_text(replace(told, sentences=apart)) == "[00:00] Speaker 1: Good morning.\n[00:02] A<n: Who is there?\n"
    alone = replace(told, sentences=tuple(replace(sentence, speaker="1") for sentence in told.sentences))
    assert as_webvtt(alone) == as_webvtt(told)


def test_words_can_neither_end_a_cue_nor_hold_markup() -> None:
    caption = as_webvtt(transcript(("a --> b\n\nNOTE <c.red>x</c> & \u202ey\u200b", 0.0, 1.0)))
    assert caption.splitlines()[3:] == ["a --&gt; b NOTE &lt;c.red&gt;x&lt;/c&gt; &amp; y"]


def test_words_without_sentences_become_lines_that_fit_a_screen() -> None:
    lines = as_text(transcript(words=30)).splitlines()
    assert 3 < len(lines) < 10
    assert all(len(line) < 100 for line in lines)
    assert lines[0].startswith("[00:00] word0 word1")
