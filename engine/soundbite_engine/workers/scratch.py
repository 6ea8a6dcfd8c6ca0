"""The folder an analysis works in: gone with it, and swept up later where its process was killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_PREFIX = "soundbite-scratch-"
# What an analysis writes. A folder with anything else in it is someone else's, whatever it is called.
_OURS = re.compile(r"sound\.pcm|gains\.f32|speech\.npy|ticks-[0-9]+\.npy")


@asynccontextmanager
async def scratch_folder() -> AsyncIterator[Path]:
    """A folder for the length of the block; the sound of four hours takes 460 MB in it."""
    # Made right here, which takes microseconds: a wait for a thread that is cancelled leaves a folder nobody deletes.
    folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        await asyncio.shield(asyncio.to_thread(folder.cleanup))


def tidy(before: float) -> None:
    """Delete the scratch folders of killed processes that nothing was added to since a time (seconds since 1970)."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process tidies as well
            if _is_left_behind(folder, before):
                shutil.rmtree(folder)


def _is_left_behind(folder: Path, before: float) -> bool:
    status = folder.lstat()
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old_folder = stat.S_ISDIR(status.st_mode) and status.st_mtime < before
    return is_mine and is_old_folder and all(_OURS.fullmatch(entry.name) for entry in folder.iterdir())
