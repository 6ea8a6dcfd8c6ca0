"""The recordings of a collection, and a share of them embedded by one worker of the cluster, in its process."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import anyio

from soundbite_engine.formats import SUFFIXES
from soundbite_server.ingestion import add_one, earlier_result
from soundbite_server.libraries import open_jobs
from soundbite_server.settings import Settings
from soundbite_server.sources import Source, media_in
from soundbite_store import StoreError, StoreUnavailable
from soundbite_tools import MOST_TAGS, EmbedRequest, TaskResult, plain_tags

if TYPE_CHECKING:
    from soundbite_store import StoreAccess
    from soundbite_tools import Jobs


_S3 = "s3://"


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
