"""Recordings and tasks in the ledger: one for each content and for each request, entered one at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from soundbite_api import NotFound
from soundbite_store import Asset, ClipFilter, Space, Task, to_json
from soundbite_tools.embed.params import EmbedParams, ParameterProblem, is_same_sound
from soundbite_tools.embed.renewal import (
    free_asset_id,
    known_recording,
    present,
    recording_of,
    release_path,
    supersede,
)
from soundbite_tools.embed.spending import TaskFigures
from soundbite_tools.errors import SourceProblem, UnknownId, raises_problems, sentence
from soundbite_tools.requests import ALL_TRACKS
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.sources.sources import title_for
from soundbite_tools.text import LONGEST_TITLE, changed_tags, count_of, file_label, plain_text

if TYPE_CHECKING:
    from soundbite_tools.embed.spending import Allowance
    from soundbite_tools.library import Library
    from soundbite_tools.sources.sources import Source

_TASKS_READ = 50


class Registry:
    """Enters recordings and tasks into the ledger, so that calls at once for one recording share both."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._entering = anyio.Lock()
        self._admitting = anyio.Lock()
        self._uncounted: dict[str, Allowance] = {}

    def admission(self, allowance: Allowance | None) -> AbstractAsyncContextManager[None]:
        """Hold this from the look at an allowance until the task counts: two calls must not take the same rest."""
        return self._admitting if allowance else nullcontext()

    async def enter(self, described: Asset, *, title: str = "", tags: Sequence[str] = ()) -> Asset:
        """Return a recording as it will be embedded, entered into the ledger; `tags` join those that it has.

        One whose content or track is another stays in the ledger as it was until it is embedded.

        Raises:
            StoreError: it can't be kept.
        """
        ledger = await self._library.ledger()
        # Calls at once for one recording follow each other, or the one without tags would take those of the other.
        async with self._entering:
            known = await ledger.get_asset(described.asset_id)
            asset = await present(self._library, known, described) if known else described
            asset = replace(
                asset, title=plain_text(title, LONGEST_TITLE) or asset.title, tags=changed_tags(asset.tags, tags)
            )
            if known and not is_same_sound(known, asset) and await supersede(self._library, known, asset):
                # Until the new clips are there it stays what it was; the task that makes them knows what it will be.
                entered = replace(known, title=asset.title, tags=asset.tags)
            else:
                entered = asset
            if entered != known:
                await ledger.put_asset(entered)
            await release_path(self._library, entered)
        if known and (entered.title, entered.tags, entered.source_uri) != (known.title, known.tags, known.source_uri):
            store = await self._library.store()
            await store.update_asset(
                entered.asset_id, title=entered.title, tags=entered.tags, source_uri=entered.source_uri
            )
            if sharing := await self._library.sharing():
                await sharing.publish(asset.asset_id)
        return asset

    async def begin(self, asset: Asset, params: EmbedParams, allowance: Allowance | None = None) -> Task:
        """Return the unfinished task that does exactly this, or a new one, which counts in the caller's `allowance`.

        Raises:
            StoreError: the ledger can't be read or written.
        """
        async with self._entering:
            if same := await unfinished_task(self._library, asset, params):
                return same
            task = None
            with anyio.CancelScope(shield=True):  # what a cancelled call leaves has counted: the next one is given it
                task = await self._create_task(asset, params)
                if allowance and asset.duration_sec:
                    start_sec, end_sec = params.window(asset.duration_sec)
                    allowance.count(end_sec - start_sec)
                elif allowance:
                    self._uncounted[task.task_id] = allowance
            assert task
            return task

    async def adopt(self, asset: Asset, params: EmbedParams, platform_task_id: str) -> Task:
        """Return the task for one that the platform has already, entered with its recording at the first call.

        Raises:
            StoreError: the ledger can't be read or written.
        """
        ledger = await self._library.ledger()
        async with self._entering:
            if (known := await ledger.find_task(platform_task_id)) and known.status != "failed":
                return known
            await ledger.put_asset(await ledger.get_asset(asset.asset_id) or asset)
            return await self._create_task(asset, params, platform_task_id)

    def count(self, task_id: str, seconds: float, *, may_refuse: bool) -> None:
        """Count a task whose length was not known when it was begun, now that it is; 0 seconds are still not known.

        Raises:
            ToolProblem: the caller's allowance was used up meanwhile, and `may_refuse`.
        """
        allowance = self._uncounted.get(task_id)
        if allowance is None:
            return
        if may_refuse:
            allowance.check()
        if seconds:
            del self._uncounted[task_id]
            allowance.count(seconds)

    def forget(self, task_id: str) -> None:
        """Let go of a task that has ended, whether or not its audio was counted."""
        self._uncounted.pop(task_id, None)

    async def _create_task(self, asset: Asset, params: EmbedParams, platform_task_id: str = "") -> Task:
        ledger = await self._library.ledger()
        known = await ledger.get_asset(asset.asset_id)
        # Clips cut after the words that were recognised give way to those of the words that were brought.
        is_embedded = bool(await ledger.list_tasks(1, asset_id=asset.asset_id, status="ready"))
        is_renewal = known is not None and (not is_same_sound(known, asset) or bool(params.transcript and is_embedded))
        return await ledger.create_task(
            asset_id=asset.asset_id,
            space="",
            platform=self._library.config.platform,
            params_json=params.model_dump_json(),
            stage="queued",
            platform_task_id=platform_task_id,
            renewal_json=to_json(asset) if is_renewal else "",
        )


async def finished_task(library: Library, asset: Asset, params: EmbedParams) -> Task | None:
    """Return a ready task whose clips, still in the store, are those the parameters ask for.

    Same content, same space, and the same window and segments; more options or scopes than asked for do no harm.

    Raises:
        PlatformError, StoreError: they could not be asked.
    """
    ledger = await library.ledger()
    ready = await ledger.list_tasks(limit=_TASKS_READ, asset_id=asset.asset_id, status="ready")
    suitable = [task for task in ready if _params(task).covers(params)]
    if not suitable:
        return None
    current = (await library.spaces.current()).space
    for task in suitable:
        if task.space == current.id and await _is_stored(library, task, asset):
            return task
    return None


async def unfinished_task(library: Library, asset: Asset, params: EmbedParams) -> Task | None:
    """Return the unfinished task that does exactly this.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    known = await ledger.get_asset(asset.asset_id)
    for task in await ledger.list_tasks(limit=_TASKS_READ, asset_id=asset.asset_id, status="processing"):
        embedded = recording_of(task, known)
        is_same = embedded is not None and is_same_sound(embedded, asset)
        if is_same and task.platform == library.config.platform and _params(task) == params:
            return task
    return None


async def describe(library: Library, source: Source) -> Asset:
    """Return what a source says of itself, its length as the ledger knows it; nothing is written.

    Raises:
        SourceProblem: the file holds no sound that can be read.
        UnknownId: neither the library nor the platform knows the asset id.
        PlatformError, StoreError: they could not be asked.
    """
    known = await known_recording(library, source)
    if source.kind == "asset":
        return known or await _from_platform(library, source)
    is_same = known is not None and known.content_hash == source.content_hash
    return Asset(
        asset_id=known.asset_id if known else await free_asset_id(library, source),
        content_hash=source.content_hash,
        title=plain_text(title_for(source.name), LONGEST_TITLE) or source.asset_id,
        source_uri=source.uri,
        source_kind=source.kind,
        size_bytes=source.file.size_bytes if source.file else 0,
        mtime_ns=source.file.mtime_ns if source.file else 0,
        duration_sec=(known.duration_sec if known and is_same else 0.0) or await _duration_sec(library, source),
        tags=(),
        metadata_json=known.metadata_json if known else "{}",
        created_at=datetime.now(UTC),
        erased=await (await library.ledger()).erased_of(source.content_hash),
        copy_hash=known.copy_hash if known and is_same else "",
    )


async def check_track(library: Library, source: Source, params: EmbedParams) -> None:
    """Refuse a track that a file does not have, and one that the platform can't be asked for.

    Raises:
        ParameterProblem: it is.
    """
    if not params.track or (library.config.file_urls and source.file is None):
        return
    if source.file is None:
        raise ParameterProblem(
            "The hosted platform chooses the track of a recording that this machine has no file of.",
            "Give the file, or leave track out.",
        )
    if params.track == ALL_TRACKS or params.track == "1":
        return
    with contextlib.suppress(MediaProblem):  # whoever decodes it says what is wrong
        media = await library.media_reader.probe(source.file.source)
        if int(params.track) > media.tracks:
            raise ParameterProblem(
                f"{file_label(source.name)} has {count_of(media.tracks, 'audio track')}, and no track {params.track}.",
                "Give a track that it has, or leave track out.",
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
        asset = await library.client.get_asset(source.asset_id)
    except NotFound as exc:
        raise unknown from exc
    return Asset(
        asset_id=source.asset_id,
        content_hash=source.content_hash,
        title=plain_text(title_for(asset.filename or source.name), LONGEST_TITLE) or source.asset_id,
        source_uri=source.uri,
        source_kind="asset",
        size_bytes=asset.size or 0,
        mtime_ns=0,
        duration_sec=asset.duration or 0.0,
        tags=(),
        metadata_json="{}",
        created_at=datetime.now(UTC),
    )


async def _duration_sec(library: Library, source: Source) -> float:
    if source.file is None:
        return 0.0
    try:
        media = await library.media_reader.probe(source.file.source)
    except MediaProblem as exc:
        raise SourceProblem(
            f"{file_label(source.name)} can't be read as audio: {sentence(exc.about(Path(source.uri).name))}",
            "Check that the file plays; WAV, MP3, FLAC, OGG, M4A and the sound of video files are read.",
            code="source_unreadable",
        ) from exc
    if not media.has_audio:
        raise SourceProblem(
            f"{file_label(source.name)} holds no sound: it has no audio track.",
            "Give a file with an audio track.",
            code="no_audio",
        )
    return media.duration_sec or 0.0


def _params(task: Task) -> EmbedParams:
    return EmbedParams.model_validate_json(task.params_json)


async def _is_stored(library: Library, task: Task, asset: Asset) -> bool:
    figures, store = TaskFigures.of(task), await library.store()
    # Counted by asset, not by task: a later task with other options may have written some of the same rows again.
    where = ClipFilter(
        asset_ids=(asset.asset_id,),
        content_hash=asset.content_hash,
        segmentation=_params(task).segmentation_label,
    )
    rows = await store.count(Space(task.space, figures.dimension), where) if figures.dimension else 0
    return 0 < figures.embedding_count <= rows


@raises_problems
async def relabel(library: Library, asset_id: str, *, title: str = "", tags: Sequence[str] = ()) -> Asset:
    """Give a recording another title (where one is given) and other tags, as `changed_tags` reads them.

    Raises:
        UnknownId: there is no such recording.
        WorkFailed: the library can't be written.
    """
    ledger = await library.ledger()
    known = await ledger.get_asset(asset_id)
    if known is None:
        raise UnknownId(f"There is no recording {asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset")
    asset = replace(known, title=plain_text(title, LONGEST_TITLE) or known.title, tags=changed_tags(known.tags, tags))
    if asset != known:
        await ledger.put_asset(asset)
        store = await library.store()
        await store.update_asset(asset_id, title=asset.title, tags=asset.tags)
        if sharing := await library.sharing():
            await sharing.publish(asset_id)
    return asset
