"""Words of a question and what they weigh."""

import random

import pytest

from soundbite_store import TermCounts
from soundbite_tools.search.words import MOST_TERMS, coverage, distinct_terms, terms_of, weights


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


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    weight_of = weights(TermCounts(100, {"the": 90, "calligraphy": 1, "unheard": 0}))
    assert weight_of["the"] < 0.2 < weight_of["calligraphy"] < weight_of["unheard"]


def test_weights_are_never_negative_even_when_the_counts_disagree() -> None:
    assert min(weights(TermCounts(1, {"a": 5, "b": 1})).values()) >= 0.0


def test_coverage_is_the_share_of_weight_that_is_held() -> None:
    assert coverage({"a": 3.0, "b": 1.0}, ("a", "c")) == pytest.approx(0.75)
    assert coverage({}, ("a",)) == 0.0
