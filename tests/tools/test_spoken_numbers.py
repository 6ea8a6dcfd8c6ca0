"""Numbers said and written are one number."""

import pytest

from soundbite_tools.search.spoken_numbers import forms_of, numbers_in


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("23", "twenty three"),
        ("seven", "7"),
        ("one hundred and five", "105"),
        ("66000", "sixty six thousand"),
        ("1984", "nineteen eighty four"),
        ("nineteen oh five", "1905"),
        ("nineteen hundred", "1900"),
        ("2024", "twenty twenty four"),
        ("zero", "0"),
    ],
)
def test_a_number_has_its_other_forms_and_its_own_first(text: str, other: str) -> None:
    (number,) = numbers_in(text.split())
    assert number.forms[0] == tuple(text.split())
    assert tuple(other.split()) in number.forms


def test_every_form_is_read_back_as_the_same_number() -> None:
    for value in [*range(2_200), *range(2_200, 1_000_000, 997), 1_000_000, 2_500_001, 999_999_999]:
        for form in forms_of(value):
            (number,) = numbers_in(form)
            assert (number.first, number.last) == (0, len(form))
            assert (str(value),) in number.forms


def test_numbers_are_found_among_other_words_and_apart_from_each_other() -> None:
    found = numbers_in(["call", "room", "twenty", "three", "and", "then", "one", "two"])
    assert [(number.first, number.last) for number in found] == [(2, 4), (6, 7), (7, 8)]


@pytest.mark.parametrize("text", ["007", "and then", "a thousand", "oh", "1234567890", "²"])
def test_what_is_no_plain_number_is_left_alone(text: str) -> None:
    assert numbers_in(text.split()) == []
