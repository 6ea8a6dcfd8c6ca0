"""The platform's asset for a recording: made, or used again while it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_api import NotFound, PlatformError
from soundbite_tools.errors import SourceProblem
from soundbite_tools.files import is_unchanged

if TYPE_CHECKING:
    from soundbite_api import Asset as PlatformAsset
    from soundbite_store import Asset, Task
    from soundbite_tools.library import Library

Report = Callable[[str, float], Awaitable[None]]


async def ready_asset(library: Library, task: Task, asset: Asset, report: Report) -> PlatformAsset:
    """Return the platform's asset of a recording, ready to be embedded.

    Raises:
        PlatformError: the platform did not take it, or can't read it.
        SourceProblem: the file changed or went away.
    """
    ledger = await library.ledger()
    known = task.platform_asset_id or await _known(library, asset)
    if known:
        try:
            return await library.client.wait_for_asset(known)
        except NotFound:
            # Deleted over there, or the engine's state was: it is made anew below.
            await ledger.forget_platform_asset(library.config.platform, asset.content_hash)
            if asset.source_kind == "asset":
                raise
    await report("uploading", 0.02)
    made = await _create(library, asset)
    await ledger.update_task(task.task_id, platform_asset_id=made.id)
    if not _is_reference(library, asset):
        await ledger.put_platform_asset(library.config.platform, asset.content_hash, made.id)
    await report("reading", 0.04)
    return await library.client.wait_for_asset(made.id)


async def remove_upload(library: Library, asset: Asset, platform_asset_id: str) -> str:
    """Delete what was uploaded, where assets are not kept; returns a note if that failed, else nothing."""
    if library.config.keep_assets or library.config.file_urls or asset.source_kind == "asset":
        return ""
    ledger = await library.ledger()
    try:
        await library.client.delete_asset(platform_asset_id)
    except PlatformError as exc:
        return f"The uploaded file could not be deleted from the platform: {exc.message}"
    await ledger.forget_platform_asset(library.config.platform, asset.content_hash)
    return ""


async def _known(library: Library, asset: Asset) -> str:
    if asset.source_kind == "asset":
        return asset.source_uri
    if _is_reference(library, asset):
        # A reference names a path, and equal content may have moved since; making one costs nothing.
        return ""
    ledger = await library.ledger()
    return await ledger.get_platform_asset(library.config.platform, asset.content_hash) or ""


async def _create(library: Library, asset: Asset) -> PlatformAsset:
    if asset.source_kind == "url":
        return await library.client.create_asset_from_url(asset.source_uri)
    path = Path(asset.source_uri)
    if not await anyio.to_thread.run_sync(is_unchanged, path, asset.size_bytes, asset.mtime_ns):
        raise SourceProblem(
            f"{path.name} changed or went away before it was embedded.",
            "Call embed_audio with it again.",
            code="source_changed",
        )
    if library.config.file_urls:
        return await library.client.create_asset_from_url(path.as_uri(), filename=asset.title[:255])
    return await library.client.upload_file(path)


def _is_reference(library: Library, asset: Asset) -> bool:
    return library.config.file_urls and asset.source_kind in ("file", "base64")
