"""Names that sound like words under doubt take their place, and nothing else is touched."""

import pytest

from soundbite_store import StoredTranscript, TimedText
from soundbite_tools.words.glossary import Name
from soundbite_tools.words.pronunciation import likeness
from soundbite_tools.words.soundalikes import matches

SURE = ("We talked about the trains and the weather and then we went home for the night",)


def transcript(*spoken: tuple[str, float], pause_sec: float = 0.0) -> StoredTranscript:
    """What is said: sure words, then these with their probabilities."""
    words, at = [], 0.0
    for value, probability in [*((word, 0.97) for text in SURE for word in text.split()), *spoken]:
        words.append(TimedText(value=value, start_sec=at, end_sec=at + 0.3, probability=probability))
        at += 0.3 + (pause_sec if probability < 0.9 else 0.0)
    return StoredTranscript(asset_id="a", source="", start_sec=0.0, end_sec=at, words=tuple(words), sentences=())


def replaced(names: list[str], *spoken: tuple[str, float], pause_sec: float = 0.0) -> list[tuple[str, str]]:
    there = matches(transcript(*spoken, pause_sec=pause_sec), [Name.parse(name) for name in names])
    return [(one.passage.text, one.text) for one in there]


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("Leicester", "lester"),
        ("Giltspur", "guilt spur"),
        ("OpenAI", "open A I"),
        ("Kubernetes", "Cooper Netties"),
        ("LanceDB", "lance D B"),
        ("Dashwood", "dash would"),
        ("wardsman", "wordsmen"),
        ("steward", "Stewart"),
    ],
)
def test_what_a_recogniser_writes_for_a_name_sounds_like_it(name: str, heard: str) -> None:
    assert likeness(name, heard) > 0.85


@pytest.mark.parametrize(
    ("name", "heard"), [("Ludgate", "letter"), ("Nguyen", "when"), ("Ashley", "actually"), ("Poultry", "party")]
)
def test_other_words_do_not(name: str, heard: str) -> None:
    assert likeness(name, heard) < 0.7


def test_words_under_doubt_give_way_with_their_marks_and_sure_ones_stay() -> None:
    names = ["Giltspur", "steward", "Kubernetes"]
    assert replaced(names, ("guilt", 0.4), ("spur,", 0.3)) == [("guilt spur,", "Giltspur,")]
    assert replaced(names, ("guilt", 0.97), ("spur,", 0.96)) == []
    assert replaced(names, ("(Stewart's", 0.4), ("house)", 0.9)) == [("(Stewart's", "(steward's")]
    assert replaced(names, ("Cooper", 0.5), ("Netties.", 0.4)) == [("Cooper Netties.", "Kubernetes.")]


def test_a_name_is_taken_for_no_words_around_it_and_none_of_another_sentence() -> None:
    assert replaced(["Newgate"], ("Newgate", 0.6), ("to", 0.4)) == []
    assert replaced(["Newgate", "Ludgate"], ("Newgate", 0.5)) == []
    assert replaced(["Giltspur"], ("guilt.", 0.4), ("Spur", 0.4)) == []
    assert replaced(["Giltspur"], ("guilt", 0.4), ("spur", 0.4), pause_sec=2.0) == []
    assert replaced(["Newgate"], ("new", 0.6), ("gate", 0.6)) == [("new gate", "Newgate")]


def test_common_and_short_words_stay_where_they_sound_like_a_name() -> None:
    spoken = [(word, 0.45) for word in ("may", "to", "and", "way", "very", "seven", "7", "new")]
    assert replaced(["Mei", "Otto", "Wanda", "Wei", "Vera", "Sven", "Noor"], *spoken) == []


def test_what_a_name_was_heard_as_gives_way_however_sure_it_is() -> None:
    assert replaced(["Cheryl: Charles, Sheryl"], ("Charles", 0.99), ("Turner", 0.99)) == [("Charles", "Cheryl")]
    assert replaced(["Cheryl"], ("Charles", 0.46)) == []
    assert replaced(["Newgate: new gate"], ("new", 0.99), ("gate.", 0.99)) == [("new gate.", "Newgate.")]
    assert replaced(["Newgate: new gate"], ("Newgate", 0.99)) == []


def test_words_of_another_language_stay() -> None:
    spoken = "lester lester guilt spur rampant jusco suir matin livide place vide ombre"
    foreign = [(word, 0.2) for word in spoken.split(" ")]
    assert replaced(["Leicester", "Giltspur"], *foreign) == []
