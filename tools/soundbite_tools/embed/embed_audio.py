"""embed_audio: take a recording into the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from soundbite_tools.embed.adoption import adopt_task
from soundbite_tools.embed.copies import is_ours, silence_copy
from soundbite_tools.embed.get_task import task_result
from soundbite_tools.embed.params import EmbedParams, check_length, with_track
from soundbite_tools.embed.registry import check_track, describe, finished_task, unfinished_task
from soundbite_tools.embed.results import TaskResult
from soundbite_tools.embed.spending import TaskFigures, check_budget
from soundbite_tools.embed.steps import check_start
from soundbite_tools.embed.transcripts import choose_words
from soundbite_tools.errors import WorkFailed, raises_problems, sentence
from soundbite_tools.sources.files import forget_refused
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.sources.recordings import live_task
from soundbite_tools.sources.sources import TASK_SCHEME, choose, resolve
from soundbite_tools.words.timed_words import without_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import Asset, Task
    from soundbite_tools.embed.jobs import Jobs, ProgressListener
    from soundbite_tools.embed.spending import Allowance
    from soundbite_tools.library import Library
    from soundbite_tools.requests import EmbedRequest

_AS_IT_IS = "This task was made elsewhere and is taken in as it is: nothing was computed."


@raises_problems
async def embed_audio(
    jobs: Jobs,
    request: EmbedRequest,
    *,
    on_progress: ProgressListener | None = None,
    allowance: Allowance | None = None,
) -> TaskResult:
    """Embed a recording and keep its clips; what the store already holds is not embedded again.

    Exactly one of `source`, `url`, `base64_string` and `asset_id` is given; `source` may be a path, an https URL, a
    `data:` URI, an asset id, or `task:` and the id of a task made elsewhere, which is taken in as it is. `end_sec` 0
    means the recording's end. Answers after at most `wait_seconds`. What is begun counts in `allowance`.

    Raises:
        ToolProblem: the source or a parameter can't be used, or the embedding failed while this call waited.
    """
    library, registry = jobs.library, jobs.registry
    given = choose(request.source, url=request.url, base64_string=request.base64_string, asset_id=request.asset_id)
    if given.kind == "task":
        return await _from_elsewhere(jobs, given.value.removeprefix(TASK_SCHEME), request, on_progress)
    params = EmbedParams.of(
        request, knows_natural=library.config.natural_segmentation, model_name=library.client.model_name
    )
    named = await resolve(given, library.config)
    if following := await live_task(library, named.uri) if named.kind == "file" else None:
        return await _followed(jobs, following, request, on_progress)
    asset_id = named.asset_id
    try:
        asset = await describe(library, named)
        asset_id = asset.asset_id
        params = params.of_recording(asset)
        await check_track(library, named, params)
        asset = with_track(asset, params.track)
        words = await choose_words(library, request, asset)
        params = params.with_transcript(words.digest, words.name)
        async with registry.admission(allowance):
            ready = await _ready_or_allowed(library, asset, params, allowance)
            # Kept from here on: what was refused is no recording of the library.
            asset = await registry.enter(asset, title=request.title, tags=request.tags)
            asset = await _without_erased(library, asset, named.path)
            ledger = await library.ledger()
            if words.brought and not ready:
                await ledger.put_brought(without_spans(words.brought.of(asset), asset.erased))
            task = ready or await registry.begin(asset, params, allowance)
            if words.notes and not ready:
                await ledger.update_task(task.task_id, notes_json=json.dumps(words.notes))
    finally:
        await forget_refused(library, named.path, asset_id)
    if ready:
        return await _reuse(library, ready, asset, words.notes)
    jobs.start(task.task_id)
    task = await jobs.wait(task.task_id, request.wait_seconds, on_progress)
    if task.status == "failed":
        raise WorkFailed(task.error_message, task.error_hint, code=task.error_code)
    return task_result(task, await ledger.get_asset(asset.asset_id))


async def _without_erased(library: Library, asset: Asset, path: Path | None) -> Asset:
    """Return a recording with a silent copy in place of one that was sent whole and of which something is erased."""
    if not asset.erased or path is None or asset.source_uri != str(path) or not is_ours(library.config.home, path):
        return asset
    try:
        return await silence_copy(library, asset)
    except MediaProblem as exc:
        raise WorkFailed(
            f"A copy without what is erased can't be made: {sentence(str(exc))}", "Add it again.", code="copy_not_made"
        ) from exc


async def _ready_or_allowed(
    library: Library, asset: Asset, params: EmbedParams, allowance: Allowance | None
) -> Task | None:
    """Return the task that holds all this already, None where it may be embedded."""
    check_start(params.start_sec, asset.duration_sec)
    check_length(params, asset.duration_sec, library.config.longest_audio_sec)
    if ready := await finished_task(library, asset, params):
        return ready
    start_sec, end_sec = params.window(asset.duration_sec)
    await check_budget(library, end_sec - start_sec, asset_id=asset.asset_id, params=params)
    if allowance and not await unfinished_task(library, asset, params):
        allowance.check()
    return None


async def _followed(jobs: Jobs, task: Task, request: EmbedRequest, on_progress: ProgressListener | None) -> TaskResult:
    """Return how a recording stands that is still being written; where nobody follows it any more, this does."""
    jobs.start(task.task_id)
    task = await jobs.wait(task.task_id, request.wait_seconds, on_progress)
    if task.status == "failed":
        raise WorkFailed(task.error_message, task.error_hint, code=task.error_code)
    return task_result(task, await (await jobs.library.ledger()).get_asset(task.asset_id))


async def _from_elsewhere(
    jobs: Jobs, task_id: str, request: EmbedRequest, on_progress: ProgressListener | None
) -> TaskResult:
    end = anyio.current_time() + request.wait_seconds
    adopted = await adopt_task(
        jobs.registry, jobs.library, task_id, request.wait_seconds, title=request.title, tags=request.tags
    )
    if isinstance(adopted, TaskResult):
        return adopted
    jobs.start(adopted.task_id)
    task = await jobs.wait(adopted.task_id, max(0.0, end - anyio.current_time()), on_progress)
    if task.status == "failed":
        raise WorkFailed(task.error_message, task.error_hint, code=task.error_code)
    result = task_result(task, await (await jobs.library.ledger()).get_asset(task.asset_id))
    return result.model_copy(update={"is_reused": True, "notes": [_AS_IT_IS, *result.notes]})


async def _reuse(library: Library, ready: Task, asset: Asset, notes: Sequence[str]) -> TaskResult:
    ledger = await library.ledger()
    saved_sec = TaskFigures.of(ready).seconds
    await ledger.add_usage(library.config.platform, seconds_saved=saved_sec)
    task = await ledger.update_task(ready.task_id, seconds_saved=ready.seconds_saved + saved_sec) or ready
    result = task_result(task, asset)
    note = f"The same sound was embedded before: nothing was computed, {saved_sec:.1f} seconds of audio were saved."
    return result.model_copy(update={"is_reused": True, "notes": list(dict.fromkeys([note, *notes, *result.notes]))})
