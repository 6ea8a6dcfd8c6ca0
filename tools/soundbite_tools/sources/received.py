"""Audio that callers sent, as files or inside a call: found by its id, and deleted when nobody embeds it."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.files import INLINE_FOLDER
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


async def forget_refused(library: Library, path: Path | None, asset_id: str) -> None:
    """Delete the copy of inline audio of which nothing was entered into the library.

    Raises:
        StoreError: the ledger can't be read.
    """
    if path is None or path.parent != library.config.home / INLINE_FOLDER:
        return
    if await (await library.ledger()).get_asset(asset_id) is None:
        await anyio.to_thread.run_sync(_delete, path)


async def forget_unused(library: Library) -> None:
    """Delete audio that was sent more than a day ago and not embedded.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger, home = await library.ledger(), library.config.home
    for sent, files in await anyio.to_thread.run_sync(_old_ones, home / _FOLDER, home / INLINE_FOLDER):
        if not [path for path in files if await ledger.find_asset_by_source(str(path))]:
            await anyio.to_thread.run_sync(_delete, sent)


def _old_ones(*folders: Path) -> list[tuple[Path, list[Path]]]:
    before = time.time() - _KEPT_S
    found = []
    for path in (path for folder in folders for path in folder.glob("*")):
        with contextlib.suppress(OSError):  # another process was quicker
            if path.stat().st_mtime < before:
                found.append((path, list(path.iterdir()) if path.is_dir() else [path]))
    return found


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _unknown(upload_id: str) -> SourceProblem:
    return SourceProblem(
        f"There is no upload {plain_text(upload_id, 80)!r}.",
        "An upload waits a day for embed_audio; send the file again, to a new address.",
        code="upload_unknown",
    )
