"""Searches of one clips table, by vector and by words."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import ClipHit, TermCounts
from soundbite_store.errors import lance_errors
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.indexes import (
    EXACT,
    OF_THE_SERVICE,
    TEXT_COLUMNS,
    SearchPlan,
    matching,
    plan_search,
    vector_index_of,
)
from soundbite_store.lance.rows import CLIP_COLUMNS, stored_clips
from soundbite_store.resident.words import is_simple
from soundbite_store.vectors import VectorIndex, unit_vector

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb import AsyncTable
    from numpy.typing import ArrayLike, NDArray

    from soundbite_store.lance.table import ClipTable

_REMEMBERED_COUNTS = 1_000
# The time that a file system gives a change may be some milliseconds coarse.
_CERTAIN_AFTER_S = 1.0
MAX_HITS = 1_000
MAX_QUERY_CHARS = 2_000
SEARCH_TIMEOUT = timedelta(seconds=30)
# A clip has at most one row for each of three options and two scopes. Two of them are usual, so twice the hits are
# asked for first, and all that there can be only when that gave too few clips.
_ROWS_PER_CLIP = (2, 6)
# A word in this many clips tells nothing; counting on would only cost time.
_MAX_DOCUMENT_COUNT = 10_000
_REMEMBERED = 5_000
_AT_ONCE = 4


class TableFacts:
    """Numbers of rows and the state of the vector index, by version of the table."""

    def __init__(self, table: AsyncTable, folder: Path | None = None) -> None:
        self._table = table
        # Where directories tell at once that a file came; on Windows they may be late.
        self._manifests = folder / "_versions" if folder and os.name == "posix" else None
        self._seen: tuple[int, int] | None = None
        self._version = -1
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._index: VectorIndex | None = None

    async def version(self) -> int:
        """The version that the facts are about: the newest."""
        seen = self._last_commit()
        if seen is not None and seen == self._seen:
            return self._version
        with lance_errors():
            version = int(await self._table.version())
            if version != self._version:
                index = vector_index_of(await self._table.schema())
                self._version, self._index = version, index
                self._counts.clear()
        self._seen = seen
        return version

    def _last_commit(self) -> tuple[int, int] | None:
        """What tells one commit from the next, hundreds of times faster than the version; None if it can't be sure."""
        if self._manifests is None:
            return None
        try:
            found = self._manifests.stat()
        except OSError:
            return None
        is_certain = time.time() - found.st_mtime > _CERTAIN_AFTER_S
        return (found.st_mtime_ns, found.st_ino) if is_certain else None

    async def count(self, condition: str = "") -> int:
        """The number of rows that match an SQL condition."""
        version = await self.version()
        if condition in self._counts:
            return self._counts[condition]
        with lance_errors():
            counted = int(await self._table.count_rows(condition or None))
        if version == self._version:  # another task may have seen a newer version meanwhile
            self._counts[condition] = counted
            if len(self._counts) > _REMEMBERED_COUNTS:
                self._counts.popitem(last=False)
        return counted

    async def vector_index(self) -> VectorIndex | None:
        """How to search the vector index, or None while the table has none."""
        await self.version()
        return self._index


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


class TermCounter:
    """Document frequencies of one table, remembered for as long as the table does not change."""

    def __init__(self) -> None:
        self._version = -1
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def counts(self, table: ClipTable, terms: Iterable[str], where: ClipFilter) -> TermCounts:
        """How many rows there are, and how many of them hold each term (at most 10,000 are counted)."""
        counts = dict.fromkeys(terms, 0)
        unknown = list(counts)
        if resident := await table.resident():
            known = resident.holders(filter(is_simple, counts), where)
            counts |= {term: min(count, _MAX_DOCUMENT_COUNT) for term, count in known.items()}
            unknown = [term for term in counts if term not in known]
        condition = where.to_sql()
        if unknown:
            await self._forget_older(table)
            found = await asyncio.gather(*(self._count(table, term, condition) for term in unknown))
            counts |= zip(unknown, found, strict=True)
        documents = resident.matching(where) if resident else await table.facts.count(condition)
        return TermCounts(documents, counts)

    async def _forget_older(self, table: ClipTable) -> None:
        version = await table.facts.version()
        if version != self._version:
            self._version = version
            self._counts.clear()

    async def _count(self, table: ClipTable, term: str, condition: str) -> int:
        key = (term, condition)
        if key not in self._counts:
            version = self._version
            async with self._turns:
                counted = await _matching(table, term, condition)
            if version != self._version:
                return counted
            self._counts[key] = counted
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return self._counts[key]


async def _matching(table: ClipTable, term: str, condition: str) -> int:
    words = searchable(term)
    holders: set[int] = set()
    for column in TEXT_COLUMNS if words else ():
        query = column_search(table, words, column, condition).limit(_MAX_DOCUMENT_COUNT).select(["_score"])
        with lance_errors():
            rows = await query.with_row_id().to_arrow(timeout=SEARCH_TIMEOUT)
        holders.update(rows.column("_rowid").to_pylist())
    return min(len(holders), _MAX_DOCUMENT_COUNT)
