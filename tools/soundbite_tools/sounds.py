"""The sound of a range, cut from its recording into a small file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.errors import sentence
from soundbite_tools.files import is_unchanged, write_whole
from soundbite_tools.housekeeping import CLIPS_FOLDER
from soundbite_tools.removal import gone
from soundbite_tools.workbench import MIME_TYPES, MediaProblem, SoundFormat

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
    if asset.source_kind not in ("file", "base64"):
        return CutSound(None, b"", mime_type, "The recording is not a file on this machine, so no sound can be cut.")
    source = Path(asset.source_uri)
    if not await anyio.to_thread.run_sync(is_unchanged, source, asset.size_bytes, asset.mtime_ns):
        note = f"{source.name} changed or is gone since it was embedded, so its sound can't be played; "
        return CutSound(None, b"", mime_type, note + "embed it again with embed_audio to renew it.")
    path = library.config.home / CLIPS_FOLDER / _name(asset, start_sec, end_sec, sound_format)
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


def _name(asset: Asset, start_sec: float, end_sec: float, sound_format: SoundFormat) -> str:
    # Ids of the platform hold letters, digits, - and _ only, ours hexadecimal digits: safe in a file name.
    return f"{asset.asset_id}-{round(start_sec * 1000)}-{round(end_sec * 1000)}.{sound_format}"


def _kept(path: Path) -> bytes:
    sound = b""
    with contextlib.suppress(OSError):  # not there, or deleted just now: it is cut again
        sound = path.read_bytes()
        path.touch()  # housekeeping deletes what was not used for longest
    return sound
