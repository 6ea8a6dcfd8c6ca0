"""Housekeeping: what can be made again, or has served its turn, does not pile up in the home folder."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_store import StoreError
from soundbite_tools.erase.scrubbing import scrub
from soundbite_tools.errors import sentence
from soundbite_tools.sources.files import INLINE_FOLDER, UPLOADS_FOLDER, delete
from soundbite_tools.sources.local_media import MediaProblem

if TYPE_CHECKING:
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.library import Library

_UNUSED_S = 24 * 3600.0
_LONGEST_UPLOAD_NS = 24 * 3600 * 10**9

log = logging.getLogger(__name__)


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
