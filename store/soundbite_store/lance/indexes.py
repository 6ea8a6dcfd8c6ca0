"""Which indexes a clips table has besides the one on its vectors, and when they are built and refreshed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from soundbite_store.errors import StoreError
from soundbite_store.lance.driver import lance_errors, tells_of_damage
from soundbite_store.lance.vector_index import INDEX_MIN_ROWS, note_vector_index, wants_vector_index

if TYPE_CHECKING:
    from lancedb import AsyncTable

_log = logging.getLogger(__name__)
TEXT_COLUMNS = ("transcript", "sound_words")
KEEP_VERSIONS_FOR = timedelta(hours=1)
"""Other processes may still be reading an older version."""
_FRAGMENTS_BEFORE_COMPACTION = 16
_ROWS_OF_A_FULL_FRAGMENT = 1 << 20  # LanceDB's own
_UNINDEXED_ROWS_BEFORE_REFRESH = 1_000


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


async def build_filter_indexes(table: AsyncTable) -> None:
    """The indexes for filters that a table of this size should have; `optimize` keeps existing ones up to date."""
    from lancedb.index import Bitmap, BTree, LabelList

    if await table.count_rows() < INDEX_MIN_ROWS:
        return
    wanted = {
        **dict.fromkeys(("embedding_option", "embedding_scope"), Bitmap()),
        **dict.fromkeys(("asset_id", "clip_id", "content_hash", "task_id", "created_at"), BTree()),
        "tags": LabelList(),
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
    if await wants_vector_index(table):
        return True
    waiting = max((index.num_unindexed_rows or 0 for index in await table.list_indices()), default=0)
    return bool(waiting >= _UNINDEXED_ROWS_BEFORE_REFRESH + stats["num_rows"] // 10)


async def is_compact(table: AsyncTable) -> bool:
    """Whether a compaction would find nothing to rewrite."""
    stats: Any = await table.stats()  # a dict, whatever its annotation says
    return bool(stats["fragment_stats"]["num_fragments"] <= 1 + stats["num_rows"] // _ROWS_OF_A_FULL_FRAGMENT)


async def drop_broken_indexes(table: AsyncTable) -> list[str]:
    """Drop each index that a search through it shows to be unreadable; they hold nothing but copies."""
    broken = []
    for index in await table.list_indices():
        if not await _can_search(table, index.columns[0], index.index_type):
            await table.drop_index(index.name)
            if index.columns == ["vector"]:
                await note_vector_index(table, None)
            broken.append(index.name)
    return broken


async def _can_search(table: AsyncTable, column: str, index_type: str) -> bool:
    try:
        with lance_errors():
            await _search(table, column, index_type)
    except StoreError as exc:
        if not tells_of_damage(exc):
            raise
        _log.warning("The index on %s of %s cannot be read.", column, table.name, exc_info=True)
        return False
    return True


async def _search(table: AsyncTable, column: str, index_type: str) -> None:
    if index_type == "FTS":
        await table.query().nearest_to_text(matching("a", column)).limit(1).to_list()
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


def matching(text: str, column: str) -> Any:
    """A query for rows that hold any word of the text in the column."""
    from lancedb.query import MatchQuery

    # pyright does not see the defaults of pydantic's keyword-only fields.
    match: Any = MatchQuery
    return match(text, column)


async def _indexed_columns(table: AsyncTable) -> set[str]:
    return {column for index in await table.list_indices() for column in index.columns}
