"""Which indexes a clips table has, when they are built, and how a search should use them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lancedb import AsyncTable

_log = logging.getLogger(__name__)
TEXT_COLUMNS = ("transcript", "sound_words")
INDEX_MIN_ROWS = 5_000
"""Below this a scan takes milliseconds and finds everything."""
EXACT_MAX_ROWS = 20_000
"""A filter that leaves fewer rows is answered by a scan: ANN behind a selective filter loses recall."""
KEEP_VERSIONS_FOR = timedelta(hours=1)
"""Other processes may still be reading an older version."""
_FRAGMENTS_BEFORE_COMPACTION = 16
_UNINDEXED_ROWS_BEFORE_REFRESH = 1_000


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


async def wants_upkeep(table: AsyncTable) -> bool:
    """Whether so many small commits have gathered that searches suffer.

    Compaction rewrites every fragment that is not full, so the larger the table the longer it is put off: the work
    stays in proportion to what is written.
    """
    stats: Any = await table.stats()  # a dict, whatever its annotation says
    if stats["fragment_stats"]["num_fragments"] >= _FRAGMENTS_BEFORE_COMPACTION + stats["num_rows"] // 5_000:
        return True
    waiting = max((index.num_unindexed_rows or 0 for index in await table.list_indices()), default=0)
    return bool(waiting >= _UNINDEXED_ROWS_BEFORE_REFRESH + stats["num_rows"] // 10)


async def drop_broken_indexes(table: AsyncTable) -> list[str]:
    """Drop each index that a search through it shows to be unreadable; they hold nothing but copies."""
    broken = []
    for index in await table.list_indices():
        if not await _can_search(table, index.columns[0], index.index_type):
            await table.drop_index(index.name)
            broken.append(index.name)
    return broken


async def _can_search(table: AsyncTable, column: str, index_type: str) -> bool:
    try:
        if index_type == "FTS":
            await table.query().nearest_to_text(_matching("a", column)).limit(1).to_list()
        elif column == "vector":
            # Every partition is read, not only the nearest.
            width = (await table.schema()).field("vector").type.list_size
            query = table.query().nearest_to([1.0] * width).distance_type("cosine")
            await query.nprobes(1_000_000).limit(1).to_list()
        elif column == "tags":
            await table.count_rows("array_has_any(tags, [''])")
        elif column == "created_at":
            await table.count_rows("created_at > timestamp '1970-01-01 00:00:00'")
        else:
            await table.count_rows(f"{column} = ''")
    except Exception:
        _log.warning("The index on %s of %s cannot be read.", column, table.name, exc_info=True)
        return False
    return True


def in_any_column(text: str) -> Any:
    """A query for rows that hold any word of the text as transcript or as sound words."""
    from lancedb.query import BooleanQuery, Occur

    # A MultiMatchQuery would score a clip by its better column only; said and heard words add up here.
    return BooleanQuery([(Occur.SHOULD, _matching(text, column)) for column in TEXT_COLUMNS])


def _matching(text: str, column: str) -> Any:
    from lancedb.query import MatchQuery

    # pyright does not see the defaults of pydantic's keyword-only fields.
    match: Any = MatchQuery
    return match(text, column)


async def _indexed_columns(table: AsyncTable) -> set[str]:
    return {column for index in await table.list_indices() for column in index.columns}
