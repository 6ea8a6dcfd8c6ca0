"""Keeping answers small: under 8,000 tokens, in the structured form and in the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from soundbite_tools.results import Result

MOST_TOKENS = 8_000
_CHARS_PER_TOKEN = 3.5
# Room for what the protocol and the client wrap around an answer.
_SHARE = 0.95


@dataclass(frozen=True)
class Room:
    """How much an answer may hold: characters of a text and of a title, tags of an entry, and entries."""

    text: int
    title: int
    tags: int
    entries: int = 50


ROOMS = (
    Room(text=800, title=120, tags=5),
    Room(text=400, title=120, tags=5),
    Room(text=200, title=80, tags=3),
    Room(text=100, title=60, tags=2),
    Room(text=50, title=40, tags=1),
    Room(text=30, title=30, tags=0),
    Room(text=30, title=30, tags=0, entries=35),
    Room(text=0, title=30, tags=0, entries=25),
)

ResultT = TypeVar("ResultT", bound=Result)


def tokens(text: str) -> float:
    """Return how many tokens a text may take: 3.5 ASCII characters each, any other character one of its own."""
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return plain / _CHARS_PER_TOKEN + (len(text) - plain)


def fits(result: Result) -> bool:
    """Return whether both forms of an answer stay under the limit."""
    structured = json.dumps(result.model_dump(mode="json"), ensure_ascii=False)
    return max(tokens(structured), tokens(result.to_text())) <= MOST_TOKENS * _SHARE


def first_that_fits(made: Callable[[Room], ResultT]) -> ResultT:
    """Return the answer made with the most room at which it fits, else with the least."""
    *wider, least = ROOMS
    for room in wider:
        if fits(result := made(room)):
            return result
    return made(least)
