"""The platform's asset for a recording: which part of it goes up and in which form, made anew or used again."""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio.to_thread
from pydantic import ValidationError

from soundbite_api import AssetFailed, NotFound, PlatformError, SourceFile, UploadTicket
from soundbite_tools.errors import SourceProblem, sentence
from soundbite_tools.requests import ALL_TRACKS
from soundbite_tools.sources.files import recorded_file
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.text import clock_range, file_label, number

if TYPE_CHECKING:
    from soundbite_api import Asset as PlatformAsset
    from soundbite_store import Asset, Task
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.library import Library, LibraryConfig


# Mono FLAC at 48 kHz takes about two thirds of its 96 kB a second.
_FLAC_BYTES_PER_SEC = 64_000
_WORTH_CUTTING = 0.5
_FLAC = ".flac"
_HASH_SHOWN = 12
# File systems, and what is behind a platform, take names of 255 bytes; a mark and a suffix come behind a stem.
_LONGEST_STEM_BYTES, _LONGEST_NAME_BYTES = 180, 255
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
Report = Callable[[str, float], Awaitable[None]]
# Beside the assets of a platform, its unfinished uploads are remembered under this name.
_UPLOADS = "#upload"
log = logging.getLogger(__name__)


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
    track: str = ""
    is_cut: bool = False
    is_silenced: bool = False
    note: str = ""


def shipment_of(asset: Asset, params: EmbedParams, config: LibraryConfig) -> Shipment:
    """Return what of a recording is uploaded for these parameters: with silence where something is erased."""
    shipment = _shipment_of(asset, params, config)
    if config.file_urls or not asset.erased:
        return shipment
    mark = "silent-" + hashlib.sha256(repr(asset.erased).encode()).hexdigest()[:_HASH_SHOWN]
    content_key = f"{shipment.content_key}{'-' if '#' in shipment.content_key else '#'}{mark}"
    filename = f"{shipment.filename.removesuffix(_suffix(asset)).removesuffix(_FLAC)}-{mark}{_FLAC}"
    return replace(shipment, content_key=content_key, filename=filename, is_silenced=True)


def _shipment_of(asset: Asset, params: EmbedParams, config: LibraryConfig) -> Shipment:
    stem = Path(asset.source_uri if asset.source_kind == "file" else asset.title).stem
    stem = _cut(stem, _LONGEST_STEM_BYTES) or "sound"
    mark, suffix = asset.content_hash[:_HASH_SHOWN], _suffix(asset)
    start_sec, end_sec = params.window(asset.duration_sec)
    is_local = not config.file_urls and asset.source_kind in ("file", "base64")
    if is_local and params.track:
        track = f"track-{params.track}"
        window = f"{track}-{number(start_sec)}-{number(end_sec)}"
        return Shipment(
            content_key=f"{asset.content_hash}#{window}",
            filename=f"{stem}-{mark}-{window}{_FLAC}",
            start_sec=start_sec,
            end_sec=params.end_sec or None,
            track=params.track,
            is_cut=True,
            note="All audio tracks were uploaded, mixed."
            if params.track == ALL_TRACKS
            else f"Only audio {track.replace('-', ' ')} was uploaded.",
        )
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
async def file_to_send(library: Library, asset: Asset, shipment: Shipment) -> AsyncIterator[tuple[SourceFile, str]]:
    """Give the file to upload and its name; what is made for it is deleted on the way out.

    Raises:
        SourceProblem: the sound can't be read, or is not that of the recording any more.
    """
    source = await file_of(asset)
    if not (shipment.is_cut or shipment.is_silenced) and await _is_taken_as_is(library, source):
        yield source, shipment.filename
        return
    folder = library.config.outgoing_folder
    await anyio.to_thread.run_sync(lambda: folder.mkdir(parents=True, exist_ok=True))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        out = Path(scratch) / "sound.flac"
        try:
            await library.media_reader.to_flac(source, out, shipment.start_sec, shipment.end_sec, shipment.track)
        except MediaProblem as exc:
            raise SourceProblem(
                f"{file_label(source.name)} can't be made ready for the platform: {sentence(exc.about(source.name))}",
                "Check that the file plays.",
                code="source_unreadable",
            ) from exc
        yield SourceFile.at(out), shipment.filename.removesuffix(_suffix(asset)).removesuffix(_FLAC) + _FLAC


def _is_worth_cutting(asset: Asset, window_sec: float, config: LibraryConfig) -> bool:
    if config.file_urls or asset.source_kind not in ("file", "base64") or asset.size_bytes < config.cut_from_bytes:
        return False
    return 0.0 < window_sec * _FLAC_BYTES_PER_SEC < asset.size_bytes * _WORTH_CUTTING


def _cut(name: str, most_bytes: int) -> str:
    return name.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")


def _suffix(asset: Asset) -> str:
    # Of a URL only its path: what follows may hold a secret.
    suffix = Path(urlsplit(asset.source_uri).path if asset.source_kind == "url" else asset.source_uri).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""


async def file_of(asset: Asset) -> SourceFile:
    """Return the file of a recording, which holds the very sound that was hashed.

    Raises:
        SourceProblem: it changed or went away.
    """
    source = await anyio.to_thread.run_sync(recorded_file, asset)
    if source is None:
        raise SourceProblem(
            f"{file_label(Path(asset.source_uri).name)} changed or went away before it was embedded.",
            "Call embed_audio with it again.",
            code="source_changed",
        )
    return source


async def _is_taken_as_is(library: Library, source: SourceFile) -> bool:
    try:
        media = await library.media_reader.probe(replace(source, content_hash=""))
    except MediaProblem:
        return True  # The platform may know more; if not, it says why.
    return not media.container or media.container in library.config.upload_containers


@dataclass(frozen=True)
class Upload:
    """An asset of the platform that holds a recording, or the window of it that is wanted."""

    id: str
    duration_sec: float = 0.0
    """0 where it is not known."""
    unique_name: str = ""
    """Its file name, where no other content can have it."""
    offset_sec: float = 0.0
    """Where its sound begins in the recording."""
    is_cut: bool = False
    notes: tuple[str, ...] = ()


async def ready_asset(library: Library, task: Task, asset: Asset, params: EmbedParams, report: Report) -> Upload:
    """Return the platform's asset of a recording, ready to be embedded.

    Raises:
        PlatformError: the platform did not take it, or can't read it.
        SourceProblem: the file changed or went away, or the platform can't be given it without what is erased.
    """
    if asset.erased and asset.source_kind in ("url", "asset") and not library.config.is_embedded:
        raise SourceProblem(
            "A span of it is erased, and what the platform has or fetches of it holds all.",
            "Embed a file of it without that part.",
            code="erased_elsewhere",
        )
    ledger, platform = await library.ledger(), library.config.platform
    shipment = shipment_of(asset, params, library.config)
    known = task.platform_asset_id or await _known_upload(library, asset, shipment)
    if known:
        try:
            ready = await library.client.wait_for_asset(known)
            # Named, so that nobody deletes it while this task needs it.
            await ledger.update_task(task.task_id, platform_asset_id=ready.id)
            return _upload(library, asset, shipment, ready)
        except NotFound:
            # Deleted over there, or the engine's state was: it is made anew below.
            await ledger.forget_platform_asset(platform, shipment.content_key)
            if asset.source_kind == "asset":
                raise
        except AssetFailed as exc:
            await _forget_failed(library, shipment, exc)
            raise
    await report("uploading", 0.02)
    created = await _create(library, asset, shipment)
    await ledger.update_task(task.task_id, platform_asset_id=created.id)
    if not _is_reference(library, asset):
        await ledger.put_platform_asset(platform, shipment.content_key, created.id)
    await ledger.forget_platform_asset(platform + _UPLOADS, shipment.content_key)
    await report("reading", 0.04)
    try:
        ready = await library.client.wait_for_asset(created.id)
        if asset.erased and asset.source_kind == "url":
            await library.media_reader.silence(ready.id, asset.erased)
        return _upload(library, asset, shipment, ready)
    except AssetFailed as exc:
        await _forget_failed(library, shipment, exc)
        raise


def earlier_upload(library: Library, task: Task, asset: Asset, params: EmbedParams) -> Upload:
    """Return the asset that a task already embeds, without asking for it."""
    shipment = shipment_of(asset, params, library.config)
    asset_id = task.platform_asset_id or (asset.source_uri if asset.source_kind == "asset" else "")
    return Upload(
        asset_id,
        asset.duration_sec,
        offset_sec=shipment.start_sec,
        is_cut=shipment.is_cut,
        notes=(shipment.note,) if shipment.note else (),
    )


async def remove_upload(library: Library, task: Task, asset: Asset, params: EmbedParams) -> None:
    """Delete what was uploaded for a task, where assets are not kept; a failure to is logged and no more."""
    if library.config.keep_assets or library.config.file_urls or asset.source_kind == "asset":
        return
    ledger = await library.ledger()
    now = await ledger.get_task(task.task_id)
    key = shipment_of(asset, params, library.config).content_key
    if now is None or not now.platform_asset_id:
        return
    others = [other for other in await ledger.unfinished_tasks() if other.task_id != task.task_id]
    if any(other.platform_asset_id == now.platform_asset_id for other in others):
        return  # whichever of them ends last deletes it
    try:
        await library.client.delete_asset(now.platform_asset_id)
    except NotFound:
        pass
    except PlatformError as exc:
        log.warning("The upload of %s could not be deleted from the platform: %s", asset.asset_id, exc.message)
        return
    await ledger.forget_platform_asset(library.config.platform, key)


async def _forget_failed(library: Library, shipment: Shipment, exc: AssetFailed) -> None:
    # A file that failed once may be read the next time it is sent; one that is only slow stays known.
    if exc.code == "asset_failed":
        await (await library.ledger()).forget_platform_asset(library.config.platform, shipment.content_key)


def _upload(library: Library, asset: Asset, shipment: Shipment, platform_asset: PlatformAsset) -> Upload:
    is_named_by_us = asset.source_kind != "asset" and not _is_reference(library, asset)
    return Upload(
        platform_asset.id,
        (platform_asset.duration or 0.0) + (shipment.start_sec if shipment.is_cut and platform_asset.duration else 0.0),
        unique_name=(platform_asset.filename or "") if is_named_by_us else "",
        offset_sec=shipment.start_sec,
        is_cut=shipment.is_cut,
        notes=(shipment.note,) if shipment.note else (),
    )


async def _known_upload(library: Library, asset: Asset, shipment: Shipment) -> str:
    if asset.source_kind == "asset":
        return asset.source_uri
    if _is_reference(library, asset):
        # A reference names a path, and equal content may have moved since; making one costs nothing.
        return ""
    ledger = await library.ledger()
    return await ledger.get_platform_asset(library.config.platform, shipment.content_key) or ""


async def _create(library: Library, asset: Asset, shipment: Shipment) -> PlatformAsset:
    client = library.client
    if asset.source_kind == "url":
        return await client.create_asset_from_url(asset.source_uri, filename=shipment.filename, is_unique_name=True)
    if library.config.file_urls:
        return await client.create_asset_from_url(
            (await file_of(asset)).url, filename=_cut(asset.title, _LONGEST_NAME_BYTES)
        )
    ledger, uploads = await library.ledger(), library.config.platform + _UPLOADS

    async def keep(ticket: UploadTicket) -> None:
        await ledger.put_platform_asset(uploads, shipment.content_key, ticket.model_dump_json())

    ticket = _ticket(await ledger.get_platform_asset(uploads, shipment.content_key))
    async with file_to_send(library, asset, shipment) as (file, name):
        return await client.upload_file(file, filename=name, is_unique_name=True, ticket=ticket, keep_ticket=keep)


def _ticket(text: str | None) -> UploadTicket | None:
    try:
        return UploadTicket.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _is_reference(library: Library, asset: Asset) -> bool:
    return library.config.file_urls and asset.source_kind in ("file", "base64")
