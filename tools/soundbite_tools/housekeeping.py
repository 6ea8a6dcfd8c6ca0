"""Housekeeping: what can be made again, or has served its turn, does not pile up; what was deleted leaves every file.

What is deleted is noted in the ledger first, and finished by whoever comes next.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import NotFound, PlatformError
from soundbite_store import StoreError
from soundbite_tools.embed.copies import here, is_ours, silence_copy
from soundbite_tools.errors import sentence
from soundbite_tools.sources.files import INLINE_FOLDER, UPLOADS_FOLDER, delete
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.speakers import keep_voices
from soundbite_tools.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundbite_store import Asset, Task, Unscrubbed
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.library import Library

_UNUSED_S = 24 * 3600.0
_LONGEST_UPLOAD_NS = 24 * 3600 * 10**9
_LONGEST_SCRUBBING_S = 600.0
# Of a large library it takes longer; nothing waits for it but whoever wants to hear that it is done.
SCRUBBING_WAIT_S = 5.0

log = logging.getLogger(__name__)
_MOST_NAMED = 5


async def make_ready(jobs: Jobs) -> None:
    """Take up unfinished tasks, load what is slow, and tidy; whoever opens a library runs it in the background."""
    try:
        await jobs.resume_unfinished()
        await (await jobs.library.store()).warm()
        if not jobs.library.config.is_read_only:
            await scrub(jobs.library)  # what a process that was killed has left
        await tidy(jobs.library)
    except (StoreError, MediaProblem, OSError) as exc:
        # The call that needs the store says it again, to someone who can act on it.
        log.warning("The library can't be made ready: %s", exc)


async def finish_scrubbing(library: Library, within_s: float = 60.0) -> str:
    """Scrub what was deleted and may be in files still; returns why that is not done, empty where nothing is left."""
    try:
        if not await (await library.ledger()).unscrubbed():
            return ""
        with anyio.move_on_after(within_s):
            await scrub(library)
            return ""
    except (StoreError, MediaProblem, OSError) as exc:
        return sentence(str(exc))
    return f"It takes longer than {within_s:g} seconds."


async def tidy(library: Library) -> None:
    """Delete the cut sounds that were not used for longest, the locks of finished tasks, and what was left behind.

    Left behind are audio that was sent and not embedded, and files that a killed process made to upload them.

    Raises:
        StoreError: the ledger can't be read.
    """
    config = library.config
    if deleted := await anyio.to_thread.run_sync(keep_newest, config.clips_folder, config.most_clips_bytes):
        log.info("Deleted %d sounds that were cut for playing and not used for longest", deleted)
    await anyio.to_thread.run_sync(_delete_old, config.outgoing_folder)
    await forget_unused(library)
    await (await library.ledger()).drop_spent_locks()


async def forget_unused(library: Library) -> None:
    """Delete audio that was sent more than a day ago and not embedded.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger, home = await library.ledger(), library.config.home
    for sent, files in await anyio.to_thread.run_sync(_old_ones, home / UPLOADS_FOLDER, home / INLINE_FOLDER):
        if not [path for path in files if await ledger.find_asset_by_source(str(path))]:
            await anyio.to_thread.run_sync(delete, sent)


def _old_ones(*folders: Path) -> list[tuple[Path, list[Path]]]:
    before = time.time() - _UNUSED_S
    old = []
    for path in (path for folder in folders for path in folder.glob("*")):
        with contextlib.suppress(OSError):  # another process was quicker
            if path.stat().st_mtime < before:
                old.append((path, list(path.iterdir()) if path.is_dir() else [path]))
    return old


def keep_newest(folder: Path, most_bytes: int) -> int:
    """Delete the oldest files of a folder until the rest hold at most this many bytes; returns how many went."""
    kept_bytes = deleted = 0
    for path, size, _ in sorted(_files(folder), key=lambda file: file[2], reverse=True):
        kept_bytes += size
        if kept_bytes > most_bytes:
            with contextlib.suppress(OSError):  # another process was quicker, or plays it
                path.unlink()
                deleted += 1
    return deleted


def _delete_old(folder: Path) -> None:
    before_ns = time.time_ns() - _LONGEST_UPLOAD_NS
    for path, _, changed_ns in _files(folder):
        if changed_ns < before_ns:
            shutil.rmtree(path, ignore_errors=True)


def _files(folder: Path) -> list[tuple[Path, int, int]]:
    files = []
    for path in folder.glob("*"):
        try:
            facts = path.stat()
        except OSError:  # another process was quicker
            continue
        files.append((path, facts.st_size, facts.st_mtime_ns))
    return files


async def scrub_soon(jobs: Jobs, wait_s: float) -> list[str]:
    """Scrub the library, in the background after `wait_s` seconds; returns what is to be told of it."""
    outcome: list[str] = []
    ended = anyio.Event()

    async def work() -> None:
        try:
            await scrub(jobs.library, is_patient=True)
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


async def scrub(library: Library, *, is_patient: bool = False) -> None:
    """Leave nothing of what was deleted in any file of the library; of a store that is elsewhere, in those here.

    One who `is_patient` leaves the library some time for other work after the last one. What was noted stays noted
    until it is done, so that it can be repeated after a kill at any moment.

    Raises:
        StoreError: another process keeps a file in use, or there is no room.
        MediaProblem: the platform's state on this machine can't be written, or a copy of the sound.
    """
    ledger = await library.ledger()
    if not await ledger.unscrubbed():
        return
    lock, is_done = ledger.scrubbing_lock(), False
    while not is_done:
        await lock.acquire(_LONGEST_SCRUBBING_S)
        try:
            if is_done := not (library.scrubbing_rest_s and is_patient):
                await _scrub(library)
        finally:
            await lock.release()
        if not is_done:
            await anyio.sleep(library.scrubbing_rest_s)


async def _scrub(library: Library) -> None:
    begun, ledger = time.monotonic(), await library.ledger()
    async with library.rewriting():
        pending = await ledger.unscrubbed()
        for one in pending:
            await _clear(library, one)
    if not pending:
        return
    await (await library.store()).purge()  # others correct and embed meanwhile
    async with library.rewriting():
        await library.media_reader.scrub()
        await ledger.forget_queries()
        await ledger.scrub()
        await ledger.end_scrub(pending)
    library.note_scrubbing(time.monotonic() - begun)


async def _clear(library: Library, one: Unscrubbed) -> None:
    """Delete what is kept of a recording that was removed, or make it anew without what is erased."""
    ledger, home = await library.ledger(), library.config.home
    asset = await ledger.get_asset(one.asset_id)
    asset = asset and await anyio.to_thread.run_sync(here, home, asset)
    await anyio.to_thread.run_sync(remove_cut_sound, home, one.asset_id)
    await library.media_reader.forget_file(Path(one.source_uri), one.content_hash)
    await _delete_others(library, one, asset)
    if asset is None:
        await delete_clips(library, one.asset_id)  # of a removal that was killed
    elif asset.erased:
        await _make_anew(library, asset, Path(one.source_uri))


async def _make_anew(library: Library, asset: Asset, earlier: Path) -> None:
    """Make the sound that is kept of a recording, and the voices in it, without what is erased.

    `earlier` is where its sound was when that was noted, which the ledger may not name any more.
    """
    ledger, home = await library.ledger(), library.config.home
    tasks = await ledger.list_tasks(None, asset_id=asset.asset_id)
    if asset.source_kind in ("file", "base64") or not library.config.is_embedded:
        for upload in await uploads_of(library, asset, tasks):
            if note := await delete_upload(library, upload):
                raise MediaProblem(note)
        for task in tasks if asset.source_kind != "asset" else ():
            await ledger.update_task(task.task_id, platform_asset_id="", platform_task_id="")
        if is_ours(home, Path(asset.source_uri)):
            await silence_copy(library, asset)
        if is_ours(home, earlier) and not await ledger.find_asset_by_source(str(earlier)):
            await anyio.to_thread.run_sync(delete, earlier)
    else:
        known = {upload for where, upload in await ledger.platform_assets_of(asset.content_hash)}
        known |= {task.platform_asset_id for task in tasks if task.platform_asset_id}
        for upload in sorted(known | ({asset.source_uri} if asset.source_kind == "asset" else set())):
            await library.media_reader.silence(upload, asset.erased)
    if voices := await library.voices(is_erasing=True):
        await voices.erase_asset(asset.asset_id, is_forgotten=False)
        await keep_voices(library, asset)


async def delete_clips(library: Library, asset_id: str) -> int:
    """Delete the clips of a recording, here and where they are shared, and its voices; returns the number of rows.

    Raises:
        StoreError: a store can't be written.
    """
    rows = await (await library.store()).delete_asset(asset_id)
    if sharing := await library.sharing():
        await sharing.withdraw(asset_id)
    if voices := await library.voices(is_erasing=True):
        await voices.erase_asset(asset_id)
    return rows


async def _delete_others(library: Library, one: Unscrubbed, asset: Asset | None) -> None:
    """Delete copies of a content that no recording is led to: sent again, or from before it was led to a file."""
    ledger, folder = await library.ledger(), library.config.home / INLINE_FOLDER
    names = [f"{one.content_hash}.audio"]
    if copy_hash := await ledger.copy_of(one.content_hash):
        names += [f"{copy_hash}{ending}" for ending in (".flac", ".mka")]
    for path in (folder / name for name in names):
        is_its = asset is not None and asset.source_uri == str(path)
        if not (is_its or await ledger.find_asset_by_source(str(path))):
            await anyio.to_thread.run_sync(delete, path)


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
