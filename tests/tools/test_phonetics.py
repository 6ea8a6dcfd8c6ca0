"""Words that sound alike."""

import random
from collections.abc import Mapping

import pytest

from soundbite_tools.search.phonetics import LikelyHeard, _closest, _codes, code


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("craftsmen", "craftsman"),
        ("philip", "filip"),
        ("knights", "nights"),
        ("becker", "bekker"),
    ],
)
def test_words_that_sound_alike_have_one_code(said: str, heard: str) -> None:
    assert code(said) == code(heard) != ""


@pytest.mark.parametrize(("one", "other"), [("river", "bridge"), ("kitchen", "concert"), ("library", "alarm")])
def test_words_that_do_not_have_others(one: str, other: str) -> None:
    assert code(one) != code(other)


def likely_heard(weight_of: Mapping[str, float], words: tuple[str, ...]) -> float:
    return LikelyHeard(weight_of).share(words)


def test_a_misheard_name_counts_at_most_half_and_less_the_further_it_is() -> None:
    weights = {"craftsmen": 1.0}
    assert likely_heard(weights, ("the", "craftsman")) == 0.5
    assert 0.0 < likely_heard({"arrangement": 1.0}, ("arrangements",)) < 0.5
    assert likely_heard(weights, ("nothing", "alike")) == 0.0


def test_a_word_heard_as_two_is_found() -> None:
    assert likely_heard({"letterpress": 1.0}, ("letter", "press")) == 0.5


def test_words_that_are_there_and_short_ones_count_as_words_only() -> None:
    assert likely_heard({"river": 1.0, "the": 0.1}, ("river", "tha")) == 0.0
    assert likely_heard({}, ("river",)) == 0.0


def test_other_scripts_are_no_obstacle() -> None:
    assert likely_heard({"東京タワー": 1.0, "éléphants": 1.0}, ("京都", "éléphant")) >= 0.0


def _misheard(word: str, rng: random.Random) -> str:
    at, letter = rng.randrange(len(word)), rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice([word[:at] + letter + word[at + 1 :], word[:at] + word[at + 1 :], word[:at] + letter + word[at:]])


def test_the_quick_look_passes_over_nothing_that_comparing_all_codes_finds() -> None:
    rng = random.Random(0)
    said = [
        "craftsmen",
        "letterpress",
        "arrangement",
        "sunken",
        "treasure",
        "gentlemen",
        "tomorrow",
        "understanding",
        "constellation",
    ]
    found = 0
    for _ in range(2_000):
        words = tuple(rng.sample(said, 4))
        asked = rng.choice([words[0], words[0] + words[1]])
        for _ in range(rng.randint(1, 3)):
            asked = _misheard(asked, rng)
        compared = 0.0 if asked in words else 0.5 * _closest(code(asked), _codes(words))
        assert likely_heard({asked: 1.0}, words) == compared, (asked, words)
        found += compared > 0.0
    assert found > 500
