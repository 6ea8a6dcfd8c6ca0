"""Words to sentences, lines and clips."""

from __future__ import annotations

import pytest

from soundbite_engine.speech.transcripts import (
    CLIP_SEC,
    SENTENCE_MAX_WORDS,
    Word,
    clip_runs,
    lines,
    sayings,
    text_of,
    transcript,
)


def spoken(text: str, start_sec: float = 0.0, gap_sec: float = 0.1, language: str = "en") -> list[Word]:
    words = []
    for value in text.split():
        words.append(Word(value, round(start_sec, 3), round(start_sec + 0.3, 3), 0.8, language))
        start_sec += 0.3 + gap_sec
    return words


def sentences_of(text: str) -> list[str]:
    return [sentence.value for sentence in transcript(spoken(text)).sentences]


def test_marks_end_sentences_and_nothing_is_added() -> None:
    said = transcript(spoken("Where is it? Over there, I think"))
    assert [sentence.value for sentence in said.sentences] == ["Where is it?", "Over there, I think"]
    assert said.text == "Where is it? Over there, I think"
    assert (said.sentences[1].start_sec, said.sentences[1].end_sec) == (1.2, 2.7)


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Dr. No at St. Mary's.",
        "It opens at 9 a.m. and closes at 5 p.m. on weekdays.",
        "J. R. Tolkien wrote 3.5 books, etc. and more.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(text: str) -> None:
    assert sentences_of(text) == [text]


def test_text_without_capitals_has_sentences_too() -> None:
    sentences = ["we close at five.", "bring it before 4 p.m. or so."]
    assert sentences_of(" ".join(sentences)) == sentences


def test_a_mark_in_front_of_a_quotation_mark_ends_a_sentence() -> None:
    assert sentences_of('"Who is there?" Nobody answered.') == ['"Who is there?"', "Nobody answered."]


def test_a_long_pause_ends_a_turn_without_an_invented_mark() -> None:
    said = transcript([*spoken("so the door is open"), *spoken("I will close it.", start_sec=4.0)])
    assert [sentence.value for sentence in said.sentences] == ["so the door is open", "I will close it."]


def test_a_hesitation_does_not_end_a_sentence() -> None:
    said = transcript([*spoken("The door is"), *spoken("open.", start_sec=2.0)])
    assert [sentence.value for sentence in said.sentences] == ["The door is open."]


def test_words_come_in_order_of_time_whatever_order_they_were_found_in() -> None:
    said = transcript([*spoken("second part", 5.0), *spoken("first part", 1.0)])
    assert [word.value for word in said.words] == ["first", "part", "second", "part"]


def test_speech_without_marks_is_still_split() -> None:
    said = transcript(spoken("on " * 200, gap_sec=0.0))
    assert max(len(sentence.value.split()) for sentence in said.sentences) == SENTENCE_MAX_WORDS


def test_the_language_is_that_of_most_words() -> None:
    said = transcript([*spoken("Das ist der Bahnhof.", language="de"), *spoken("Hello there.", 9.0)])
    assert said.language == "de"
    assert [sentence.language for sentence in said.sentences] == ["de", "en"]
    assert said.sentences[0].probability == pytest.approx(0.8)


def test_writing_without_spaces_is_written_without_spaces() -> None:
    assert text_of(spoken("你 好 吗", language="zh"), "zh") == "你好吗"


def test_lines_fit_a_time_and_break_behind_commas_and_in_pauses() -> None:
    clause = "the river rose again during the night and nobody had looked at the pump,"
    words = spoken(f"At six {clause} so {clause} and then the upper road was closed to all lorries until Monday.")
    parts = lines(words, CLIP_SEC)
    assert [word for part in parts for word in part] == words
    assert all(part[-1].end_sec - part[0].start_sec <= CLIP_SEC for part in parts)
    assert sum(text_of(part).endswith(",") for part in parts) == 2
    pause = [*spoken("one two three four five"), *spoken("six seven eight nine ten", 2.6)]
    assert [text_of(part) for part in lines(pause, 4.0)] == ["one two three four five", "six seven eight nine ten"]


def test_clips_are_sentences_and_short_ones_that_follow_each_other_share_one() -> None:
    words = spoken("Yes. No. Maybe so. " + "Word " + "word " * 17 + "end. Short one.")
    texts = [text_of(run) for run in clip_runs(words)]
    assert texts == ["Yes. No. Maybe so.", "Word " + "word " * 17 + "end.", "Short one."]
    assert [word for run in clip_runs(words) for word in run] == words
    assert all(run[-1].end_sec - run[0].start_sec <= CLIP_SEC for run in clip_runs(words))


def test_a_turn_is_no_part_of_the_clip_before_it() -> None:
    runs = clip_runs([*spoken("Who is it?"), *spoken("It is me.", 4.0)])
    assert [text_of(run) for run in runs] == ["Who is it?", "It is me."]


def test_a_word_belongs_to_the_span_that_holds_its_middle() -> None:
    said = transcript([Word("Early.", 5.0, 5.9, 0.5, "en"), Word("Late.", 5.9, 6.6)])
    spans = [(0.0, 6.0), (6.0, 12.0), (12.0, 18.0)]
    assert [saying.value for saying in sayings(said, spans)] == ["Early.", "Late.", ""]
    first = sayings(said, spans)[0]
    assert (first.start_sec, first.end_sec, first.probability, first.language) == (0.0, 6.0, 0.5, "en")


def test_the_words_of_a_long_recording_are_not_gone_through_for_each_of_its_segments() -> None:
    reads = 0

    class Counted(Word):
        def __getattribute__(self, name: str) -> object:
            nonlocal reads
            reads += name == "end_sec"
            return super().__getattribute__(name)

    said = transcript([Counted("word", float(at), at + 0.5) for at in range(1000)])
    reads = 0
    spans = [(at, at + 5.0) for at in range(0, 1000, 5)]
    assert [saying.value for saying in sayings(said, spans)] == ["word word word word word"] * 200
    assert reads < 10 * len(said.words)


def test_silence_has_no_sentences() -> None:
    assert transcript([]).text == ""
    assert clip_runs([]) == []
