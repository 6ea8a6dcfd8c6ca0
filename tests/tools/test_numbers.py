"""Numbers are one in digits and in words."""

import pytest

from soundbite_tools.search.words import terms_of
from soundbite_tools.words.terms import folded_numbers


@pytest.mark.parametrize(
    ("spoken", "folded"),
    [
        ("a hundred and five minutes", "a 105 minutes"),
        ("eighteen twelve", "1812"),
        ("nineteen oh five", "1905"),
        ("nineteen eighty four", "1984"),
        ("two thousand and five", "2005"),
        ("four hundred and seventy six in all", "476 in all"),
        ("three million two hundred thousand", "3200000"),
        ("zero three eight", "0 3 8"),
        ("seven two one", "7 2 1"),
        ("thirty seven pounds and eighty cents", "37 pounds and 80 cents"),
        ("twenty thirty", "2030"),
        ("the third of may", "the 3rd of may"),
        ("on may first", "on may 1st"),
        ("the second of june", "the 2nd of june"),
        ("the twenty first and the twelfth", "the 21st and the 12th"),
        ("his ninetieth birthday", "his 90th birthday"),
    ],
)
def test_a_number_that_is_said_is_folded_to_digits(spoken: str, folded: str) -> None:
    assert tuple(folded_numbers(terms_of(spoken))) == terms_of(folded)


@pytest.mark.parametrize(
    "text", ["the first one", "wait a second", "one of them", "salt and pepper", "oh and another thing"]
)
def test_words_that_are_no_number_stay(text: str) -> None:
    assert tuple(folded_numbers(terms_of(text))) == terms_of(text)
