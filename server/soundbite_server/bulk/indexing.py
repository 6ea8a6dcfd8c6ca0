"""Compacting and indexing the clips of a store with all workers of a cluster, by Lance-Ray."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

from soundbite_store import ClipStore, Space, SpaceInfo, StoreError

if TYPE_CHECKING:
    from soundbite_server.settings import Settings

_TEXTS = ("transcript", "sound_words")
_KEYS = ("asset_id", "clip_id", "content_hash", "task_id")
_KINDS = ("embedding_option", "embedding_scope")
# As the store makes them by itself: any language, positions for phrases.
_TEXT_OPTIONS = {
    "base_tokenizer": "icu",
    "with_position": True,
    "stem": False,
    "remove_stop_words": False,
    "ascii_folding": True,
}
# Below this the store's own upkeep takes seconds, and starting tasks takes longer than they run.
INDEX_IN_CLUSTER_ROWS = 5_000
_ROWS_TO_TRAIN_A_PARTITION = 256  # Lance refuses to train on fewer


async def index_spaces(settings: Settings, workers: int, least_rows: int = INDEX_IN_CLUSTER_ROWS) -> list[Space]:
    """Index the spaces that are large enough for it, measure the vector indexes, and return those spaces.

    Raises:
        StoreError: the store can't be read, or a space can't be indexed on the cluster.
    """
    import anyio.to_thread

    indexed = []
    async with await ClipStore.open(settings.store_uri, access=settings.store_access) as store:
        for info in await store.spaces():
            if info.embeddings >= least_rows:
                try:
                    await anyio.to_thread.run_sync(_index, settings, info, workers)
                except (OSError, RuntimeError, TypeError, ValueError) as exc:
                    raise StoreError(
                        f"The clips of {info.space.id} are all there, but could not be indexed on the cluster "
                        f"({_first_line(exc)}). The store's own upkeep will do it, bit by bit."
                    ) from exc
                await store.measure(info.space)
                # The indexes that Lance-Ray does not build, on times and tags, are small.
                await store.optimise(info.space)
                indexed.append(info.space)
    return indexed


def _index(settings: Settings, info: SpaceInfo, workers: int) -> None:
    lance_ray: Any = importlib.import_module("lance_ray")  # an optional extra
    table = f"{settings.store_uri.rstrip('/')}/{info.space.table_name}.lance"
    options = settings.store_access.connect_options(settings.store_uri).get("storage_options", {})
    lance_ray.compact_files(table, num_workers=workers, storage_options=options)
    kinds = dict.fromkeys(_TEXTS, "INVERTED") | dict.fromkeys(_KEYS, "BTREE") | dict.fromkeys(_KINDS, "BITMAP")
    for column, kind in kinds.items():
        lance_ray.create_scalar_index(
            table,
            column=column,
            index_type=kind,
            name=f"{column}_idx",
            num_workers=workers,
            storage_options=options,
            **(_TEXT_OPTIONS if kind == "INVERTED" else {}),
        )
    lance_ray.create_index(
        table,
        column="vector",
        index_type="IVF_RQ",
        name="vector_idx",
        metric="cosine",
        num_bits=1,  # as the store builds it; Lance-Ray's model and Lance's builder differ in what they assume
        num_partitions=max(1, min(math.isqrt(info.embeddings), info.embeddings // _ROWS_TO_TRAIN_A_PARTITION)),
        num_workers=workers,
        storage_options=options,
    )


def _first_line(exc: Exception) -> str:
    return str(exc).split("\n", 1)[0][:200]
