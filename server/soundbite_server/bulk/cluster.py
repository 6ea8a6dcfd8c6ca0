"""A Ray cluster at work: the shares of a collection handed out, and the clips indexed, by Lance-Ray."""

from __future__ import annotations

import importlib
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from soundbite_server.bulk.share import Embedded, Recording, embed_share, in_shares
from soundbite_store import ClipStore, Space, SpaceInfo, StoreError

if TYPE_CHECKING:
    from soundbite_server.settings import Settings


_MOST_IN_A_SHARE = 8
_ATTEMPTS_AFTER_A_LOST_WORKER = 3
# Keys that LanceDB and Arrow look for themselves; the settings carry all others.
_KEY_VARIABLES = ("AWS_", "GOOGLE_", "AZURE_")
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


@contextmanager
def running_cluster(address: str, workers: int) -> Iterator[None]:
    """Join the cluster at an address, or start one of this machine with so many workers."""
    ray = _ray()
    keys = {name: value for name, value in os.environ.items() if name.startswith(_KEY_VARIABLES)}
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    # What Ray forks it replaces by another program at once, so nothing of LanceDB runs on in a child.
    warnings.filterwarnings("ignore", message="lancedb fork support", category=RuntimeWarning)
    ray.init(**where, runtime_env={"env_vars": keys}, log_to_driver=False, logging_level="warning")
    try:
        yield
    finally:
        ray.shutdown()


def embed_collection(
    settings: Settings,
    recordings: Sequence[Recording],
    *,
    tags: tuple[str, ...],
    workers: int,
    tell: Callable[[Embedded], None],
) -> None:
    """Embed a collection with so many workers at a time; `tell` hears of each recording once it has ended."""
    ray = _ray()
    remote = ray.remote(num_cpus=1, max_retries=_ATTEMPTS_AFTER_A_LOST_WORKER)(embed_share)
    shares = in_shares(recordings, min(_MOST_IN_A_SHARE, max(1, len(recordings) // workers)))
    running: dict[Any, list[Recording]] = {}
    while shares or running:
        while shares and len(running) < workers:
            share = shares.pop(0)
            running[remote.remote(settings, share, tags)] = share
        [done], _ = ray.wait(list(running), num_returns=1)
        share = running.pop(done)
        try:
            outcomes = ray.get(done)
        except ray.exceptions.RayError as exc:
            outcomes = [Embedded(recording, f"Its worker was lost: {_last_line(exc)}") for recording in share]
        for outcome in outcomes:
            tell(outcome)


def _ray() -> Any:
    # An optional extra: type checkers run where it is not installed.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    return importlib.import_module("ray")


def _last_line(exc: BaseException) -> str:
    lines = [line for line in str(exc).strip().splitlines() if line.strip()]
    return (lines[-1] if lines else type(exc).__name__)[:300]


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
                        f"({str(exc).partition(chr(10))[0][:200]}). The store's own upkeep will do it, bit by bit."
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
