from __future__ import annotations

import pytest

from soundbite_tools.text import count_of


@pytest.mark.parametrize(("number", "said"), [(0, "0 clips"), (1, "1 clip"), (12345, "12,345 clips")])
def test_a_noun_is_in_the_number_it_is_counted_with(number: int, said: str) -> None:
    assert count_of(number, "clip") == said
