"""The indexes of a clips table: when they are built and refreshed, and how a search uses the one on its vectors."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import TEXT_COLUMNS, VectorIndex
from soundbite_store.errors import StoreError, lance_errors, tells_of_damage
from soundbite_store.rows import COLUMNS, vectors_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb import AsyncTable
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)
INDEX_MIN_ROWS = 5_000
"""Below this a scan takes milliseconds and finds everything."""
EXACT_MAX_ROWS = 20_000
"""A filter that leaves fewer rows is answered by a scan: ANN behind a selective filter loses recall."""
REBUILD_AT_GROWTH = 4
"""New rows join the partitions of the old ones; from this many times the rows the partitions fit no more."""
WANTED_RECALL = 0.99
_MIN_REFINE = 3
# Partitions to read and candidates to compare by their true vectors: the cheapest pair that finds enough is kept.
_EFFORTS = ((20, 70), (20, 100), (40, 100), (40, 200), (80, 400), (160, 800))
_PROBE_QUERIES = 32
_PROBE_HITS = 10
# Halves the training of a large index at equal recall.
_TRAINING_ITERATIONS = 10
_FACTS_KEY = "soundbite_vector_index"
KEEP_VERSIONS_FOR = timedelta(hours=1)
"""Other processes may still be reading an older version."""
_NO_TIME = timedelta(milliseconds=1)
_FRAGMENT_SHIFT = 32  # a row's id is its fragment, and its place there
_ROWS_AT_ONCE = 20_000
_FRAGMENTS_BEFORE_COMPACTION = 16
_UNINDEXED_ROWS_BEFORE_REFRESH = 1_000


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How one vector search runs."""

    exact: bool
    nprobes: int = 0
    candidates: int = 0

    def refine_factor(self, hits: int) -> int:
        """How many candidates, as a multiple of the hits, are compared by their true vectors.

        Without any the distances of a quantised index are not cosine distances but about twice as large.
        """
        return max(_MIN_REFINE, math.ceil(self.candidates / hits))


EXACT = SearchPlan(exact=True)
OF_THE_SERVICE = VectorIndex(rows=0, nprobes=40, candidates=200, recall=0.0)
"""How to search an index that the LanceDB service keeps, which nobody measures: with more effort than most need."""


def plan_search(index: VectorIndex | None, rows: int, matches: int) -> SearchPlan:
    """A scan for few rows; else ANN, probing the more partitions the smaller the share of rows that match."""
    if index is None or rows < INDEX_MIN_ROWS or (matches < rows and matches <= EXACT_MAX_ROWS):
        return EXACT
    share = matches / rows
    factor = 1 if share > 0.4 else 3 if share > 0.1 else 8
    return SearchPlan(exact=False, nprobes=index.nprobes * factor, candidates=index.candidates)


def vector_index_of(schema: pa.Schema) -> VectorIndex | None:
    """What the table's schema says of its vector index."""
    text = (schema.field("vector").metadata or {}).get(_FACTS_KEY.encode(), b"")
    return VectorIndex(**json.loads(text)) if text else None


async def wants_vector_index(table: AsyncTable) -> bool:
    """Whether the table needs an index that it has not, or a new one in place of one it has outgrown."""
    rows = await table.count_rows()
    index = vector_index_of(await table.schema())
    return rows >= INDEX_MIN_ROWS and (index is None or rows >= REBUILD_AT_GROWTH * index.rows)


async def build_vector_index(table: AsyncTable) -> VectorIndex:
    """Build the index, or build it anew, and measure how many partitions a search has to read."""
    from lancedb.index import IvfRq

    rows = await table.count_rows()
    config = IvfRq(distance_type="cosine", max_iterations=_TRAINING_ITERATIONS)
    await table.create_index("vector", config=config, replace=True)
    index = await measure_recall(table)
    _log.info("Indexed %d vectors of %s: recall %.3f.", rows, table.name, index.recall)
    return index


async def wants_ordered_index(table: AsyncTable) -> bool:
    """Whether a table that a service keeps in shape has grown large enough for a vector index, and has none."""
    if await table.count_rows() < INDEX_MIN_ROWS:
        return False
    return all("vector" not in index.columns for index in await table.list_indices())


async def order_vector_index(table: AsyncTable) -> None:
    """Have a service build the index; it does so in its own time, and keeps it up to date."""
    from lancedb.index import IvfRq

    await table.create_index("vector", config=IvfRq(distance_type="cosine"))


async def note_vector_index(table: AsyncTable, index: VectorIndex | None) -> None:
    """Write down what was measured, for every process that opens the table; None when the index is gone."""
    text = "" if index is None else json.dumps(asdict(index))
    await table.update_field_metadata({"path": "vector", "metadata": {_FACTS_KEY: text}})


async def measure_recall(table: AsyncTable) -> VectorIndex:
    """How many partitions a search has to read, and how much it then finds."""
    rows = await table.count_rows()
    queries = await _probe_queries(table)
    truth = await _true_nearest(table, queries)
    index = VectorIndex(rows, *_EFFORTS[0], recall=0.0)
    for nprobes, candidates in _EFFORTS:
        plan = SearchPlan(exact=False, nprobes=nprobes, candidates=candidates)
        nearest = [await _nearest(table, query, plan) for query in queries]
        recall = sum(len(near & true) for near, true in zip(nearest, truth, strict=True)) / sum(map(len, truth))
        index = VectorIndex(rows, nprobes, candidates, round(recall, 4))
        if recall >= WANTED_RECALL:
            break
    return index


async def _probe_queries(table: AsyncTable) -> NDArray[np.float32]:
    """Rows spread over the table, and points half-way between two of them: questions seldom repeat a row."""
    import numpy as np

    rows = await table.count_rows()
    offsets = [index * rows // _PROBE_QUERIES for index in range(_PROBE_QUERIES)]
    vectors = vectors_of(await table.take_offsets(offsets).select(["vector"]).to_arrow())
    half = len(vectors) // 2
    between = vectors[:half] + vectors[half : 2 * half]
    mixed = np.concatenate([vectors[half:], between]).astype(np.float32)
    norms = np.linalg.norm(mixed, axis=1, keepdims=True)
    unit: NDArray[np.float32] = mixed[norms[:, 0] > 0] / norms[norms[:, 0] > 0]
    return unit


async def _true_nearest(table: AsyncTable, queries: NDArray[np.float32]) -> list[set[int]]:
    """Row ids of the nearest rows, by a scan that keeps one batch in memory."""
    import numpy as np

    scores = np.full((len(queries), _PROBE_HITS), -np.inf, dtype=np.float32)
    ids = np.zeros((len(queries), _PROBE_HITS), dtype=np.int64)

    def take(batch: Any) -> None:
        nonlocal scores, ids
        all_scores = np.concatenate([scores, queries @ vectors_of(batch).T], axis=1)
        batch_ids = np.asarray(batch.column("_rowid"), dtype=np.int64)
        all_ids = np.concatenate([ids, np.broadcast_to(batch_ids, (len(queries), len(batch_ids)))], axis=1)
        best = np.argpartition(-all_scores, _PROBE_HITS - 1, axis=1)[:, :_PROBE_HITS]
        scores, ids = np.take_along_axis(all_scores, best, 1), np.take_along_axis(all_ids, best, 1)

    async for batch in await table.query().select(["vector"]).with_row_id().to_batches():
        await asyncio.to_thread(take, batch)
    return [set(row.tolist()) for row in ids]


async def _nearest(table: AsyncTable, query: NDArray[np.float32], plan: SearchPlan) -> set[int]:
    near = table.query().nearest_to(query).distance_type("cosine").nprobes(plan.nprobes)
    near = near.refine_factor(plan.refine_factor(_PROBE_HITS)).limit(_PROBE_HITS).select(["_distance"])
    return set((await near.with_row_id().to_arrow()).column("_rowid").to_pylist())


async def create_text_indexes(table: AsyncTable, *, is_anew: bool = False) -> None:
    """Full-text indexes for any language: no stemming, no stop words, positions for phrases.

    Made on the empty table: rows written later are found before the index has taken them in. One that is made anew
    holds no word of rows that were deleted.
    """
    from lancedb.index import FTS

    indexed = await _indexed_columns(table)
    for column in TEXT_COLUMNS:
        if is_anew or column not in indexed:
            config = FTS(
                base_tokenizer="icu",
                with_position=True,
                stem=False,
                remove_stop_words=False,
                ascii_folding=True,
            )
            await table.create_index(column, config=config)


async def compact(table: AsyncTable) -> None:
    """Write rows anew that lie in small files, and take new ones into the indexes."""
    await table.optimize(cleanup_older_than=KEEP_VERSIONS_FOR)


async def drop_versions(table: AsyncTable) -> None:
    """Compact a table, and delete all that belongs to none but earlier versions."""
    # The version that a compaction replaces goes with the next one.
    for _ in range(2):
        await table.optimize(cleanup_older_than=_NO_TIME, delete_unverified=True)


async def rewrite_rows_of(table: AsyncTable, fragment: int) -> bool:
    """Write some rows of a fragment into a new one; False where it has none any more. Call it behind the gate."""
    first, last = fragment << _FRAGMENT_SHIFT, (fragment + 1) << _FRAGMENT_SHIFT
    where = f"_rowid >= {first} AND _rowid < {last}"
    rows = await table.query().where(where).limit(_ROWS_AT_ONCE).to_arrow()
    if rows.num_rows:
        await table.merge_insert("row_id").use_index(False).when_matched_update_all().execute(rows)
    return bool(rows.num_rows)


async def has_text_indexes(table: AsyncTable) -> bool:
    return await _indexed_columns(table) >= set(TEXT_COLUMNS)


async def build_filter_indexes(table: AsyncTable) -> None:
    """The indexes for filters that a table of this size should have; `optimize` keeps existing ones up to date."""
    from lancedb.index import Bitmap, BTree, LabelList

    if await table.count_rows() < INDEX_MIN_ROWS:
        return
    kinds = {"bitmap": Bitmap, "btree": BTree, "labels": LabelList}
    unindexed = set((await table.schema()).names) - await _indexed_columns(table)
    for column in COLUMNS:
        if column.index and column.name in unindexed:
            await table.create_index(column.name, config=kinds[column.index]())


async def wants_upkeep(table: AsyncTable) -> bool:
    """Whether so many small commits have gathered that searches suffer.

    Compaction rewrites every fragment that is not full, but none that is in a vector index together with newer ones: of
    100,000 rows a tenth is read, most of it to refresh the indexes. So the larger the table the longer it is put off.
    """
    stats: Any = await table.stats()  # a dict, whatever its annotation says
    if stats["fragment_stats"]["num_fragments"] >= _FRAGMENTS_BEFORE_COMPACTION + stats["num_rows"] // 5_000:
        return True
    if await wants_vector_index(table):
        return True
    waiting = max((index.num_unindexed_rows or 0 for index in await table.list_indices()), default=0)
    return bool(waiting >= _UNINDEXED_ROWS_BEFORE_REFRESH + stats["num_rows"] // 10)


async def drop_broken_indexes(table: AsyncTable) -> list[str]:
    """Drop each index that a search through it shows to be unreadable; they hold nothing but copies."""
    broken = await broken_indexes(table)
    for name, column in broken.items():
        await table.drop_index(name)
        if column == "vector":
            await note_vector_index(table, None)
    return [*broken]


async def broken_indexes(table: AsyncTable) -> dict[str, str]:
    """The indexes that can't be read, with the column of each."""
    return {
        index.name: index.columns[0]
        for index in await table.list_indices()
        if not await _can_search(table, index.columns[0], index.index_type)
    }


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
