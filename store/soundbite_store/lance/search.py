"""Searches of one clips table, by vector and by words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import ClipHit
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.driver import lance_errors
from soundbite_store.lance.indexes import TEXT_COLUMNS, matching
from soundbite_store.lance.rows import CLIP_COLUMNS, stored_clips
from soundbite_store.lance.vector_index import EXACT, OF_THE_SERVICE, SearchPlan, plan_search
from soundbite_store.resident.word_breaks import is_simple
from soundbite_store.vectors import unit_vector

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from soundbite_store.lance.table import ClipTable

MAX_HITS = 1_000
MAX_QUERY_CHARS = 2_000
SEARCH_TIMEOUT = timedelta(seconds=30)
# A clip has at most one row for each of three options and two scopes. Two of them are usual, so twice the hits are
# asked for first, and all that there can be only when that gave too few clips.
_ROWS_PER_CLIP = (2, 6)


async def vector_hits(table: ClipTable, vector: ArrayLike, where: ClipFilter, limit: int, exact: bool) -> list[ClipHit]:
    """The clips nearest to a vector, best first, each clip once."""
    query_vector = unit_vector(vector, table.space.dimension)
    condition = where.to_sql()
    resident = await table.resident()
    if resident and resident.has_vectors:

        async def compared(count: int) -> list[ClipHit]:
            return resident.nearest(query_vector, where, count)

        return await _distinct_clips(compared, where, limit)
    if not await table.facts.count(condition):  # remembered, where LanceDB would look through the rows each time
        return []
    plan = EXACT if exact else await _plan(table, condition)

    async def nearest(count: int) -> list[ClipHit]:
        query = table.lance.query().nearest_to(_as_arrow(query_vector)).distance_type("cosine")
        if condition:
            query = query.where(condition)
        if plan.exact:
            query = query.bypass_vector_index()
        else:
            query = query.nprobes(plan.nprobes).refine_factor(plan.refine_factor(count))
        if resident:
            # Where the clips are in memory LanceDB need not read them, which takes longer than finding them.
            with lance_errors():
                rows = await query.limit(count).select(["_distance"]).with_row_id().to_arrow(timeout=SEARCH_TIMEOUT)
            hits = resident.at(rows.column("_rowid").to_numpy().astype("int64"), _cosines(rows))
            if hits is not None:  # others may have written meanwhile
                return hits
        query = query.limit(count).select([*CLIP_COLUMNS, "_distance"])
        with lance_errors():
            rows = await query.to_arrow(timeout=SEARCH_TIMEOUT)
        return _hits(rows, _cosines(rows))

    return await _distinct_clips(nearest, where, limit)


async def text_hits(table: ClipTable, text: str, where: ClipFilter, limit: int) -> list[ClipHit]:
    """The clips whose transcript or sound words hold words of the text, best BM25 first, each clip once."""
    words = searchable(text)
    if not words:
        return []
    if is_simple(words) and (resident := await table.resident()):

        async def weighed(count: int) -> list[ClipHit]:
            return resident.holding(words, where, count)

        return await _distinct_clips(weighed, where, limit)
    condition = where.to_sql()

    async def holding(count: int) -> list[ClipHit]:
        # One query for each column, their scores added here: LanceDB's own query over both scores every row that
        # holds any word, which takes 50 times as long where a word is in every row.
        by_row: dict[int, ClipHit] = {}
        for column in TEXT_COLUMNS:
            query = column_search(table, words, column, condition).limit(count).select([*CLIP_COLUMNS, "_score"])
            with lance_errors():
                rows = await query.with_row_id().to_arrow(timeout=SEARCH_TIMEOUT)
            hits = _hits(rows, rows.column("_score").to_pylist())
            for row_id, hit in zip(rows.column("_rowid").to_pylist(), hits, strict=True):
                before = by_row.get(row_id)
                by_row[row_id] = ClipHit(hit.clip, hit.score + (before.score if before else 0.0))
        return list(by_row.values())

    return await _distinct_clips(holding, where, limit)


def column_search(table: ClipTable, words: str, column: str, condition: str) -> Any:
    """A query for the rows that hold any of the words in one column."""
    query = table.lance.query().nearest_to_text(matching(words, column))
    return query.where(condition) if condition else query


def searchable(text: str) -> str:
    """The text as far as a search takes it; empty when there is nothing to look for."""
    return text[:MAX_QUERY_CHARS].replace("\0", " ").strip()


async def _plan(table: ClipTable, condition: str) -> SearchPlan:
    rows = await table.facts.count()
    index = await table.facts.vector_index() if table.capabilities.optimize else OF_THE_SERVICE
    return plan_search(index, rows, await table.facts.count(condition))


async def _distinct_clips(
    search: Callable[[int], Awaitable[list[ClipHit]]], where: ClipFilter, limit: int
) -> list[ClipHit]:
    wanted = min(limit, MAX_HITS)
    one_row_each = where.embedding_option is not None and where.embedding_scope is not None
    best: dict[str, ClipHit] = {}
    for factor in (1,) if one_row_each else _ROWS_PER_CLIP:
        hits = await search(wanted * factor)
        best.clear()
        for hit in sorted(hits, key=lambda hit: (-hit.score, hit.clip.asset_id, hit.clip.start_sec)):
            best.setdefault(hit.clip.clip_id, hit)
        if len(best) >= wanted or len(hits) < wanted * factor:
            break
    return list(best.values())[:wanted]


def _as_arrow(vector: NDArray[np.float32]) -> pa.Array:
    # From an array of numpy's, pyarrow would load masked arrays first.
    import pyarrow as pa

    return pa.Array.from_buffers(pa.float32(), len(vector), [None, pa.py_buffer(vector)])


def _cosines(rows: pa.Table) -> list[float]:
    return [1.0 - distance for distance in rows.column("_distance").to_pylist()]


def _hits(rows: pa.Table, scores: list[float]) -> list[ClipHit]:
    return [ClipHit(clip, score) for clip, score in zip(stored_clips(rows), scores, strict=True)]
