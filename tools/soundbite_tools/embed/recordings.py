"""Recordings in the ledger: one for each content, whatever files it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_api import NotFound
from soundbite_store import Asset
from soundbite_tools.embed.task_view import title_for
from soundbite_tools.errors import SourceProblem, UnknownId, sentence
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.sources.sources import Source
from soundbite_tools.untrusted import LONGEST_TITLE, MOST_TAGS, plain_tags, plain_text

if TYPE_CHECKING:
    from soundbite_tools.library import Library


async def enter(library: Library, found: Asset, *, title: str = "", tags: Sequence[str] = ()) -> Asset:
    """Return the ledger's record of a described recording, made or renewed; without title or tags it keeps its own.

    Raises:
        StoreError: it can't be kept.
    """
    ledger = await library.ledger()
    # Two calls at once for one recording follow each other, or the one without tags would take those of the other.
    async with library.jobs.beginning:
        known = await ledger.get_asset(found.asset_id)
        kept = known or found
        asset = replace(
            found,
            title=plain_text(title, LONGEST_TITLE) or kept.title,
            duration_sec=kept.duration_sec or found.duration_sec,
            tags=plain_tags(tuple(tags))[:MOST_TAGS] or kept.tags,
            metadata_json=kept.metadata_json,
            created_at=kept.created_at,
        )
        if asset != known:
            await ledger.put_asset(asset)
    if known and (asset.title, asset.tags, asset.source_uri) != (known.title, known.tags, known.source_uri):
        store = await library.store()
        await store.update_asset(asset.asset_id, title=asset.title, tags=asset.tags, source_uri=asset.source_uri)
        await library.share(asset.asset_id)
    return asset


async def described(library: Library, source: Source) -> Asset:
    """Return what a source says of itself, its length as the ledger knows it; nothing is written.

    Raises:
        SourceProblem: the file holds no sound that can be read.
        UnknownId: neither the library nor the platform knows the asset id.
        PlatformError, StoreError: they could not be asked.
    """
    known = await (await library.ledger()).get_asset(source.asset_id)
    if source.kind == "asset":
        return known or await _from_platform(library, source)
    return Asset(
        asset_id=source.asset_id,
        content_hash=source.content_hash,
        title=plain_text(title_for(source.name), LONGEST_TITLE) or source.asset_id,
        source_uri=source.uri,
        source_kind=source.kind,
        size_bytes=source.file.size_bytes if source.file else 0,
        mtime_ns=source.file.mtime_ns if source.file else 0,
        duration_sec=(known.duration_sec if known else 0.0) or await _duration_sec(library, source),
        tags=(),
        metadata_json="{}",
        created_at=datetime.now(UTC),
    )


async def _from_platform(library: Library, source: Source) -> Asset:
    unknown = UnknownId(
        f"Neither the library nor the platform knows an asset {source.asset_id!r}.",
        "Call list_audio for the ids of the library, or give the audio as source.",
        code="unknown_asset",
    )
    if library.config.only_own_ids:
        raise unknown
    try:
        found = await library.client.get_asset(source.asset_id)
    except NotFound as exc:
        raise unknown from exc
    return Asset(
        asset_id=source.asset_id,
        content_hash=source.content_hash,
        title=plain_text(title_for(found.filename or source.name), LONGEST_TITLE) or source.asset_id,
        source_uri=source.uri,
        source_kind="asset",
        size_bytes=found.size or 0,
        mtime_ns=0,
        duration_sec=found.duration or 0.0,
        tags=(),
        metadata_json="{}",
        created_at=datetime.now(UTC),
    )


async def _duration_sec(library: Library, source: Source) -> float:
    if source.file is None:
        return 0.0
    try:
        media = await library.workbench.probe(Path(source.uri))
    except MediaProblem as exc:
        # Inline audio is kept under a name that nobody gave it.
        reason = re.sub(f"^{re.escape(Path(source.uri).name)} ", "it ", str(exc))
        raise SourceProblem(
            f"{plain_text(source.name, LONGEST_TITLE)} can't be read as audio: {sentence(reason)}",
            "Check that the file plays; WAV, MP3, FLAC, OGG, M4A and the sound of video files are read.",
            code="source_unreadable",
        ) from exc
    if not media.has_audio:
        raise SourceProblem(
            f"{plain_text(source.name, LONGEST_TITLE)} holds no sound: it has no audio track.",
            "Give a file with an audio track.",
            code="no_audio",
        )
    return media.duration_sec or 0.0
