"""Housekeeping: what can be made again, or has served its turn, does not pile up in the home folder."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.sources.received import forget_unused

if TYPE_CHECKING:
    from soundbite_tools.library import Library

CLIPS_FOLDER = "clips"
"""Below the home folder: sounds cut for playing, each of which can be cut again."""
OUTGOING_FOLDER = "outgoing"
"""Below the home folder: folders with files made for an upload, deleted when it ends."""
_LONGEST_UPLOAD_NS = 24 * 3600 * 10**9

log = logging.getLogger(__name__)


async def tidy(library: Library) -> None:
    """Delete the cut sounds that were not used for longest, the locks of finished tasks, and what was left behind.

    Left behind are audio that was sent and not embedded, and files that a killed process made to upload them.

    Raises:
        StoreError: the ledger can't be read.
    """
    home, most = library.config.home, library.config.most_clips_bytes
    if deleted := await anyio.to_thread.run_sync(keep_newest, home / CLIPS_FOLDER, most):
        log.info("Deleted %d sounds that were cut for playing and not used for longest", deleted)
    await anyio.to_thread.run_sync(_delete_old, home / OUTGOING_FOLDER)
    await forget_unused(library)
    await (await library.ledger()).drop_spent_locks()


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
    found = []
    for path in folder.glob("*"):
        try:
            facts = path.stat()
        except OSError:  # another process was quicker
            continue
        found.append((path, facts.st_size, facts.st_mtime_ns))
    return found
