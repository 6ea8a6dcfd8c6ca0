"""A few of many, spread evenly over all of them and the same ones every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from soundbite_store import ClipFilter

T = TypeVar("T")

# A share of all clips is so many clips more or less.
_TO_SPARE = 1.1


def sampled(where: ClipFilter, most: int, count: int) -> ClipFilter:
    """Return the filter, which lets `count` clips through, narrowed to about `most` of them, rather more than fewer."""
    share = _TO_SPARE * most / count
    return where if share >= 1.0 else replace(where, share=share)


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, in their order."""
    return [items[round(at)] for at in np.linspace(0, len(items) - 1, min(most, len(items)))]
