"""How many there are, in words."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """Return `1 clip`, `2 clips`: a number and its noun, for nouns that take an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
