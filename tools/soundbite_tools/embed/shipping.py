"""What of a file is sent to a platform that has to be uploaded to: as it is, as FLAC, or only the window wanted."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio.to_thread

from soundbite_tools.clock import clock_range, number
from soundbite_tools.errors import SourceProblem, sentence
from soundbite_tools.sources.local_media import MediaProblem

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.config import LibraryConfig
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.library import Library

# Mono FLAC at 48 kHz takes about two thirds of its 96 kB a second.
_FLAC_BYTES_PER_SEC = 64_000
_WORTH_CUTTING = 0.5
_FLAC = ".flac"
_HASH_SHOWN = 12
_LONGEST_STEM = 200
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True)
class Shipment:
    """Which part of a recording goes up; the same content and parameters always give the same one."""

    content_key: str
    """Names what is uploaded: the content's hash, for a cut window with the window."""
    filename: str
    """A name that only this content has, so that an upload can be found again by it."""
    start_sec: float = 0.0
    """Where the uploaded sound begins in the recording."""
    end_sec: float | None = None
    is_cut: bool = False
    note: str = ""


def shipment(asset: Asset, params: EmbedParams, config: LibraryConfig) -> Shipment:
    """Return what of a recording is uploaded for these parameters."""
    stem = Path(asset.source_uri if asset.source_kind == "file" else asset.title).stem[:_LONGEST_STEM] or "sound"
    mark, suffix = asset.content_hash[:_HASH_SHOWN], _suffix(asset)
    start_sec, end_sec = params.window(asset.duration_sec)
    if not _is_worth_cutting(asset, end_sec - start_sec, config):
        return Shipment(asset.content_hash, f"{stem}-{mark}{suffix}")
    window = f"{number(start_sec)}-{number(end_sec)}"
    return Shipment(
        content_key=f"{asset.content_hash}#{window}",
        filename=f"{stem}-{mark}-{window}{_FLAC}",
        start_sec=start_sec,
        end_sec=end_sec,
        is_cut=True,
        note=f"Only {clock_range(start_sec, end_sec)} of the file was uploaded: the whole of it is "
        f"{asset.size_bytes / 2**20:.0f} MB.",
    )


@asynccontextmanager
async def packed(library: Library, asset: Asset, shipped: Shipment) -> AsyncIterator[tuple[Path, str]]:
    """Give the file to upload and its name; what is made for it is deleted on the way out.

    Raises:
        SourceProblem: the sound can't be read.
    """
    path = Path(asset.source_uri)
    if not shipped.is_cut and await _is_taken_as_is(library, path):
        yield path, shipped.filename
        return
    folder = library.config.outgoing_folder
    await anyio.to_thread.run_sync(lambda: folder.mkdir(parents=True, exist_ok=True))
    with tempfile.TemporaryDirectory(dir=folder) as made:
        out = Path(made) / "sound.flac"
        try:
            await library.workbench.to_flac(path, out, shipped.start_sec, shipped.end_sec)
        except MediaProblem as exc:
            raise SourceProblem(
                f"{path.name} can't be made ready for the platform: {sentence(str(exc))}",
                "Check that the file plays.",
                code="source_unreadable",
            ) from exc
        yield out, shipped.filename.removesuffix(_suffix(asset)).removesuffix(_FLAC) + _FLAC


def _is_worth_cutting(asset: Asset, window_sec: float, config: LibraryConfig) -> bool:
    if config.file_urls or asset.source_kind not in ("file", "base64") or asset.size_bytes < config.cut_from_bytes:
        return False
    return 0.0 < window_sec * _FLAC_BYTES_PER_SEC < asset.size_bytes * _WORTH_CUTTING


def _suffix(asset: Asset) -> str:
    # Of a URL only its path: what follows may hold a secret.
    suffix = Path(urlsplit(asset.source_uri).path if asset.source_kind == "url" else asset.source_uri).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""


async def _is_taken_as_is(library: Library, path: Path) -> bool:
    try:
        media = await library.workbench.probe(path)
    except MediaProblem:
        return True  # The platform may know more; if not, it says why.
    return not media.container or media.container in library.config.upload_containers
