"""Words of a question and what they weigh."""

import random

import pytest

from soundbite_tools.search.words import (
    MOST_TERMS,
    QuestionWords,
    content_terms,
    distinct_terms,
    has_slip,
    longest_run,
    sound_share,
    sound_terms,
    terms_of,
)
from soundbite_tools.words.terms import UNKNOWN_WEIGHT, weight_of


def test_words_are_folded_as_the_index_folds_them() -> None:
    assert terms_of("Café  Zürich\u2019s 42, it's!") == ("cafe", "zurich's", "42", "it's")


def test_words_in_ascii_are_cut_as_they_are_beside_other_letters() -> None:
    rng = random.Random(5)
    for _ in range(300):
        text = "".join(rng.choices([*map(chr, range(128)), *"'aB9 "], k=40))
        assert terms_of(text) == terms_of(f"{text} \u03b1")[:-1], repr(text)


def test_words_of_any_script_are_words() -> None:
    assert terms_of("привет мир") == ("привет", "мир")


def test_a_question_has_each_word_once_and_not_endlessly_many() -> None:
    assert distinct_terms("the dog and the cat") == ("the", "dog", "and", "cat")
    assert len(distinct_terms(" ".join(map(str, range(500))))) == MOST_TERMS
    assert len(content_terms(" ".join(map(str, range(500))))) == MOST_TERMS


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("doctor", "the doctor's opinion"),
        ("brother", "My brother\u2019s coming"),
        ("the children's teachers", "a teacher of the children"),
        ("neighbour", "both of the neighbors' dogs"),
        ("apologising", "she apologized"),
        ("the colour of the theatre", "colors and theaters"),
        ("travelled to the centre", "traveling between centers"),
        ("a licence for the catalogue", "the catalogs were licensed"),
        ("poor box", "the poor-box was opened"),
        ("email", "by E-mail"),
        ("Cheryl", "C-H-E-R-Y-L"),
        ("room 23", "we are in room twenty-three"),
        ("a hundred and five minutes", "it takes 105 minutes"),
        ("ninety thousand pounds", "to the extent of £90,000 pounds"),
        ("bookings", "I booked it"),
    ],
)
def test_words_are_one_whatever_their_ending_spelling_or_form(asked: str, said: str) -> None:
    assert QuestionWords(asked).share(said) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("apointment", "appointment"),
        ("reservatoin", "reservation"),
        ("itinerery", "itinerary"),
        ("resturant", "restaurant"),
    ],
)
def test_a_slip_of_one_letter_in_a_long_word_is_forgiven_most_of_it(asked: str, said: str) -> None:
    assert 0.7 < QuestionWords(asked).share(said) < 1.0


@pytest.mark.parametrize(("one", "other"), [("three", "tree"), ("cat", "car"), ("appointment", "disappointment")])
def test_short_words_and_other_words_are_not_slips(one: str, other: str) -> None:
    assert QuestionWords(one).share(other) == 0.0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("when is the appointment", "when the tomatoes are red"),
        ("where will they go", "they will go where you go"),
        ("who is it", "it is who it is"),
        ("what would you have", "you have what you would have"),
    ],
)
def test_words_that_only_build_sentences_tell_nothing(asked: str, said: str) -> None:
    assert QuestionWords(asked).share(said) == 0.0


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    common, rarer, rare = (weight_of(*content_terms(word)) for word in ("time", "ticket", "calligraphy"))
    assert 0.0 <= common < rarer < rare <= UNKNOWN_WEIGHT
    assert weight_of("newgat") == UNKNOWN_WEIGHT
    assert QuestionWords("time of calligraphy").share("calligraphy") > 0.8


def test_the_share_does_not_change_with_what_else_is_said() -> None:
    words = QuestionWords("departure of the train")
    assert words.share("the train") == words.share("the train " + "and so on and so forth " * 50)


def test_words_in_a_row_are_quoted_from_three_on() -> None:
    asked = QuestionWords("may I have your phone number please")
    assert asked.quoted("May I have your phone number, please?") == 1.0
    assert asked.quoted("your phone number is new") == pytest.approx(3 / 7)
    assert asked.quoted("my phone number") == 0.0
    assert QuestionWords("phone number").quoted("phone number") == 0.0


def test_the_longest_run_is_that_of_words_which_follow_each_other() -> None:
    assert longest_run(["a", "b", "c", "d"], ["x", "b", "c", "y", "a", "b"]) == 2
    assert longest_run([], ["a"]) == 0


@pytest.mark.parametrize(
    ("one", "other", "is_slip"),
    [
        ("form", "from", True),
        ("form", "farm", True),
        ("form", "forms", True),
        ("form", "form", False),
        ("ab", "ba", True),
    ],
)
def test_a_slip_is_one_letter_changed_missing_added_or_two_swapped(one: str, other: str, is_slip: bool) -> None:
    assert has_slip(one, other) is has_slip(other, one) is is_slip


def test_an_index_without_stems_is_asked_for_other_endings_and_for_digits() -> None:
    forms = QuestionWords("the brothers in room twenty three").spellings()
    assert {"brothers", "brother", "room", "room's", "23", "twenty", "three"} <= set(forms)
    assert "the" not in forms


def test_a_question_names_a_sound_by_the_square_of_the_share_of_its_words() -> None:
    assert sound_share(sound_terms("the sound of barking dogs"), "dog; bark") == 1.0
    assert sound_share(sound_terms("who walked the dog today"), "dog") == pytest.approx(1 / 9)
