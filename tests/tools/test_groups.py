"""Groups of vectors that are alike, and the words that tell them apart."""

import numpy as np
import pytest

from soundbite_tools.groups.cluster_clips import distinctive_words, group_vectors


def bundles(count: int, size: int = 30, spread: float = 0.05) -> np.ndarray:
    """Unit vectors around `count` directions at right angles, `size` each, one bundle after the other."""
    rng = np.random.default_rng(7)
    vectors = np.repeat(np.eye(16, dtype=np.float32)[:count], size, axis=0)
    vectors = vectors + rng.normal(0.0, spread, vectors.shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_as_many_groups_are_found_as_there_are(count: int) -> None:
    of = group_vectors(bundles(count)).of
    assert len(set(of.tolist())) == count
    assert all(len(set(of[first : first + 30].tolist())) == 1 for first in range(0, len(of), 30))


def test_more_vectors_than_are_compared_fall_into_the_groups_of_a_few() -> None:
    vectors = bundles(6, size=500)
    for count in (0, 6):
        of = group_vectors(vectors, count).of
        assert len(of) == 3_000
        assert [len(set(of[first : first + 500].tolist())) for first in range(0, 3_000, 500)] == [1] * 6
        assert len(set(of.tolist())) == 6


def test_vectors_without_groups_stay_together() -> None:
    vectors = np.random.default_rng(3).normal(size=(60, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert set(group_vectors(vectors).of.tolist()) == {0}


def test_a_number_that_is_given_is_kept_to() -> None:
    assert len(set(group_vectors(bundles(3), 2).of.tolist())) == 2


def test_there_are_never_more_groups_than_different_vectors() -> None:
    same = np.repeat(np.eye(4, dtype=np.float32)[:2], 5, axis=0)
    assert len(group_vectors(same, 4).centres) == 2
    assert len(group_vectors(same[:1], 5).centres) == 1


def test_the_same_vectors_give_the_same_groups() -> None:
    vectors = bundles(4, spread=0.4)
    assert np.array_equal(group_vectors(vectors).of, group_vectors(vectors).of)


def test_telling_words_are_those_of_one_group_and_not_the_common_ones() -> None:
    groups = [["the river is rising", "the river and the bridge"], ["the cake is done", "the cake and the bridge"]]
    river, cake = distinctive_words(groups, 3)
    assert river[0] == "river"
    assert cake[0] == "cake"
    assert "bridge" not in river + cake
    assert "the" not in river + cake


def test_groups_without_words_have_none() -> None:
    assert distinctive_words([["", ""], ["hello river"]], 3)[0] == []
