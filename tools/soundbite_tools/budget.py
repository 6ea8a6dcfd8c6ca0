"""Keeping answers small: under 8,000 tokens, in the structured form and in the text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

from soundbite_tools.results import Result

MOST_TOKENS = 8_000
_CHARS_PER_TOKEN = 3.5
# Room for what the protocol and the client wrap around an answer.
_SHARE = 0.95

ResultT = TypeVar("ResultT", bound=Result)


def tokens(text: str) -> float:
    """Return how many tokens a text may take: 3.5 ASCII characters each, any other character one of its own."""
    plain = sum(char.isascii() for char in text)
    return plain / _CHARS_PER_TOKEN + (len(text) - plain)


def fits(result: Result) -> bool:
    """Return whether both forms of an answer stay under the limit."""
    structured = json.dumps(result.model_dump(mode="json"), ensure_ascii=False)
    return max(tokens(structured), tokens(result.to_text())) <= MOST_TOKENS * _SHARE


def first_that_fits(made: Callable[[int], ResultT], sizes: Iterable[int]) -> ResultT:
    """Return the answer made with the first of the sizes, given largest first, at which it fits, else with the last."""
    result = None
    for size in sizes:
        result = made(size)
        if fits(result):
            break
    assert result is not None
    return result
