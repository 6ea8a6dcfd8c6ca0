"""Captions fit a screen, whatever is said and however fast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soundbite_store import Asset, StoredTranscript, TimedText
from soundbite_tools.read.formats import as_markdown, as_subrip, caption_lines, cues, transcript_file_name


def spoken(text: str, start_sec: float = 0.0, word_sec: float = 0.4) -> list[TimedText]:
    return [
        TimedText(value=word, start_sec=start_sec + number * word_sec, end_sec=start_sec + (number + 1) * word_sec)
        for number, word in enumerate(text.split())
    ]


def sentence(words: list[TimedText], separator: str = " ") -> TimedText:
    value = separator.join(word.value for word in words)
    return TimedText(value=value, start_sec=words[0].start_sec, end_sec=words[-1].end_sec)


def transcript(words: list[TimedText], *sentences: TimedText) -> StoredTranscript:
    return StoredTranscript(
        asset_id="a", source="embedded", start_sec=0.0, end_sec=0.0, words=tuple(words), sentences=sentences
    )


words_of_any_length = st.lists(st.text("abcdefghij,.", min_size=1, max_size=16), min_size=1, max_size=120)


@given(values=words_of_any_length, word_sec=st.floats(0.05, 2.0), is_timed=st.booleans())
def test_cues_keep_every_word_and_fit_a_screen(values: list[str], word_sec: float, is_timed: bool) -> None:
    words = spoken(" ".join(values), word_sec=word_sec)
    parts = cues(transcript(words if is_timed else [], sentence(words)))
    assert " ".join(part.value for part in parts).split() == values
    assert all(part.end_sec - part.start_sec <= 7.0 + 1e-6 for part in parts)
    assert all(len(caption_lines(part.value)) <= 2 for part in parts)
    assert all(len(line) <= 42 for part in parts for line in caption_lines(part.value))
    assert all(part.end_sec <= following.start_sec + 1e-6 for part, following in pairwise(parts))


@given(values=words_of_any_length, name=st.text("Anné 田", min_size=1, max_size=60), word_sec=st.floats(0.05, 2.0))
def test_a_name_before_the_words_of_subrip_fits_the_screen_with_them(
    values: list[str], name: str, word_sec: float
) -> None:
    words = spoken(" ".join(values), word_sec=word_sec)
    first = replace(sentence(words), speaker=f"A{name}")
    last = replace(first, value="No.", start_sec=first.end_sec, end_sec=first.end_sec + 1.0, speaker="")
    third = replace(last, start_sec=last.end_sec, end_sec=last.end_sec + 1.0, speaker="2")
    blocks = as_subrip(transcript(words, first, last, third)).rstrip("\n").split("\n\n")
    captions = [block.split("\n")[2:] for block in blocks]
    assert all(len(lines) <= 2 and len(line) <= 42 for lines in captions for line in lines)
    assert captions[-2:] == [["- No."], ["Speaker 2: No."]]
    told = "".join(line for lines in captions[:-2] for line in lines).replace(" ", "")
    mark, _, rest = told.partition(":")
    assert f"A{name}".replace(" ", "").startswith(mark.rstrip("…"))
    assert rest == "".join(values)


def test_a_cue_ends_with_a_clause_and_has_even_lines() -> None:
    words = spoken("The river rose again during the night, and nobody had looked at the pump before the morning came.")
    first, second = cues(transcript(words, sentence(words)))
    assert first.value == "The river rose again during the night,"
    assert second.start_sec == words[7].start_sec
    assert caption_lines(second.value) == ["and nobody had looked at the", "pump before the morning came."]


def test_a_short_word_stays_for_a_second_unless_the_next_comes_before() -> None:
    words = [*spoken("Yes."), *spoken("No.", 0.6), *spoken("Well.", 5.0)]
    parts = cues(transcript(words, *[sentence([word]) for word in words]))
    assert [(part.start_sec, part.end_sec) for part in parts] == [(0.0, 0.6), (0.6, 1.6), (5.0, 6.0)]


def test_writing_without_spaces_is_cut_between_its_words() -> None:
    words = spoken("今天 天气 很 好 我们 去 公园 散步 吧", word_sec=1.5)
    parts = cues(transcript(words, sentence(words, "")))
    assert "".join(part.value for part in parts) == "今天天气很好我们去公园散步吧"
    assert len(parts) > 1


def test_markdown_and_subrip_tell_turns_apart_and_hold_no_markup() -> None:
    says = (("1", "Is *it* <late>?", 0.0, 1.0), ("1", "I think so.", 1.2, 2.0), ("2", "No.", 2.5, 3.5))
    sentences = tuple(TimedText(value=v, start_sec=s, end_sec=e, speaker=who) for who, v, s, e in says)
    told = StoredTranscript(asset_id="a_1", source="s", start_sec=0, end_sec=3.5, words=(), sentences=sentences)
    log = Asset(
        asset_id="a_1",
        content_hash="h",
        title='Log: "one"',
        source_uri="",
        source_kind="file",
        size_bytes=1,
        mtime_ns=0,
        duration_sec=3.5,
        tags=("river",),
        metadata_json="{}",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert as_markdown(log, told) == (
        '---\ntitle: "Log: \\"one\\""\nlength: "00:04"\nspeakers: ["Speaker 1", "Speaker 2"]\ntags: ["river"]\n'
        'asset_id: "a_1"\n---\n\n**Speaker 1, 00:00** Is \\*it\\* \\<late\\>? I think so.\n\n**Speaker 2, 00:02** No.\n'
    )
    assert as_subrip(told).split("\n\n")[2] == "3\n00:00:02,500 --> 00:00:03,500\nSpeaker 2: No.\n"
    assert as_subrip(told).splitlines()[2] == "Speaker 1: Is *it* ‹late›?"  # noqa: RUF001 - what stands for markup
    assert transcript_file_name(log, "md") == "Log-one-a_1.md"
