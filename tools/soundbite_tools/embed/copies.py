"""The library's own copies of sound: which they are, and how they are made silent where something is erased."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.embed.params import with_track
from soundbite_tools.sources.files import INLINE_FOLDER, UPLOADS_FOLDER, delete, recorded_file, silent_flac

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import Library

_FOLDERS = (INLINE_FOLDER, UPLOADS_FOLDER, "recordings", "live")


def is_ours(home: Path, path: Path) -> bool:
    """Return whether a file is a copy that the library made, none of a user's own."""
    real = path.resolve()
    return any(real.is_relative_to((home / folder).resolve()) for folder in _FOLDERS)


def here(home: Path, asset: Asset) -> Asset:
    """Return a recording led to the library's copy of it where that moved together with the home folder."""
    path = Path(asset.source_uri)
    if asset.source_kind not in ("file", "base64") or is_ours(home, path):
        return asset
    for folder in _FOLDERS:
        if folder in path.parts[:-1]:
            # The last folder of that name; a file of a user's may lie in one, so the content decides.
            first = len(path.parts) - 1 - path.parts[::-1].index(folder)
            moved = replace(asset, source_uri=str(home.joinpath(*path.parts[first:])))
            if recorded_file(moved):
                return moved
    return asset


async def silence_copy(library: Library, asset: Asset) -> Asset:
    """Put a copy with silence in place of the library's copy of a recording, and return it as it is now.

    Of a file of several tracks it has them all.

    Raises:
        MediaProblem: the sound can't be read or written.
        StoreError: the ledger or the store can't be written.
    """
    source = await anyio.to_thread.run_sync(recorded_file, asset)
    if source is None:
        return asset  # gone, or not what was embedded
    folder = library.config.home / INLINE_FOLDER
    await anyio.to_thread.run_sync(partial(folder.mkdir, parents=True, exist_ok=True))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        has_tracks = (await library.media_reader.probe(source)).tracks > 1
        made = Path(scratch) / "sound.mka"
        if has_tracks:
            await library.media_reader.copy_sound(replace(source, content_hash=""), made)
        else:
            made = await silent_flac(library, asset, source, Path(scratch))
        content_hash, size_bytes, mtime_ns = await anyio.to_thread.run_sync(_facts_of, made)
        path = folder / f"{content_hash}{made.suffix}"
        await anyio.Path(made).replace(path)
    ledger, before = await library.ledger(), asset.source_uri
    # In this order: until the ledger names the new copy the earlier one counts, and is deleted after that.
    await ledger.put_copy(asset.content_hash, content_hash)
    silent = replace(
        asset if has_tracks else with_track(asset, ""),
        source_uri=str(path),
        source_kind="base64",
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
    )
    await ledger.put_asset(silent)
    metadata_json = silent.metadata_json if silent.metadata_json != asset.metadata_json else None
    store = await library.store()
    await store.update_asset(asset.asset_id, source_uri=str(path), metadata_json=metadata_json)
    if before != str(path):
        await anyio.to_thread.run_sync(delete, Path(before))
    return replace(silent, copy_hash=content_hash)


def _facts_of(path: Path) -> tuple[str, int, int]:
    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    return content_hash, path.stat().st_size, path.stat().st_mtime_ns
