"""The words of a transcript, cut to ranges."""

from __future__ import annotations

from soundbite_store import StoredTranscript, TimedText
from soundbite_tools.words.timed_words import TimedWords


def transcript(*words: TimedText) -> StoredTranscript:
    return StoredTranscript(asset_id="a", source="s", start_sec=0.0, end_sec=9.0, words=words, sentences=())


def test_a_word_belongs_to_the_range_that_holds_its_middle_whatever_order_it_came_in() -> None:
    late, early = (TimedText(value=v, start_sec=s, end_sec=e) for v, s, e in (("late", 5.9, 6.6), ("early", 5.0, 5.9)))
    said = TimedWords(transcript(late, early))
    assert [said.between(*span) for span in ((0, 6), (6, 12), (5, 7), (12, 18))] == ["early", "late", "early late", ""]
    assert TimedWords(None).between(0, 6) == ""


def test_sentences_stand_in_for_words_that_are_not_there() -> None:
    told = (TimedText(value="All of it.", start_sec=1.0, end_sec=3.0),)
    said = StoredTranscript(asset_id="a", source="s", start_sec=1.0, end_sec=3.0, words=(), sentences=told)
    assert TimedWords(said).between(0, 6) == "All of it."


def test_the_words_of_a_long_recording_are_not_gone_through_for_each_of_its_clips() -> None:
    reads = 0

    class Counted(TimedText):
        def __getattribute__(self, name: str) -> object:
            nonlocal reads
            reads += name == "end_sec"
            return super().__getattribute__(name)

    said = TimedWords(transcript(*(Counted(value="word", start_sec=float(at), end_sec=at + 0.5) for at in range(1000))))
    assert [said.between(at, at + 5) for at in range(0, 1000, 5)] == ["word word word word word"] * 200
    assert reads < 10 * 1000
