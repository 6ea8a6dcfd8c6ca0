"""Captions fit a screen, whatever is said and however fast."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soundbite_store import StoredTranscript, TimedText
from soundbite_tools import caption_lines, cues


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
