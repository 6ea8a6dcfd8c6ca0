"""The steps of an embedding job, each of which may be repeated: asset, vectors, clips, ready."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from soundbite_api import BackOff, NotFound, PlatformError
from soundbite_store import ClipFilter, Space
from soundbite_tools.embed.figures import TaskFigures
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.platform_tasks import embed_upload, follow, has_ended, is_worth_repeating
from soundbite_tools.embed.removal import gone
from soundbite_tools.embed.spending import check_budget
from soundbite_tools.embed.uploads import earlier_upload, ready_asset, remove_upload
from soundbite_tools.embed.writing import finish, write
from soundbite_tools.errors import WorkFailed

if TYPE_CHECKING:
    from soundbite_store import Asset, Task
    from soundbite_tools.embed.registry import Registry
    from soundbite_tools.embed.uploads import Upload
    from soundbite_tools.embed.writing import Answer
    from soundbite_tools.library import Library

Report = Callable[[str, float], Awaitable[None]]

_LONGEST_PAUSE_S = 900.0

log = logging.getLogger(__name__)


async def embed(library: Library, registry: Registry, task: Task, report: Report) -> None:
    """Bring a task to `ready`: its clips are in the store before the ledger says so.

    What the platform says may pass is tried again from the step it failed at, a few times with growing pauses.

    Raises:
        PlatformError, StoreError, ToolProblem: it can't be brought there.
    """
    ledger = await library.ledger()
    asset = await ledger.get_asset(task.asset_id)
    if await _is_written(library, task):
        await _end(library, task, asset, TaskFigures.of(task))
        return
    if asset is None:
        raise gone()
    params = EmbedParams.model_validate_json(task.params_json)
    try:
        upload, answer = await _answer_patiently(library, registry, task, asset, params, report)
        await report("writing", 0.97)
        figures = await write(library, task, asset, params, answer, upload)
        registry.count(task.task_id, figures.seconds, may_refuse=False)
    except Exception:
        await remove_upload(library, task, asset, params)
        raise
    await _end(library, task, asset, figures)


def check_start(start_sec: float, duration_sec: float) -> None:
    """Refuse a window that begins where the recording has ended; a duration of 0 is unknown.

    Raises:
        WorkFailed: it does.
    """
    if duration_sec and start_sec >= duration_sec:
        raise WorkFailed(
            f"start_sec {start_sec:g} is past the end: the recording is {duration_sec:.2f} seconds long.",
            f"Use a start_sec below {duration_sec:.2f}.",
            code="start_past_end",
        )


async def _end(library: Library, task: Task, asset: Asset | None, figures: TaskFigures) -> None:
    # In this order: killed in between, the next start does both, and no upload is left behind.
    if asset is not None:
        await remove_upload(library, task, asset, EmbedParams.model_validate_json(task.params_json))
    await finish(library, task, figures)


async def _is_written(library: Library, task: Task) -> bool:
    # A task's clips are one commit and its figures are kept just before it: killed after it, only `ready` is missing.
    figures = TaskFigures.of(task)
    if not figures.embedding_count or not task.space:
        return False
    store = await library.store()
    kept = await store.count(Space(task.space, figures.dimension), ClipFilter(task_id=task.task_id))
    return kept >= figures.embedding_count


async def _answer_patiently(
    library: Library, registry: Registry, task: Task, asset: Asset, params: EmbedParams, report: Report
) -> tuple[Upload, Answer]:
    ledger, config = await library.ledger(), library.config
    for attempt in range(config.job_attempts):
        try:
            return await _answer(library, registry, task, asset, params, report)
        except PlatformError as exc:
            if has_ended(exc):
                await ledger.update_task(task.task_id, platform_task_id="")
            if attempt + 1 == config.job_attempts or not is_worth_repeating(exc):
                raise
            pause_s = max(exc.retry_after_s or 0.0, BackOff(config.job_retry_s, _LONGEST_PAUSE_S).pause_s(attempt))
            log.info("Task %s is tried again in %.0f s: %s", task.task_id, pause_s, exc.message)
            await anyio.sleep(min(pause_s, _LONGEST_PAUSE_S))
            task = await ledger.get_task(task.task_id) or task
    raise AssertionError("a job is tried at least once")


async def _answer(
    library: Library, registry: Registry, task: Task, asset: Asset, params: EmbedParams, report: Report
) -> tuple[Upload, Answer]:
    if task.platform_task_id:
        upload = earlier_upload(library, task, asset, params)
        try:
            return upload, await follow(library, task.platform_task_id, params, upload, report)
        except NotFound:
            # The platform forgot it (it keeps embeddings for seven days): asking anew is all that is left.
            await (await library.ledger()).update_task(task.task_id, platform_task_id="")
    upload = await ready_asset(library, task, asset, params, report)
    duration_sec = upload.duration_sec or asset.duration_sec
    check_start(params.start_sec, duration_sec)
    start_sec, end_sec = params.window(duration_sec)
    # The length of a URL's or an asset's sound is known only now.
    await check_budget(library, end_sec - start_sec, task=task)
    registry.count(task.task_id, end_sec - start_sec, may_refuse=True)
    return upload, await embed_upload(library, task, params, upload, report)
