"""Segment times as seconds of the source, whichever way the platform counts them."""

from __future__ import annotations

from collections.abc import Sequence

from soundbite_api.embeddings import EmbeddingData

_SLACK_SEC = 0.5


def absolute_times(data: Sequence[EmbeddingData], start_sec: float) -> list[EmbeddingData]:
    """Return the items with times that count from the beginning of the source.

    Whether the platform counts from there or from the window's start is not written down (contract 3.9). A time
    clearly before the window's start can only be relative; the slack leaves room for rounding.
    """
    starts = [item.start_sec for item in data if item.start_sec is not None]
    if not starts or min(starts) >= start_sec - min(_SLACK_SEC, start_sec / 2):
        return list(data)
    return [_shifted(item, start_sec) for item in data]


def _shifted(item: EmbeddingData, by_sec: float) -> EmbeddingData:
    if item.start_sec is None or item.end_sec is None:
        return item
    return item.model_copy(update={"start_sec": item.start_sec + by_sec, "end_sec": item.end_sec + by_sec})
