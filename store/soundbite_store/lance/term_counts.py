"""How common words are in one clips table."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from soundbite_store.clips import TermCounts
from soundbite_store.filters import ClipFilter
from soundbite_store.lance.driver import lance_errors
from soundbite_store.lance.indexes import TEXT_COLUMNS
from soundbite_store.lance.search import SEARCH_TIMEOUT, column_search, searchable
from soundbite_store.resident.word_breaks import is_simple

if TYPE_CHECKING:
    from soundbite_store.lance.table import ClipTable

# A word in this many clips tells nothing; counting on would only cost time.
_MAX_DOCUMENT_COUNT = 10_000
_REMEMBERED = 5_000
_AT_ONCE = 4


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
