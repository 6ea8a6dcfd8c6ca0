"""People in a question: whose words it asks for."""

from __future__ import annotations

import pytest

from soundbite_tools.search.queries import asks_for_words_of_somebody, unknown_speaker, words_of

SPEAKERS = (
    "Ann Miller",
    "Bob",
    "2",
    "Zoë",
    "Project Manager",
    "SPEAKER_01",
    "Dr. Smith",
    "Will",
    "May Jones",
    "John Who",
    "Kirsty Irranca-Davies AM",
    "Jo Hill (Prime Minister)",
)
COMMON = ("Will Smith", "May Jones", "Mark Hope", "Somebody Else", "Ann One", "Any")


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
        ("What did Kirsty Irranca-Davies think?", ("Kirsty Irranca-Davies AM",), "What did they think?"),
        ("What did the Prime Minister say?", ("Jo Hill (Prime Minister)",), "What did the they say?"),
        ("what did john say", ("John Who",), "what did they say"),
        ("What did Will say about the designer?", ("Will",), "What did they say about the designer?"),
        ("what will Will honestly not say", ("Will",), "what will they honestly not say"),
        ("What has Bob been saying?", ("Bob",), "What has they been saying?"),
        ("where Bob would never have said no", ("Bob",), "where they would never have said no"),
        ("what did may jones think", ("May Jones",), "what did they think"),
        ("What is May's opinion?", ("May Jones",), "What is their opinion?"),
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


@pytest.mark.parametrize(
    "question",
    [
        "what will they say about the new designer?",
        "Will they say who the new designer is?",
        "what will the customer say when the package is broken?",
        "will anybody answer the customer about her broken package?",
        "Will you report what they say?",
        "what may they ask about the new designer",
        "what is in the report of may about the designer",
        "what is in the report of May about the designer",
        "we hope somebody tells us about the new designer",
        "what else did they say about her package",
        "what one question was asked about the designer",
        "does any comment say when the designer starts",
        "Did the customer ask Mark whether she may answer?",
        "What did Mark and the customer hear her say?",
        "What was Ann told about the designer?",
        "When was Smith asked?",
    ],
)
def test_common_words_and_other_subjects_are_no_speakers(question: str) -> None:
    assert words_of(question, COMMON) is None


def test_all_who_are_called_so_are_meant_and_a_question_for_facts_names_nobody() -> None:
    asked = words_of("What did Ann say?", ["Ann Miller", "Ann Brown"])
    assert asked
    assert asked.people == ("Ann Miller", "Ann Brown")
    assert not asks_for_words_of_somebody("When did Ann leave?")


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("what did Bob say about the train", "Bob"),
        ("What does Mary Ann Smith think of it?", "Mary Ann Smith"),
        ("what did they say about Bob", ""),
        ("What does the shop on Market Street ask?", ""),
        ("What did the office in Lisbon say about the train?", ""),
        ("What was said in Bob's report?", "Bob"),
        ("What did the customer say?", ""),
        ("Bob", ""),
    ],
)
def test_a_name_whose_words_are_asked_for_is_known_by_its_capitals(question: str, name: str) -> None:
    assert unknown_speaker(question) == name
