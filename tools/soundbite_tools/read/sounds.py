"""The sound of a range, cut from its recording into a small file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.embed.removal import gone
from soundbite_tools.errors import sentence
from soundbite_tools.sources.files import is_unchanged, shown, write_whole
from soundbite_tools.sources.local_media import MIME_TYPES, MediaProblem, SoundFormat

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import Library


@dataclass(frozen=True)
class CutSound:
    """A file with the sound and its bytes; a note says why there is no file, or neither."""

    path: Path | None
    sound: bytes
    mime_type: str
    note: str = ""


async def cut_sound(
    library: Library, asset: Asset, start_sec: float, end_sec: float, sound_format: SoundFormat
) -> CutSound:
    """Return the sound of a range of a recording; the same range is cut once.

    Raises:
        UnknownId: the recording was removed meanwhile.
        StoreError: the ledger can't be read.
    """
    mime_type = MIME_TYPES[sound_format]
    source = await sound_file(library, asset)
    if source is None:
        return CutSound(None, b"", mime_type, _why_silent(asset))
    path = library.config.clips_folder / _name(asset, start_sec, end_sec, sound_format)
    if sound := await anyio.to_thread.run_sync(_kept, path):
        return CutSound(path, sound, mime_type)
    try:
        sound = await library.workbench.cut(source, start_sec, end_sec, sound_format)
    except MediaProblem as exc:
        return CutSound(None, b"", mime_type, f"The sound can't be cut: {sentence(str(exc))}")
    if len(sound) > library.config.largest_clip_bytes:
        size = f"{len(sound) / 2**20:.1f} MB of sound is more than fits a clip; "
        return CutSound(None, b"", mime_type, size + "ask for a shorter range or audio_format mp3.")
    try:
        await anyio.to_thread.run_sync(write_whole, path, sound)
        if await (await library.ledger()).get_asset(asset.asset_id) is None:  # removed while it was cut
            await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))
            raise gone()
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        note = f"The sound can't be written to a file: {why}. include_audio=true returns it all the same."
        return CutSound(None, sound, mime_type, note)
    return CutSound(path, sound, mime_type)


async def sound_file(library: Library, asset: Asset) -> Path | None:
    """Return the file that holds the sound of a recording; None where none is here, or it is not the same any more.

    Raises:
        StoreError: the ledger can't be read.
    """
    if asset.source_kind in ("file", "base64"):
        source = Path(asset.source_uri)
        is_same = await anyio.to_thread.run_sync(is_unchanged, source, asset.size_bytes, asset.mtime_ns)
        return source if is_same else None
    kept: str | None = asset.source_uri
    if asset.source_kind == "url":
        kept = await (await library.ledger()).get_platform_asset(library.config.platform, asset.content_hash)
    return await library.workbench.kept(kept) if kept else None


def _why_silent(asset: Asset) -> str:
    if asset.source_kind in ("file", "base64"):
        name = shown(Path(asset.source_uri).name)
        # For an agent and for a person, also where this server has no tool for it.
        return f"{name} changed or is gone since it was embedded; its sound can't be played until it is added again."
    came_from = "a link" if asset.source_kind == "url" else "the platform"
    note = f"The recording came from {came_from} and its sound is not kept on this machine, so it can't be played; "
    return note + "embed a file of it to play its clips."


def _name(asset: Asset, start_sec: float, end_sec: float, sound_format: SoundFormat) -> str:
    # Ids of the platform hold letters, digits, - and _ only, ours hexadecimal digits: safe in a file name.
    return f"{asset.asset_id}-{round(start_sec * 1000)}-{round(end_sec * 1000)}.{sound_format}"


def _kept(path: Path) -> bytes:
    sound = b""
    with contextlib.suppress(OSError):  # not there, or deleted just now: it is cut again
        sound = path.read_bytes()
        path.touch()  # housekeeping deletes what was not used for longest
    return sound
