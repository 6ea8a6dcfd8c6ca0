"""The platform's asset for a recording: made, or used again while it is there."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from pydantic import ValidationError

from soundbite_api import AssetFailed, NotFound, PlatformError, UploadTicket
from soundbite_tools.embed.shipping import Shipment, packed, shipment
from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.files import is_unchanged, read_facts

if TYPE_CHECKING:
    from soundbite_api import Asset as PlatformAsset
    from soundbite_store import Asset, Task
    from soundbite_tools.config import LibraryConfig
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.library import Library

Report = Callable[[str, float], Awaitable[None]]

# Beside the assets of a platform, its unfinished uploads are remembered under this name.
_UPLOADS = "#upload"

log = logging.getLogger(__name__)


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
        SourceProblem: the file changed or went away.
    """
    ledger, platform = await library.ledger(), library.config.platform
    shipped = shipment(asset, params, library.config)
    known = task.platform_asset_id or await _known(library, asset, shipped)
    if known:
        try:
            found = await library.client.wait_for_asset(known)
            # Named, so that nobody deletes it while this task needs it.
            await ledger.update_task(task.task_id, platform_asset_id=found.id)
            return _upload(library, asset, shipped, found)
        except NotFound:
            # Deleted over there, or the engine's state was: it is made anew below.
            await ledger.forget_platform_asset(platform, shipped.content_key)
            if asset.source_kind == "asset":
                raise
        except AssetFailed as exc:
            await _forget_failed(library, shipped, exc)
            raise
    await report("uploading", 0.02)
    made = await _create(library, asset, shipped)
    await ledger.update_task(task.task_id, platform_asset_id=made.id)
    if not _is_reference(library, asset):
        await ledger.put_platform_asset(platform, shipped.content_key, made.id)
    await ledger.forget_platform_asset(platform + _UPLOADS, shipped.content_key)
    await report("reading", 0.04)
    try:
        return _upload(library, asset, shipped, await library.client.wait_for_asset(made.id))
    except AssetFailed as exc:
        await _forget_failed(library, shipped, exc)
        raise


def earlier_upload(library: Library, task: Task, asset: Asset, params: EmbedParams) -> Upload:
    """Return the asset that a task already embeds, without asking for it."""
    shipped = shipment(asset, params, library.config)
    asset_id = task.platform_asset_id or (asset.source_uri if asset.source_kind == "asset" else "")
    return Upload(
        asset_id,
        asset.duration_sec,
        offset_sec=shipped.start_sec,
        is_cut=shipped.is_cut,
        notes=(shipped.note,) if shipped.note else (),
    )


async def remove_upload(library: Library, task: Task, asset: Asset, params: EmbedParams) -> None:
    """Delete what was uploaded for a task, where assets are not kept; a failure to is logged and no more."""
    if library.config.keep_assets or library.config.file_urls or asset.source_kind == "asset":
        return
    ledger = await library.ledger()
    now = await ledger.get_task(task.task_id)
    key = shipment(asset, params, library.config).content_key
    if now is None or not now.platform_asset_id:
        return
    others = [each for each in await ledger.unfinished_tasks() if each.task_id != task.task_id]
    if any(each.platform_asset_id == now.platform_asset_id for each in others):
        return  # whichever of them ends last deletes it
    try:
        await library.client.delete_asset(now.platform_asset_id)
    except NotFound:
        pass
    except PlatformError as exc:
        log.warning("The upload of %s could not be deleted from the platform: %s", asset.asset_id, exc.message)
        return
    await ledger.forget_platform_asset(library.config.platform, key)


async def _forget_failed(library: Library, shipped: Shipment, exc: AssetFailed) -> None:
    # A file that failed once may be read the next time it is sent; one that is only slow stays known.
    if exc.code == "asset_failed":
        await (await library.ledger()).forget_platform_asset(library.config.platform, shipped.content_key)


def _upload(library: Library, asset: Asset, shipped: Shipment, found: PlatformAsset) -> Upload:
    is_named_by_us = asset.source_kind != "asset" and not _is_reference(library, asset)
    return Upload(
        found.id,
        (found.duration or 0.0) + (shipped.start_sec if shipped.is_cut and found.duration else 0.0),
        unique_name=(found.filename or "") if is_named_by_us else "",
        offset_sec=shipped.start_sec,
        is_cut=shipped.is_cut,
        notes=(shipped.note,) if shipped.note else (),
    )


async def _known(library: Library, asset: Asset, shipped: Shipment) -> str:
    if asset.source_kind == "asset":
        return asset.source_uri
    if _is_reference(library, asset):
        # A reference names a path, and equal content may have moved since; making one costs nothing.
        return ""
    ledger = await library.ledger()
    return await ledger.get_platform_asset(library.config.platform, shipped.content_key) or ""


async def _create(library: Library, asset: Asset, shipped: Shipment) -> PlatformAsset:
    client = library.client
    if asset.source_kind == "url":
        return await client.create_asset_from_url(asset.source_uri, filename=shipped.filename, is_unique_name=True)
    path = Path(asset.source_uri)
    if not await anyio.to_thread.run_sync(_is_same_file, path, asset, library.config):
        raise SourceProblem(
            f"{path.name} changed or went away before it was embedded.",
            "Call embed_audio with it again.",
            code="source_changed",
        )
    if library.config.file_urls:
        return await client.create_asset_from_url(path.as_uri(), filename=asset.title[:255])
    ledger, uploads = await library.ledger(), library.config.platform + _UPLOADS

    async def keep(ticket: UploadTicket) -> None:
        await ledger.put_platform_asset(uploads, shipped.content_key, ticket.model_dump_json())

    ticket = _ticket(await ledger.get_platform_asset(uploads, shipped.content_key))
    async with packed(library, asset, shipped) as (file, name):
        return await client.upload_file(file, filename=name, is_unique_name=True, ticket=ticket, keep_ticket=keep)


def _is_same_file(path: Path, asset: Asset, config: LibraryConfig) -> bool:
    if is_unchanged(path, asset.size_bytes, asset.mtime_ns):
        return True
    try:
        # A copy that was put back, or a library that moved to another disk: the content counts, not its date.
        return read_facts(path, config).content_hash == asset.content_hash
    except SourceProblem:
        return False


def _ticket(text: str | None) -> UploadTicket | None:
    try:
        return UploadTicket.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _is_reference(library: Library, asset: Asset) -> bool:
    return library.config.file_urls and asset.source_kind in ("file", "base64")
