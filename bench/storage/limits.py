"""What is wanted of the store at each size, beside what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

RECALL = "recall of a vector search"
TIME = "its p50, x numpy exact"
FILTERED_RECALL = "recall with a filter of 1 %"
INGEST = "ingest, x a raw LanceDB add"
TIDYING = "read by tidying, share of the store"
IDLE_MB = "idle memory of a server, MB"
QUESTION_MS = "p50 of a question over MCP, ms"


@dataclass(frozen=True)
class Limit:
    """A bound on a figure for tables of so many rows."""

    figure: str
    bound: float
    is_least: bool = True
    from_rows: int = 0
    to_rows: float = math.inf

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.is_least else value <= self.bound


LIMITS = (
    Limit(RECALL, 0.99, from_rows=100_000, to_rows=999_999),
    Limit(RECALL, 0.98, from_rows=1_000_000),
    Limit(TIME, 1.0, is_least=False, from_rows=100_000, to_rows=999_999),
    Limit(TIME, 0.1, is_least=False, from_rows=1_000_000),
    Limit(FILTERED_RECALL, 0.99),
    Limit(INGEST, 0.5),
    Limit(TIDYING, 0.25, is_least=False, from_rows=100_000),
    Limit(QUESTION_MS, 10.0, is_least=False, to_rows=99_999),
    Limit(QUESTION_MS, 15.0, is_least=False, from_rows=100_000, to_rows=999_999),
    Limit(QUESTION_MS, 40.0, is_least=False, from_rows=1_000_000),
    Limit(IDLE_MB, 600.0, is_least=False, from_rows=1_000_000),
)


def verdicts(rows: int, figures: Mapping[str, float]) -> Iterator[str]:
    """A line for each figure that has a limit at this size."""
    for limit in LIMITS:
        if limit.from_rows <= rows <= limit.to_rows:
            value = figures.get(limit.figure)
            wanted = f"{'at least' if limit.is_least else 'at most'} {limit.bound:g}"
            verdict = "not measured" if value is None else "reached" if limit.holds(value) else "MISSED"
            yield f"{limit.figure:30} {'' if value is None else f'{value:.3f}':>8}  {wanted:14} {verdict}"
