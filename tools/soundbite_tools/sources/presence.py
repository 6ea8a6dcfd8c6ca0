"""Where files are: under the name that the disk has for them, and whether those of recordings are what they were."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio.to_thread

from soundbite_tools.text import quoted, shorten

if TYPE_CHECKING:
    from soundbite_store import Asset

FileState = Literal["", "gone", "changed"]
NO_FILE_NS = -1
"""The modification time of a recording whose file is another recording's by now."""
LIVE_PREFIX = "live:"
"""Begins what stands for the content of a recording while that is being written."""
_LONGEST_TITLE = 60


def is_live(asset: Asset) -> bool:
    """Return whether a recording is still being written."""
    return asset.content_hash.startswith(LIVE_PREFIX) and asset.mtime_ns != NO_FILE_NS


async def file_states(assets: Iterable[Asset]) -> dict[str, FileState]:
    """Return, by id, what became of the files of recordings; those that are as they were are left out."""
    files = [asset for asset in assets if asset.source_kind == "file"]
    if not files:
        return {}
    states: dict[str, FileState] = await anyio.to_thread.run_sync(lambda: dict(map(_named_state, files)))
    return {asset_id: state for asset_id, state in states.items() if state}


def file_notes(assets: Iterable[Asset], states: dict[str, FileState]) -> list[str]:
    """Return a sentence for each of these recordings whose file is not what it was."""
    notes = {
        "gone": "is gone: its sound can't be played until `soundbite relink FOLDER` finds the file.",
        "changed": "changed since it was embedded: add it again to renew its clips.",
    }
    return [
        f"The file of {quoted(shorten(asset.title, _LONGEST_TITLE))} {notes[state]}"
        for asset in assets
        if (state := states.get(asset.asset_id))
    ]


def as_spelled(path: Path) -> Path:
    """Return the path as the disk writes it: a letter with an accent may be one character there, or two.

    A path of which there is no file is returned as it is.
    """
    if os.path.lexists(path) or str(path).isascii():
        return path
    spelled = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        if part != ".." and not os.path.lexists(spelled / part):
            wanted = unicodedata.normalize("NFC", part)
            try:
                names = sorted(
                    entry.name for entry in spelled.iterdir() if unicodedata.normalize("NFC", entry.name) == wanted
                )
            except OSError:
                return path
            if not names:
                return path
            part = names[0]
        spelled /= part
    return spelled


def _named_state(asset: Asset) -> tuple[str, FileState]:
    return asset.asset_id, _state(asset)


def _state(asset: Asset) -> FileState:
    try:
        facts = Path(asset.source_uri).lstat()  # a link in its place is not followed
    except OSError:
        return "gone"
    if asset.mtime_ns == NO_FILE_NS or not stat.S_ISREG(facts.st_mode):
        return "gone"
    return (
        "" if is_live(asset) or (facts.st_size, facts.st_mtime_ns) == (asset.size_bytes, asset.mtime_ns) else "changed"
    )
