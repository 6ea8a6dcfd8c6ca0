"""A collection embedded on a Ray cluster: its recordings, handed out in shares, then indexed by Lance-Ray."""

from __future__ import annotations

import functools
import importlib
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import anyio

from soundbite_engine.formats import SUFFIXES
from soundbite_server.ingestion import add_one, earlier_result
from soundbite_server.libraries import open_jobs
from soundbite_server.settings import Settings
from soundbite_server.sources import Source, media_in
from soundbite_store import ClipStore, Space, SpaceInfo, StoreError, StoreUnavailable
from soundbite_tools import MOST_TAGS, EmbedRequest, TaskResult, plain_tags

if TYPE_CHECKING:
    from soundbite_store import StoreAccess
    from soundbite_tools import Jobs

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
_S3 = "s3://"


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


@dataclass(frozen=True)
class Recording:
    """One recording of a collection."""

    address: str
    """An absolute path, or `s3://bucket/key`."""
    size_bytes: int

    @property
    def is_in_bucket(self) -> bool:
        return self.address.startswith(_S3)

    @property
    def name(self) -> str:
        """The last part of its address."""
        return PurePosixPath(self.address).name


def find_recordings(source: str, access: StoreAccess) -> list[Recording]:
    """Return the recordings of a folder or of a bucket, in order.

    Raises:
        StoreUnavailable: it can't be listed.
    """
    if source.startswith(_S3):
        return _in_bucket(source, access)
    folder = Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise StoreUnavailable(f"{source} is not a folder; give one that every worker sees, or s3://bucket/prefix.")
    return [Recording(str(path), path.stat().st_size) for path in media_in(folder)]


def fetch(recording: Recording, folder: Path, access: StoreAccess) -> Path:
    """Copy a recording out of its bucket into a folder and return the file.

    Raises:
        StoreUnavailable: it can't be read.
    """
    import shutil

    path = folder / recording.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _bucket(access).open_input_stream(recording.address.removeprefix(_S3)) as sound, path.open("wb") as file:
            shutil.copyfileobj(sound, file)
    except OSError as exc:
        raise StoreUnavailable(f"{recording.address} can't be read: {_first_words(exc)}") from exc
    return path


def in_shares(recordings: Sequence[Recording], most: int) -> list[list[Recording]]:
    """Return the recordings in shares of at most so many, the largest recordings first.

    A large recording that came last would keep one worker busy while the others have nothing left to do.
    """
    largest_first = sorted(recordings, key=lambda recording: (-recording.size_bytes, recording.address))
    return [list(largest_first[first : first + most]) for first in range(0, len(largest_first), most)]


def _in_bucket(source: str, access: StoreAccess) -> list[Recording]:
    import pyarrow.fs as arrow_fs

    selector = arrow_fs.FileSelector(source.removeprefix(_S3).rstrip("/"), recursive=True)
    try:
        entries = _bucket(access).get_file_info(selector)
    except OSError as exc:
        raise StoreUnavailable(f"{source} can't be listed: {_first_words(exc)}") from exc
    files = [entry for entry in entries if entry.is_file and PurePosixPath(entry.path).suffix.lower() in SUFFIXES]
    return sorted((Recording(_S3 + entry.path, entry.size) for entry in files), key=lambda entry: entry.address)


def _bucket(access: StoreAccess) -> Any:
    import pyarrow.fs as arrow_fs

    options = {"region": access.region} if access.region else {}
    if access.endpoint:
        scheme, _, host = access.endpoint.partition("://")
        options |= {"scheme": scheme, "endpoint_override": host}
    return arrow_fs.S3FileSystem(**options, connect_timeout=5)


def _first_words(exc: OSError) -> str:
    return str(exc).split("\n", 1)[0][:200]


@dataclass(frozen=True)
class Embedded:
    """What became of one recording."""

    recording: Recording
    error: str
    """Empty when it is in the library."""
    audio_seconds: float = 0.0
    is_present: bool = False
    """It was in the library before."""


def embed_share(settings: Settings, recordings: Sequence[Recording], tags: tuple[str, ...]) -> list[Embedded]:
    """Embed recordings one after the other into the shared store; what another worker has embedded is skipped.

    Harmless when repeated, so Ray may run it again on another machine when one is lost.
    """
    home = Path(_worker_home().name)
    roots = {str(Path(recording.address).parent) for recording in recordings if not recording.is_in_bucket}
    here = settings.model_copy(
        # The cluster gives a worker one core; its ledger is a copy of the shared catalogue and goes when it ends.
        update={"home": home, "workers": 1, "read_only": False, "roots": (*map(Path, sorted(roots)), home / "fetched")}
    )
    return anyio.run(_embed_all, here, recordings, EmbedRequest(tags=plain_tags(tags)[:MOST_TAGS]))


@functools.cache
def _worker_home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="soundbite-worker-")


async def _embed_all(settings: Settings, recordings: Sequence[Recording], request: EmbedRequest) -> list[Embedded]:
    async with open_jobs(settings) as jobs:
        return [await _embed(jobs, settings, recording, request) for recording in recordings]


async def _embed(jobs: Jobs, settings: Settings, recording: Recording, request: EmbedRequest) -> Embedded:
    try:
        if recording.is_in_bucket:
            result = await _embed_fetched(jobs, settings, recording, request)
        else:
            path = Path(recording.address)
            result = await add_one(jobs, Source(recording.address, path), request)
    except StoreError as exc:
        return Embedded(recording, str(exc))
    if result.status == "failed":
        return Embedded(recording, f"{result.error} {result.next_step}".strip())
    return Embedded(recording, "", result.audio_seconds, result.is_reused)


async def _embed_fetched(jobs: Jobs, settings: Settings, recording: Recording, request: EmbedRequest) -> TaskResult:
    library = jobs.library
    known = await (await library.ledger()).find_asset_by_source(recording.address)
    if known is not None and known.size_bytes == recording.size_bytes:
        asked = request.model_copy(update={"title": known.title if request.tags else ""})
        if done := await earlier_result(library, known, asked):
            return done
    path = await anyio.to_thread.run_sync(fetch, recording, settings.home / "fetched", settings.store_access)
    try:
        titled = request.model_copy(update={"title": PurePosixPath(recording.address).stem})
        result = await add_one(jobs, Source(str(path), path), titled)
        if result.status == "ready":
            await _say_where(jobs, result.asset_id, recording)
    finally:
        path.unlink(missing_ok=True)
    return result


async def _say_where(jobs: Jobs, asset_id: str, recording: Recording) -> None:
    library = jobs.library
    ledger, store = await library.ledger(), await library.store()
    if asset := await ledger.get_asset(asset_id):
        await ledger.put_asset(replace(asset, source_uri=recording.address, source_kind="url", mtime_ns=0))
        await store.update_asset(asset_id, source_uri=recording.address)
        if sharing := await library.sharing():
            await sharing.publish(asset_id)
