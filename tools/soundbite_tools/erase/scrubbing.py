"""What was deleted leaves every file of the library: noted in the ledger first, and finished by whoever comes next."""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import NotFound, PlatformError
from soundbite_store import StoreError
from soundbite_tools.embed.params import with_track
from soundbite_tools.errors import sentence
from soundbite_tools.sources.files import INLINE_FOLDER, UPLOADS_FOLDER, delete, recorded_file, silent_flac
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.text import listed
from soundbite_tools.voices.hearing import keep_voices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundbite_store import Asset, Task, Unscrubbed
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.library import Library

_MOST_NAMED = 5
_LIVE_FOLDER, _RECORDINGS_FOLDER = "live", "recordings"

log = logging.getLogger(__name__)


async def scrub_soon(jobs: Jobs, wait_s: float) -> list[str]:
    """Scrub the library, in the background after `wait_s` seconds; returns what is to be told of it."""
    outcome: list[str] = []
    ended = anyio.Event()

    async def work() -> None:
        try:
            await scrub(jobs.library)
        except (StoreError, MediaProblem, OSError) as exc:
            log.warning("What was deleted is not scrubbed from all files yet: %s", exc)
            outcome.append(
                f"It can't be found any more, but traces may be in the library's files still: {sentence(str(exc))} "
                "The next start of Soundbite goes on with it."
            )
        finally:
            ended.set()

    jobs.beside(work)
    with anyio.move_on_after(wait_s):
        await ended.wait()
        return outcome + await anyio.to_thread.run_sync(_set_aside, jobs.library.config.home)
    return ["It can't be found any more; its traces are still being scrubbed from the library's files."]


def _set_aside(home: Path) -> list[str]:
    names = sorted({path.name for path in home.rglob("*.corrupt*")})
    if not names:
        return []
    return [f"What a repair has set aside may hold it still, and is yours to delete: {listed(names[:_MOST_NAMED])}."]


async def scrub(library: Library) -> None:
    """Leave nothing of what was deleted in any file of the library; of a store that is elsewhere, in those here.

    What was noted stays noted until it is done, so that it can be repeated after a kill at any moment.

    Raises:
        StoreError: another process keeps a file in use, or there is no room.
        MediaProblem: the platform's state on this machine can't be written, or a copy of the sound.
    """
    ledger = await library.ledger()
    if not await ledger.unscrubbed():
        return
    async with library.rewriting():
        pending = await ledger.unscrubbed()
        if not pending:
            return
        for one in pending:
            await _clear(library, one)
        await (await library.store()).purge()
        await library.media_reader.scrub()
        await ledger.scrub()
        await ledger.end_scrub(pending)


async def _clear(library: Library, one: Unscrubbed) -> None:
    """Delete what is kept of a recording beside clips and ledger, or make it anew without what is erased."""
    ledger, home = await library.ledger(), library.config.home
    asset = await ledger.get_asset(one.asset_id)
    await anyio.to_thread.run_sync(remove_cut_sound, home, one.asset_id)
    await library.media_reader.forget_file(Path(one.source_uri), one.content_hash)
    if asset is None or not asset.erased:
        return
    tasks = await ledger.list_tasks(None, asset_id=asset.asset_id)
    if asset.source_kind in ("file", "base64") or not library.config.is_embedded:
        for upload in await uploads_of(library, asset, tasks):
            if note := await delete_upload(library, upload):
                raise MediaProblem(note)
        for task in tasks if asset.source_kind != "asset" else ():
            await ledger.update_task(task.task_id, platform_asset_id="", platform_task_id="")
        if is_ours(library, Path(asset.source_uri)):
            await _silence_copy(library, asset)
        # That of an earlier attempt, which the ledger does not name any more.
        earlier = Path(one.source_uri)
        if is_ours(library, earlier) and not await ledger.find_asset_by_source(one.source_uri):
            await anyio.to_thread.run_sync(delete, earlier)
    else:
        known = {upload for where, upload in await ledger.platform_assets_of(asset.content_hash)}
        known |= {task.platform_asset_id for task in tasks if task.platform_asset_id}
        for upload in sorted(known | ({asset.source_uri} if asset.source_kind == "asset" else set())):
            await library.media_reader.silence(upload, asset.erased)
    if voices := await library.voices(is_erasing=True):
        await voices.erase_asset(asset.asset_id, is_forgotten=False)
        await keep_voices(library, asset)


def is_ours(library: Library, path: Path) -> bool:
    """Return whether a file is a copy that the library made, none of a user's own."""
    home = library.config.home
    folders = (home / INLINE_FOLDER, home / UPLOADS_FOLDER, home / _RECORDINGS_FOLDER, home / _LIVE_FOLDER)
    return any(path.is_relative_to(folder) for folder in folders)


async def _silence_copy(library: Library, asset: Asset) -> None:
    """Put a copy with silence in place of the library's copy of a recording."""
    source = await anyio.to_thread.run_sync(recorded_file, asset)
    if source is None:
        return  # gone, or not what was embedded
    folder = library.config.home / INLINE_FOLDER
    await anyio.to_thread.run_sync(partial(folder.mkdir, parents=True, exist_ok=True))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        made = await silent_flac(library, asset, source, Path(scratch))
        content_hash, size_bytes, mtime_ns = await anyio.to_thread.run_sync(_facts_of, made)
        path = folder / f"{content_hash}.flac"
        await anyio.Path(made).replace(path)
    ledger, before = await library.ledger(), asset.source_uri
    # In this order: until the ledger names the new copy the earlier one counts, and is deleted after that.
    await ledger.put_copy(asset.content_hash, content_hash)
    silent = replace(
        with_track(asset, ""), source_uri=str(path), source_kind="base64", size_bytes=size_bytes, mtime_ns=mtime_ns
    )
    await ledger.put_asset(silent)
    metadata_json = silent.metadata_json if silent.metadata_json != asset.metadata_json else None
    store = await library.store()
    await store.update_asset(asset.asset_id, source_uri=str(path), metadata_json=metadata_json)
    if before != str(path):
        await anyio.to_thread.run_sync(delete, Path(before))


def _facts_of(path: Path) -> tuple[str, int, int]:
    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    return content_hash, path.stat().st_size, path.stat().st_mtime_ns


def remove_cut_sound(home: Path, asset_id: str) -> int:
    """Delete the sounds that were cut from a recording; returns how many there were."""
    # As cut_sound names them; an id that only begins like this one does not match.
    cut = re.compile(re.escape(asset_id) + r"(-[0-9a-f]{1,8})?(-t(\d+|all))?-\d+-\d+\.[a-z0-9]+")
    clips = home / "clips"
    files = [path for path in clips.iterdir() if cut.fullmatch(path.name)] if clips.is_dir() else []
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


async def uploads_of(library: Library, asset: Asset | None, tasks: Iterable[Task]) -> set[str]:
    """Return what the platform calls the uploads that we made of a recording."""
    if asset is None or asset.source_kind == "asset":
        return set()
    platform, ledger = library.config.platform, await library.ledger()
    known = await ledger.platform_assets_of(asset.content_hash)
    named = {task.platform_asset_id for task in tasks if task.platform == platform and task.platform_asset_id}
    return named | {upload for where, upload in known if where == platform}


async def delete_upload(library: Library, upload: str) -> str:
    """Delete an upload; returns a note where that could not be done."""
    try:
        await library.client.delete_asset(upload, is_forced=True)
    except NotFound:
        return ""
    except PlatformError as exc:
        return f"The upload {upload} could not be deleted from the platform: {sentence(exc.message)}"
    return ""
