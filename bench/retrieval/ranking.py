"""How near the top the right answers came."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RankSummary:
    """Recall at 1 and 5 and mean reciprocal rank of `n` queries, each 0 to 1."""

    n: int
    r1: float
    r5: float
    mrr: float


def summarise(ranks: Sequence[int | None]) -> RankSummary:
    """Summarise the ranks of the first right answer, counted from 1; None is a query whose answer was not found."""
    found = [rank for rank in ranks if rank is not None]
    n = len(ranks)
    return RankSummary(
        n=n,
        r1=sum(rank == 1 for rank in found) / n,
        r5=sum(rank <= 5 for rank in found) / n,
        mrr=sum(1 / rank for rank in found) / n,
    )
