"""The ledger's records of a recording, made again from what its clips say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import (
    Asset,
    Clip,
    ClipFilter,
    SourceKind,
    Space,
    StoredClip,
    StoredTranscript,
    Task,
    TimedText,
    digest_of,
    one_a_span,
)
from soundbite_tools.embed.params import EmbedParams, track_of
from soundbite_tools.embed.spending import TaskFigures, count_kinds
from soundbite_tools.embed.uploads import ready_asset
from soundbite_tools.errors import raises_problems
from soundbite_tools.library import EMBEDDED
from soundbite_tools.repair.comparison import Stray, Unheard
from soundbite_tools.requests import BOTH_OPTIONS, BOTH_SCOPES, Structure
from soundbite_tools.sources.files import INLINE_FOLDER, recorded_file
from soundbite_tools.sources.local_media import MediaProblem

if TYPE_CHECKING:
    from soundbite_tools.library import Library

_NOTE = "The ledger's record of this recording was lost and was made again from its clips."
# A recording whose clips end so near its end was embedded up to the end.
_SAME_END_SEC = 1.0
_SEPARATE: tuple[Structure, ...] = ("separate_embedding",)
_FUSED: tuple[Structure, ...] = ("fused_embedding",)


@raises_problems
async def rebuild_records(library: Library, stray: Stray) -> tuple[Asset, bool]:
    """Enter a recording that only the store knows into the ledger; return it, and whether its transcript is whole.

    Its title, tags, source and times are those of its clips. Where the ledger has lost its transcript too, there is of
    it what the clips hold: texts, no times of words, and nothing of what was said between clips.

    Raises:
        ToolProblem: the store or the ledger can't be read or written.
    """
    store, ledger = await library.store(), await library.ledger()
    clips = await store.embeddings(stray.space, ClipFilter(asset_ids=(stray.asset_id,)))
    asset = await ledger.get_asset(stray.asset_id)
    if asset is None:
        asset = await _asset_of(library, clips)
        await ledger.put_asset(asset)
    for task_id in sorted(stray.task_ids):
        own = [clip for clip in clips if clip.task_id == task_id]
        if own:
            await ledger.put_task(_task_of(library, stray.space, asset, own))
    if await ledger.transcripts_of(asset.asset_id):
        return asset, True
    return asset, not await rebuild_transcript(library, asset, clips)


async def rebuild_transcript(library: Library, asset: Asset, clips: Sequence[StoredClip] = ()) -> bool:
    """Make the transcript of a recording again from the words of its clips; False where they hold none.

    A sentence of it is what one clip holds; words have no times of their own.

    Raises:
        StoreError: the store or the ledger can't be read or written.
    """
    store, ledger = await library.store(), await library.ledger()
    if not clips:
        current = (await library.spaces.current()).space
        clips = await store.embeddings(current, ClipFilter(asset_ids=(asset.asset_id,)))
    spans = one_a_span(clip for clip in clips if clip.embedding_scope == "clip" and clip.transcript)
    sentences = tuple(
        TimedText(value=clip.transcript, start_sec=clip.start_sec, end_sec=clip.end_sec)
        for clip in sorted(spans, key=lambda clip: (clip.start_sec, clip.end_sec))
    )
    if not sentences:
        return False
    await ledger.put_transcript(
        StoredTranscript(
            asset_id=asset.asset_id,
            source=library.config.platform,
            start_sec=sentences[0].start_sec,
            end_sec=max(sentence.end_sec for sentence in sentences),
            words=(),
            sentences=sentences,
        )
    )
    return True


@raises_problems
async def give_again(library: Library, unheard: Unheard) -> None:
    """Give the engine the sound of a recording again, from its source.

    Raises:
        ToolProblem: the source is not there any more, or can't be read.
    """
    if unheard.is_known and unheard.asset.source_kind == "url":
        await library.client.delete_asset(unheard.task.platform_asset_id, is_forced=True)
    params = EmbedParams.model_validate_json(unheard.task.params_json)
    await ready_asset(library, unheard.task, unheard.asset, params, _no_report)


async def _no_report(_stage: str, _fraction: float) -> None:
    return None


async def _asset_of(library: Library, clips: Sequence[Clip]) -> Asset:
    first = clips[0]
    asset = Asset(
        asset_id=first.asset_id,
        content_hash=first.content_hash,
        title=first.title,
        source_uri=first.source_uri,
        source_kind=_kind_of(library, first.source_uri),
        size_bytes=0,
        mtime_ns=0,
        duration_sec=max(clip.end_sec for clip in clips),
        tags=first.tags,
        metadata_json=first.metadata_json,
        created_at=min(clip.created_at for clip in clips),
        language=next((clip.language for clip in clips if clip.embedding_scope == "asset" and clip.language), None),
    )
    return await _with_file(library, asset)


def _kind_of(library: Library, source_uri: str) -> SourceKind:
    if source_uri.startswith(("https://", "http://")):
        return "url"
    path = Path(source_uri)
    if not path.is_absolute():
        return "asset"
    return "base64" if path.parent == library.config.home / INLINE_FOLDER else "file"


async def _with_file(library: Library, asset: Asset) -> Asset:
    """The asset with what its file says of itself, where that is there and still holds the same sound."""
    if asset.source_kind not in ("file", "base64"):
        return asset
    try:
        facts = await anyio.to_thread.run_sync(Path(asset.source_uri).stat)
    except (OSError, ValueError):
        return asset
    dated = replace(asset, size_bytes=facts.st_size, mtime_ns=facts.st_mtime_ns)
    source = await anyio.to_thread.run_sync(recorded_file, dated)
    if source is None:
        return asset
    try:
        media = await library.media_reader.probe(source)
    except MediaProblem:
        return dated
    return replace(dated, duration_sec=media.duration_sec or asset.duration_sec)


def _task_of(library: Library, space: Space, asset: Asset, clips: Sequence[Clip]) -> Task:
    start_sec, end_sec = min(clip.start_sec for clip in clips), max(clip.end_sec for clip in clips)
    figures = TaskFigures(
        start_sec=start_sec,
        end_sec=end_sec,
        dimension=space.dimension,
        counts=count_kinds(clips),
        digest=f"{digest_of({clip.row_id(space) for clip in clips}):x}",
    )
    made_at = min(clip.created_at for clip in clips)
    return Task(
        task_id=clips[0].task_id,
        asset_id=asset.asset_id,
        status="ready",
        stage="",
        progress=1.0,
        params_json=_params_of(asset, clips, figures).model_dump_json(),
        space=space.id,
        platform=EMBEDDED if space.id.startswith("soundbite-") else library.config.platform,
        platform_asset_id="",
        platform_task_id="",
        error_code="",
        error_message="",
        error_hint="",
        seconds_embedded=round(figures.seconds, 3),
        seconds_saved=0.0,
        counts_json=figures.model_dump_json(),
        notes_json=json.dumps([_NOTE]),
        created_at=made_at,
        updated_at=datetime.now(UTC),
        finished_at=made_at,
    )


def _params_of(asset: Asset, clips: Sequence[Clip], figures: TaskFigures) -> EmbedParams:
    strategy, _, seconds = clips[0].segmentation.partition(":")
    is_fixed = strategy == "fixed" and seconds.isdecimal()
    options, scopes = ({getattr(clip, f"embedding_{name}") for clip in clips} for name in ("option", "scope"))
    # A fused vector is made of both.
    used = {*BOTH_OPTIONS} if "fused" in options else options
    separate, fused = _SEPARATE * bool(options - {"fused"}), _FUSED * ("fused" in options)
    is_whole = figures.end_sec > asset.duration_sec - _SAME_END_SEC
    asked = EmbedParams()
    return EmbedParams(
        track=track_of(asset),
        start_sec=figures.start_sec if figures.start_sec >= _SAME_END_SEC else 0.0,
        end_sec=0.0 if is_whole else figures.end_sec,
        segmentation="fixed" if is_fixed else "natural",
        segment_sec=int(seconds) if is_fixed else asked.segment_sec,
        embedding_option=tuple(value for value in BOTH_OPTIONS if value in used) or BOTH_OPTIONS,
        embedding_scope=tuple(value for value in BOTH_SCOPES if value in scopes) or BOTH_SCOPES,
        embedding_type=separate + fused,
    )
