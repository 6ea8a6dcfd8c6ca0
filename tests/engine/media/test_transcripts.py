"""Words to sentences."""

from __future__ import annotations

from soundbite_engine.speech.transcripts import SENTENCE_MAX_WORDS, Word, texts_between, transcript


def spoken(text: str, start_sec: float = 0.0, gap_sec: float = 0.1) -> list[Word]:
    words = []
    for value in text.split():
        words.append(Word(value, round(start_sec, 3), round(start_sec + 0.3, 3)))
        start_sec += 0.3 + gap_sec
    return words


def test_a_pause_ends_a_sentence() -> None:
    said = transcript([*spoken("the door is open"), *spoken("i'll close it and i go", start_sec=3.0)])
    assert [sentence.value for sentence in said.sentences] == ["The door is open.", "I'll close it and I go."]
    assert (said.sentences[1].start_sec, said.sentences[1].end_sec) == (3.0, 5.3)
    assert said.text == "The door is open. I'll close it and I go."


def test_days_and_names_have_capitals_wherever_they_stand() -> None:
    said = transcript(spoken("see you on monday or at friday's english lesson in may if i'm there"))
    assert said.text == "See you on Monday or at Friday's English lesson in may if I'm there."


def test_words_come_in_order_of_time_whatever_order_they_were_found_in() -> None:
    said = transcript([*spoken("second part", 5.0), *spoken("first part", 1.0)])
    assert [word.value for word in said.words] == ["first", "part", "second", "part"]


def test_speech_without_pauses_is_still_split() -> None:
    said = transcript(spoken("on " * 100, gap_sec=0.0))
    assert max(len(sentence.value.split()) for sentence in said.sentences) == SENTENCE_MAX_WORDS


def test_a_word_belongs_to_the_span_that_holds_its_middle() -> None:
    said = transcript([Word("early", 5.0, 5.9), Word("late", 5.9, 6.6)])
    assert texts_between(said, [(0.0, 6.0), (6.0, 12.0), (12.0, 18.0)]) == ["Early.", "Late.", ""]


def test_the_words_of_a_long_recording_are_not_gone_through_for_each_of_its_segments() -> None:
    reads = 0

    class Counted(Word):
        def __getattribute__(self, name: str) -> object:
            nonlocal reads
            reads += name == "end_sec"
            return super().__getattribute__(name)

    said = transcript([Counted("word", float(at), at + 0.5) for at in range(1000)])
    reads = 0
    assert texts_between(said, [(at, at + 5.0) for at in range(0, 1000, 5)]) == ["Word word word word word."] * 200
    assert reads < 10 * len(said.words)


def test_silence_has_no_sentences() -> None:
    assert transcript([]).text == ""
