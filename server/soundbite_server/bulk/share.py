"""A share of a collection, embedded by one worker of the cluster. Runs in the worker's process."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio

from soundbite_server.bulk.collections import Recording, fetch
from soundbite_server.libraries import open_library
from soundbite_server.named_media import Named
from soundbite_server.settings import Settings
from soundbite_server.taking_in import Labels, add_one, known_as_asked
from soundbite_store import StoreError
from soundbite_tools.results import TaskResult

if TYPE_CHECKING:
    from soundbite_tools.library import Library


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
    roots = {str(Path(each.address).parent) for each in recordings if not each.is_in_bucket}
    here = settings.model_copy(
        # The cluster gives a worker one core; its ledger is a copy of the shared catalogue and goes when it ends.
        update={"home": home, "workers": 1, "read_only": False, "roots": (*map(Path, sorted(roots)), home / "fetched")}
    )
    return anyio.run(_embed_all, here, recordings, Labels(tags=tags))


@functools.cache
def _worker_home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="soundbite-worker-")


async def _embed_all(settings: Settings, recordings: Sequence[Recording], labels: Labels) -> list[Embedded]:
    async with open_library(settings) as library:
        return [await _embed(library, settings, each, labels) for each in recordings]


async def _embed(library: Library, settings: Settings, recording: Recording, labels: Labels) -> Embedded:
    try:
        if recording.is_in_bucket:
            result = await _embed_fetched(library, settings, recording, labels)
        else:
            path = Path(recording.address)
            result = await add_one(library, Named(recording.address, path), labels)
    except StoreError as exc:
        return Embedded(recording, str(exc))
    if result.status == "failed":
        return Embedded(recording, f"{result.error} {result.next_step}".strip())
    return Embedded(recording, "", result.audio_seconds, result.is_reused)


async def _embed_fetched(library: Library, settings: Settings, recording: Recording, labels: Labels) -> TaskResult:
    known = await (await library.ledger()).find_asset_by_source(recording.address)
    if known is not None and known.size_bytes == recording.size_bytes:
        asked = replace(labels, title=known.title if labels.tags else "")
        if done := await known_as_asked(library, known, asked):
            return done
    path = await anyio.to_thread.run_sync(fetch, recording, settings.home / "fetched", settings.store_access)
    try:
        titled = replace(labels, title=PurePosixPath(recording.address).stem)
        result = await add_one(library, Named(str(path), path), titled)
        if result.status == "ready":
            await _say_where(library, result.asset_id, recording)
    finally:
        path.unlink(missing_ok=True)
    return result


async def _say_where(library: Library, asset_id: str, recording: Recording) -> None:
    ledger, store = await library.ledger(), await library.store()
    if asset := await ledger.get_asset(asset_id):
        await ledger.put_asset(replace(asset, source_uri=recording.address, source_kind="url", mtime_ns=0))
        await store.update_asset(asset_id, source_uri=recording.address)
        await library.share(asset_id)
