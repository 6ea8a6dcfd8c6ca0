"""Housekeeping: what can be made again, or has served its turn, does not pile up in the home folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from soundbite_tools.library import Library

CLIPS_FOLDER = "clips"
"""Below the home folder: sounds cut for playing, each of which can be cut again."""

log = logging.getLogger(__name__)


async def tidy(library: Library) -> None:
    """Delete the cut sounds that were not used for longest, and the locks of finished tasks.

    Raises:
        StoreError: the ledger can't be read.
    """
    folder, most = library.config.home / CLIPS_FOLDER, library.config.most_clips_bytes
    if deleted := await anyio.to_thread.run_sync(keep_newest, folder, most):
        log.info("Deleted %d sounds that were cut for playing and not used for longest", deleted)
    await (await library.ledger()).drop_spent_locks()


def keep_newest(folder: Path, most_bytes: int) -> int:
    """Delete the oldest files of a folder until the rest hold at most this many bytes; returns how many went."""
    kept_bytes = deleted = 0
    for path, size, _ in sorted(_files(folder), key=lambda file: file[2], reverse=True):
        kept_bytes += size
        if kept_bytes > most_bytes:
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def _files(folder: Path) -> list[tuple[Path, int, int]]:
    found = []
    for path in folder.glob("*"):
        try:
            facts = path.stat()
        except OSError:  # another process was quicker
            continue
        found.append((path, facts.st_size, facts.st_mtime_ns))
    return found
