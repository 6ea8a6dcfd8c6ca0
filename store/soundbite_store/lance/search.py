"""Searches of one clips table, by vector and by words, through LanceDB or in the copy in memory."""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from soundbite_store.clips import TEXT_COLUMNS, ClipHit, VectorIndex, unit_vector
from soundbite_store.errors import StoreError, lance_errors
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.indexes import EXACT, OF_THE_SERVICE, SearchPlan, matching, plan_search, vector_index_of
from soundbite_store.resident.rows import is_simple
from soundbite_store.rows import stored_clips, vectors_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb import AsyncTable
    from numpy.typing import ArrayLike, NDArray

    from soundbite_store.lance.places import StoreCapabilities
    from soundbite_store.resident.clips import ResidentClips

_log = logging.getLogger(__name__)
MAX_HITS = 1_000
MAX_QUERY_CHARS = 2_000
_TIMEOUT = timedelta(seconds=30)
_REMEMBERED_COUNTS = 1_000
# The time that a file system gives a change may be some milliseconds coarse.
_CERTAIN_AFTER_S = 1.0
# A clip has at most one row for each of three options and two scopes. Two of them are usual, so twice the hits are
# asked for first, and all that there can be only when that gave too few clips.
_ROWS_PER_CLIP = (2, 6)


class ClipSearch(Protocol):
    """Answers from the rows of one table: LanceDB's from the disk, or those of the copy in memory."""

    async def nearest(self, vector: NDArray[np.float32], where: ClipFilter, count: int) -> list[ClipHit]:
        """The rows nearest to a unit vector by cosine, in no order."""
        ...

    async def holding(
        self, words: str, where: ClipFilter, count: int, near: NDArray[np.float32] | None = None
    ) -> list[ClipHit]:
        """The rows that hold any of the words, those that answer best by BM25, in no order.

        With their cosines to a unit vector `near`, where they cost little.
        """
        ...


class TableSearch:
    """Answers questions about one table from memory where its rows are there, and through LanceDB where not."""

    def __init__(
        self, dimension: int, lance: LanceSearch, resident: Callable[[], Awaitable[ResidentClips | None]]
    ) -> None:
        """`resident` gives the copy in memory of the newest version, where there is one."""
        self._dimension = dimension
        self._lance = lance
        self._resident = resident

    async def by_vector(self, vector: ArrayLike, where: ClipFilter, limit: int, *, exact: bool) -> list[ClipHit]:
        """The clips nearest to a vector, best first, each clip once."""
        unit = unit_vector(vector, self._dimension)
        resident = await self._resident()

        async def nearest(count: int) -> list[ClipHit]:
            if resident and resident.has_vectors:
                return await resident.nearest(unit, where, count)
            return await self._lance.nearest(unit, where, count, exact=exact, resident=resident)

        return await _distinct_clips(nearest, where, limit)

    async def by_words(self, text: str, where: ClipFilter, limit: int, near: ArrayLike | None = None) -> list[ClipHit]:
        """The clips whose transcript or sound words hold words of the text, best BM25 first, each clip once."""
        words = _searchable(text)
        if not words:
            return []
        resident = await self._resident() if is_simple(words) else None
        unit = None if near is None else unit_vector(near, self._dimension)

        async def holding(count: int) -> list[ClipHit]:
            return await (resident or self._lance).holding(words, where, count, unit)

        return await _distinct_clips(holding, where, limit)


class LanceSearch:
    """Searches through LanceDB."""

    def __init__(self, facts: TableFacts, columns: Sequence[str], capabilities: StoreCapabilities) -> None:
        """`columns` are those of a clip."""
        self._facts = facts
        self._columns = columns
        self._capabilities = capabilities

    async def nearest(
        self,
        vector: NDArray[np.float32],
        where: ClipFilter,
        count: int,
        *,
        exact: bool = False,
        resident: ResidentClips | None = None,
    ) -> list[ClipHit]:
        """The rows nearest to a unit vector; LanceDB need not read those that are in memory, which takes longest."""
        condition = where.to_sql()
        is_of_few = where.clip_ids is not None and len(where.clip_ids) <= MAX_HITS
        if is_of_few and resident and (hits := await self._cosines_of(vector, where, resident)) is not None:
            return hits
        # Remembered, where LanceDB would look through the rows each time; but nobody asks twice for the same few clips.
        if not is_of_few and not await self._facts.count(condition):
            return []
        query = self._facts.table.query().nearest_to(_as_arrow(vector)).distance_type("cosine").limit(count)
        if condition:
            query = query.where(condition)
        plan = EXACT if exact or is_of_few else await self._plan(condition)
        if plan.exact:
            query = query.bypass_vector_index()
        else:
            query = query.nprobes(plan.nprobes).refine_factor(plan.refine_factor(count))
        if resident:
            with lance_errors():
                rows = await query.select(["_distance"]).with_row_id().to_arrow(timeout=_TIMEOUT)
            hits = resident.at(rows.column("_rowid").to_numpy().astype("int64"), _cosines(rows))
            if hits is not None:  # others may have written meanwhile
                return hits
        with lance_errors():
            rows = await query.select([*self._columns, "_distance"]).to_arrow(timeout=_TIMEOUT)
        return _hits(rows, _cosines(rows))

    async def _cosines_of(
        self, vector: NDArray[np.float32], where: ClipFilter, resident: ResidentClips
    ) -> list[ClipHit] | None:
        """All rows that a filter lets through, by their addresses in memory; None where one is elsewhere by now."""
        addresses = resident.addresses(where)
        if not len(addresses):
            return []
        try:
            with lance_errors():
                take = self._facts.table.take_row_ids(addresses.tolist())
                rows = await take.select(["vector"]).with_row_id().to_arrow()
        except StoreError as exc:
            _log.debug("Rows that are in memory are elsewhere by now: %s", exc)
            return None
        if rows.num_rows != len(addresses):
            return None
        return resident.at(rows.column("_rowid").to_numpy().astype("int64"), (vectors_of(rows) @ vector).tolist())

    async def holding(
        self, words: str, where: ClipFilter, count: int, near: NDArray[np.float32] | None = None
    ) -> list[ClipHit]:
        """The rows that hold any of the words, those that answer best by BM25, in no order.

        With their cosines to a unit vector `near`: to read the vectors of rows that are read costs a tenth of asking
        for them.
        """
        columns = [*self._columns, "_score"] if near is None else [*self._columns, "_score", "vector"]
        # One query for each column, their scores added here: LanceDB's own query over both scores every row that
        # holds any word, which takes 50 times as long where a word is in every row.
        by_row: dict[int, ClipHit] = {}
        for column in TEXT_COLUMNS:
            query = self._column_search(words, column, where.to_sql()).limit(count).select(columns)
            with lance_errors():
                rows = await query.with_row_id().to_arrow(timeout=_TIMEOUT)
            hits = _hits(rows, rows.column("_score").to_pylist())
            cosines = [None] * len(hits) if near is None else (vectors_of(rows) @ near).tolist()
            for row_id, hit, cosine in zip(rows.column("_rowid").to_pylist(), hits, cosines, strict=True):
                before = by_row.get(row_id)
                by_row[row_id] = ClipHit(hit.clip, hit.score + (before.score if before else 0.0), cosine)
        return list(by_row.values())

    async def _plan(self, condition: str) -> SearchPlan:
        rows = await self._facts.count()
        index = await self._facts.vector_index() if self._capabilities.optimize else OF_THE_SERVICE
        return plan_search(index, rows, await self._facts.count(condition))

    def _column_search(self, words: str, column: str, condition: str) -> Any:
        query = self._facts.table.query().nearest_to_text(matching(words, column))
        return query.where(condition) if condition else query


class TableFacts:
    """Numbers of rows and the state of the vector index, by version of the table."""

    def __init__(self, table: AsyncTable, folder: Path | None = None) -> None:
        self.table = table
        # Where directories tell at once that a file came; on Windows they may be late.
        self._manifests = folder / "_versions" if folder and os.name == "posix" else None
        self._commit: tuple[int, int] | None = None
        self._version = self._first_version = -1
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._index: VectorIndex | None = None

    @property
    def versions(self) -> int:
        """How many versions there have been since the table was opened."""
        return self._version - self._first_version

    def renew(self, table: AsyncTable) -> None:
        """Ask another handle on the table from now on."""
        self.table, self._first_version = table, self._version

    async def version(self) -> int:
        """The version that the facts are about: the newest."""
        commit = self._last_commit()
        if commit is not None and commit == self._commit:
            return self._version
        with lance_errors():
            version = int(await self.table.version())
            if version != self._version:
                index = vector_index_of(await self.table.schema())
                if self._version < 0:
                    self._first_version = version
                self._version, self._index = version, index
                self._counts.clear()
        self._commit = commit
        return version

    def _last_commit(self) -> tuple[int, int] | None:
        """What tells one commit from the next, hundreds of times faster than the version; None if it can't be sure."""
        if self._manifests is None:
            return None
        try:
            newest = self._manifests.stat()
        except OSError:
            return None
        is_certain = time.time() - newest.st_mtime > _CERTAIN_AFTER_S
        return (newest.st_mtime_ns, newest.st_ino) if is_certain else None

    async def count(self, condition: str = "") -> int:
        """The number of rows that match an SQL condition."""
        version = await self.version()
        if condition in self._counts:
            return self._counts[condition]
        with lance_errors():
            count = int(await self.table.count_rows(condition or None))
        if version == self._version:  # another task may have seen a newer version meanwhile
            self._counts[condition] = count
            if len(self._counts) > _REMEMBERED_COUNTS:
                self._counts.popitem(last=False)
        return count

    async def vector_index(self) -> VectorIndex | None:
        """How to search the vector index, or None while the table has none."""
        await self.version()
        return self._index


def _searchable(text: str) -> str:
    """The text as far as a search takes it; empty when there is nothing to look for."""
    return text[:MAX_QUERY_CHARS].replace("\0", " ").strip()


async def _distinct_clips(
    search: Callable[[int], Awaitable[list[ClipHit]]], where: ClipFilter, limit: int
) -> list[ClipHit]:
    limit = min(limit, MAX_HITS)
    has_one_row = where.embedding_option is not None and where.embedding_scope is not None
    best: dict[str, ClipHit] = {}
    for factor in (1,) if has_one_row else _ROWS_PER_CLIP:
        hits = await search(limit * factor)
        best.clear()
        for hit in sorted(hits, key=lambda hit: (-hit.score, hit.clip.asset_id, hit.clip.start_sec)):
            best.setdefault(hit.clip.clip_id, hit)
        if len(best) >= limit or len(hits) < limit * factor:
            break
    return list(best.values())[:limit]


def _as_arrow(vector: NDArray[np.float32]) -> pa.Array:
    # From an array of numpy's, pyarrow would load masked arrays first.
    import pyarrow as pa

    return pa.Array.from_buffers(pa.float32(), len(vector), [None, pa.py_buffer(vector)])


def _cosines(rows: pa.Table) -> list[float]:
    return [1.0 - distance for distance in rows.column("_distance").to_pylist()]


def _hits(rows: pa.Table, scores: list[float]) -> list[ClipHit]:
    return [ClipHit(clip, score) for clip, score in zip(stored_clips(rows), scores, strict=True)]
