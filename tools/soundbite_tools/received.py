"""Files that callers sent from their own machines: found by their ids, and deleted when nobody embeds them."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.errors import SourceProblem
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_tools.config import LibraryConfig
    from soundbite_tools.library import Library

SCHEME = "upload:"
UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_FOLDER = "uploads"
_LONGEST_NAME = 100
_KEPT_S = 24 * 3600.0
_FALLBACK = "recording"


def received_name(name: str) -> str:
    """Return the last part of a path as the name of a file of ours."""
    last = plain_text(re.split(r"[/\\]", name)[-1], 4 * _LONGEST_NAME).replace(":", "_").lstrip(".")
    return last[-_LONGEST_NAME:].strip() or _FALLBACK


def received_folder(upload_id: str, config: LibraryConfig) -> Path:
    """Return the folder that holds one received file; it is there from the moment its bytes begin to arrive."""
    if not UPLOAD_ID.fullmatch(upload_id):
        raise _unknown(upload_id)
    return config.home / _FOLDER / upload_id


def received_file(upload_id: str, config: LibraryConfig) -> Path:
    """Return the file that was received under an id.

    Raises:
        SourceProblem: none was, or not by this library.
    """
    folder = received_folder(upload_id, config)
    names = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if not names:
        raise _unknown(upload_id)
    return names[0]


async def forget_unused(library: Library) -> None:
    """Delete files that were received more than a day ago and not embedded."""
    ledger = await library.ledger()
    for folder in await anyio.to_thread.run_sync(_old_ones, library.config.home / _FOLDER):
        files = list(folder.iterdir())
        if not [path for path in files if await ledger.find_asset_by_source(str(path))]:
            await anyio.to_thread.run_sync(shutil.rmtree, folder, True)


def _old_ones(where: Path) -> list[Path]:
    before = time.time() - _KEPT_S
    return [path for path in where.iterdir() if path.stat().st_mtime < before] if where.is_dir() else []


def _unknown(upload_id: str) -> SourceProblem:
    return SourceProblem(
        f"There is no upload {plain_text(upload_id, 80)!r}.",
        "An upload waits a day for embed_audio; send the file again, to a new address.",
        code="upload_unknown",
    )
