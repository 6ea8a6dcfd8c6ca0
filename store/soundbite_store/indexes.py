"""Which indexes a clips table has, when they are built, and how a search should use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lancedb import AsyncTable

TEXT_COLUMNS = ("transcript", "sound_words")
INDEX_MIN_ROWS = 5_000
"""Below this a scan takes milliseconds and finds everything."""
EXACT_MAX_ROWS = 20_000
"""A filter that leaves fewer rows is answered by a scan: ANN behind a selective filter loses recall."""
KEEP_VERSIONS_FOR = timedelta(hours=1)
"""Other processes may still be reading an older version."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How one vector search runs."""

    exact: bool
    nprobes: int = 20
    refine_factor: int = 10


EXACT = SearchPlan(exact=True)


def plan_search(rows: int, matches: int) -> SearchPlan:
    """A scan for few rows; else ANN, probing the more partitions the smaller the share of rows that match."""
    if rows < INDEX_MIN_ROWS or (matches < rows and matches <= EXACT_MAX_ROWS):
        return EXACT
    share = matches / rows
    return SearchPlan(exact=False, nprobes=20 if share > 0.5 else 50 if share > 0.1 else 128)


async def create_text_indexes(table: AsyncTable) -> None:
    """Full-text indexes for any language: no stemming, no stop words, positions for phrases.

    Made on the empty table: rows written later are found before the index has taken them in.
    """
    from lancedb.index import FTS

    indexed = await _indexed_columns(table)
    for column in TEXT_COLUMNS:
        if column not in indexed:
            config = FTS(
                base_tokenizer="icu",
                with_position=True,
                stem=False,
                remove_stop_words=False,
                ascii_folding=True,
            )
            await table.create_index(column, config=config)


async def has_text_indexes(table: AsyncTable) -> bool:
    return await _indexed_columns(table) >= set(TEXT_COLUMNS)


async def build_missing_indexes(table: AsyncTable) -> None:
    """The indexes that a table of this size should have; `optimize` keeps existing ones up to date."""
    from lancedb.index import Bitmap, BTree, IvfRq, LabelList

    if await table.count_rows() < INDEX_MIN_ROWS:
        return
    wanted = {
        **dict.fromkeys(("embedding_option", "embedding_scope"), Bitmap()),
        **dict.fromkeys(("asset_id", "clip_id", "content_hash", "task_id", "created_at"), BTree()),
        "tags": LabelList(),
        "vector": IvfRq(distance_type="cosine"),
    }
    indexed = await _indexed_columns(table)
    for column, config in wanted.items():
        if column not in indexed:
            await table.create_index(column, config=config)


async def _indexed_columns(table: AsyncTable) -> set[str]:
    return {column for index in await table.list_indices() for column in index.columns}
