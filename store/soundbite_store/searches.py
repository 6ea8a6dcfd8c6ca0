"""Searches of one clips table: by vector, by words, and how common words are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from soundbite_store.clips import ClipHit, TermCounts
from soundbite_store.filters import ClipFilter
from soundbite_store.indexes import EXACT, SearchPlan, in_any_column, plan_search
from soundbite_store.lance import lance_errors
from soundbite_store.rows import CLIP_COLUMNS, stored_clips
from soundbite_store.vectors import unit_vector

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import ArrayLike

    from soundbite_store.clip_table import ClipTable

MAX_HITS = 1_000
MAX_QUERY_CHARS = 2_000
# A clip has at most one row for each of three options and two scopes; a search that spans them needs spares.
_ROWS_PER_CLIP = 6
_TIMEOUT = timedelta(seconds=30)
# A word in this many clips tells nothing; counting on would only cost time.
_MAX_DOCUMENT_COUNT = 10_000
_CACHED_COUNTS = 5_000


async def vector_hits(table: ClipTable, vector: ArrayLike, where: ClipFilter, limit: int, exact: bool) -> list[ClipHit]:
    """The clips nearest to a vector, best first, each clip once."""
    query_vector = unit_vector(vector, table.space.dimension)
    condition = where.to_sql()
    with lance_errors():
        plan = EXACT if exact else await _plan(table, condition)
        query = table.lance.query().nearest_to(query_vector).distance_type("cosine")
        if condition:
            query = query.where(condition)
        if plan.exact:
            query = query.bypass_vector_index()
        else:
            # Unrefined distances from a quantised index are not cosine distances but about twice as large.
            query = query.nprobes(plan.nprobes).refine_factor(plan.refine_factor)
        query = query.limit(_rows_for(limit, where)).select([*CLIP_COLUMNS, "_distance"])
        rows = await query.to_arrow(timeout=_TIMEOUT)
    scores = [1.0 - distance for distance in rows.column("_distance").to_pylist()]
    return _best_of_each_clip(rows, scores, limit)


async def text_hits(table: ClipTable, text: str, where: ClipFilter, limit: int) -> list[ClipHit]:
    """The clips whose transcript or sound words hold words of the text, best BM25 first, each clip once."""
    words = _words(text)
    if not words:
        return []
    with lance_errors():
        query = table.lance.query().nearest_to_text(in_any_column(words))
        if condition := where.to_sql():
            query = query.where(condition)
        query = query.limit(_rows_for(limit, where)).select([*CLIP_COLUMNS, "_score"])
        rows = await query.to_arrow(timeout=_TIMEOUT)
    return _best_of_each_clip(rows, rows.column("_score").to_pylist(), limit)


class TermCounter:
    """Document frequencies of one table, remembered for as long as the table does not change."""

    def __init__(self) -> None:
        self._version = -1
        self._counts: OrderedDict[tuple[str | None, str], int] = OrderedDict()

    async def counts(self, table: ClipTable, terms: Iterable[str], where: ClipFilter) -> TermCounts:
        """How many rows there are, and how many of them hold each term (at most 10,000 are counted)."""
        condition = where.to_sql()
        with lance_errors():
            version = await table.lance.version()
        if version != self._version:
            self._version = version
            self._counts.clear()
        by_term = {term: await self._count(table, term, condition) for term in dict.fromkeys(terms)}
        return TermCounts(await self._count(table, None, condition), by_term)

    async def _count(self, table: ClipTable, term: str | None, condition: str) -> int:
        key = (term, condition)
        if key not in self._counts:
            self._counts[key] = await _matching(table, term, condition)
            if len(self._counts) > _CACHED_COUNTS:
                self._counts.popitem(last=False)
        return self._counts[key]


async def _matching(table: ClipTable, term: str | None, condition: str) -> int:
    with lance_errors():
        if term is None:
            return int(await table.lance.count_rows(condition or None))
        words = _words(term)
        if not words:
            return 0
        query = table.lance.query().nearest_to_text(in_any_column(words))
        if condition:
            query = query.where(condition)
        rows = await query.limit(_MAX_DOCUMENT_COUNT).select(["_score"]).to_arrow(timeout=_TIMEOUT)
        return int(rows.num_rows)


async def _plan(table: ClipTable, condition: str) -> SearchPlan:
    rows = await table.lance.count_rows()
    return plan_search(rows, await table.lance.count_rows(condition) if condition else rows)


def _words(text: str) -> str:
    return text[:MAX_QUERY_CHARS].replace("\0", " ").strip()


def _rows_for(limit: int, where: ClipFilter) -> int:
    one_row_each = where.embedding_option is not None and where.embedding_scope is not None
    return max(1, min(limit, MAX_HITS)) * (1 if one_row_each else _ROWS_PER_CLIP)


def _best_of_each_clip(rows: pa.Table, scores: Sequence[float], limit: int) -> list[ClipHit]:
    hits = [ClipHit(clip, score) for clip, score in zip(stored_clips(rows), scores, strict=True)]
    hits.sort(key=lambda hit: (-hit.score, hit.clip.asset_id, hit.clip.start_sec))
    best: dict[str, ClipHit] = {}
    for hit in hits:
        best.setdefault(hit.clip.clip_id, hit)
    return list(best.values())[: max(0, min(limit, MAX_HITS))]
