"""People in a question: whose words it asks for."""

from __future__ import annotations

import pytest

from soundbite_tools.search.people import asks_for_words_of_somebody, words_of

SPEAKERS = ("Ann Miller", "Bob", "2", "Zoë", "Project Manager", "SPEAKER_01", "Dr. Smith", "Will")


@pytest.mark.parametrize(
    ("question", "people", "without_names"),
    [
        ("What did Ann say about the budget?", ("Ann Miller",), "What did they say about the budget?"),
        ("what does ann miller really think", ("Ann Miller",), "what does they really think"),
        ("What is Bob\u2019s answer?", ("Bob",), "What is their answer?"),
        ("what did zoe suggest", ("Zoë",), "what did they suggest"),
        ("What did speaker 2 say about cats?", ("2",), "What did they say about cats?"),
        ("Why did the project manager object?", ("Project Manager",), "Why did the they object?"),
        ("What did Ann and Bob say?", ("Ann Miller", "Bob"), "What did they and they say?"),
        ("the opinion of Dr. Smith on rivers", ("Dr. Smith",), "the opinion of they on rivers"),
        ("What was said by Bob?", ("Bob",), "What was said by they?"),
    ],
)
def test_a_question_for_the_words_of_somebody_names_them(
    question: str, people: tuple[str, ...], without_names: str
) -> None:
    assert asks_for_words_of_somebody(question)
    asked = words_of(question, SPEAKERS)
    assert asked
    assert (asked.people, asked.question) == (people, without_names)


@pytest.mark.parametrize(
    "question",
    [
        "What did they say about Ann?",
        "What was said to Bob?",
        "What did the project say about pollution?",
        "Who told Ann?",
        "What did Carol say?",
        "What will they say?",
        "Who told Will that she said no?",
        "What does page 2 say?",
        "",
    ],
)
def test_who_is_only_spoken_of_is_not_asked_for_their_words(question: str) -> None:
    assert words_of(question, SPEAKERS) is None


def test_all_who_are_called_so_are_meant_and_a_question_for_facts_names_nobody() -> None:
    asked = words_of("What did Ann say?", ["Ann Miller", "Ann Brown"])
    assert asked
    assert asked.people == ("Ann Miller", "Ann Brown")
    assert not asks_for_words_of_somebody("When did Ann leave?")
