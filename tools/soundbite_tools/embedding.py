"""The steps of an embedding job, each of which may be repeated: asset, vectors, clips, ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from soundbite_api import MediaSource, NotFound, TaskAnswer
from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import UnknownId, WorkFailed, sentence
from soundbite_tools.figures import TaskFigures
from soundbite_tools.params import EmbedParams
from soundbite_tools.uploads import ready_asset, remove_upload
from soundbite_tools.writing import Answer, say_ready, write

if TYPE_CHECKING:
    from soundbite_api import Asset as PlatformAsset
    from soundbite_store import Task
    from soundbite_tools.library import Library

Report = Callable[[str, float], Awaitable[None]]

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 2.0
_LONGEST_HOSTED_POLL_S = 15.0


async def embed(library: Library, task: Task, report: Report) -> None:
    """Bring a task to `ready`: its clips are in the store before the ledger says so.

    Raises:
        PlatformError, StoreError, ToolProblem: it can't be brought there.
    """
    ledger = await library.ledger()
    if await _is_written(library, task):
        await say_ready(library, task, TaskFigures.of(task))
        return
    asset = await ledger.get_asset(task.asset_id)
    if asset is None:
        raise UnknownId(f"The recording {task.asset_id} was removed.", "Call embed_audio with its source again.")
    params = EmbedParams.model_validate_json(task.params_json)
    found = await ready_asset(library, task, asset, report)
    check_start(params.start_sec, found.duration or asset.duration_sec)
    answer = await _answer(library, task, params, found, report)
    await report("writing", 0.97)
    await write(library, task, asset, params, answer, found)
    await remove_upload(library, asset, found.id)


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


async def _is_written(library: Library, task: Task) -> bool:
    # A task's clips are one commit and its figures are kept just before it: killed after it, only `ready` is missing.
    figures = TaskFigures.of(task)
    if not figures.embedding_count or not task.space:
        return False
    store = await library.store()
    kept = await store.count(Space(task.space, figures.dimension), ClipFilter(task_id=task.task_id))
    return kept >= figures.embedding_count


async def _answer(library: Library, task: Task, params: EmbedParams, found: PlatformAsset, report: Report) -> Answer:
    audio = params.audio_input(MediaSource(asset_id=found.id))
    start_sec, end_sec = params.window(found.duration or 0.0)
    if not task.platform_task_id and 0.0 < end_sec - start_sec <= library.config.longest_sync_sec:
        await report("embedding", 0.1)
        sync = await library.client.embed_audio(audio)
        return Answer(sync.response.data, sync.response.metadata, sync.space)
    ledger = await library.ledger()
    if task.platform_task_id:
        try:
            return await _follow(library, task.platform_task_id, report)
        except NotFound:
            # The platform forgot it (it keeps embeddings for seven days): asking anew is all that is left.
            await ledger.update_task(task.task_id, platform_task_id="")
    begun = await library.client.create_task(audio)
    await ledger.update_task(task.task_id, platform_task_id=begun.id)
    return await _follow(library, begun.id, report)


async def _follow(library: Library, platform_task_id: str, report: Report) -> Answer:
    longest_s = _LONGEST_POLL_S if library.config.is_embedded else _LONGEST_HOSTED_POLL_S
    pause_s = _FIRST_POLL_S
    with anyio.move_on_after(library.config.longest_task_s):
        while True:
            answer = await library.client.get_task(platform_task_id)
            if answer.task.status == "ready":
                return Answer(answer.task.data or [], answer.task.metadata, answer.space)
            if answer.task.status == "failed":
                raise _failed(answer)
            progress = answer.task.progress
            await report(
                progress.stage if progress else "embedding", 0.05 + 0.9 * progress.fraction if progress else 0.1
            )
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, longest_s)
    raise WorkFailed(
        f"The platform's task was not ready after {library.config.longest_task_s / 3600:g} hours.",
        "Call embed_audio again, with a shorter window (start_sec, end_sec) if the recording is long.",
        code="task_slow",
    )


def _failed(answer: TaskAnswer) -> WorkFailed:
    reason = answer.task.error.message if answer.task.error else ""
    # The messages that a retry may cure say so themselves (contract 3.6).
    hint = (
        "Call embed_audio again in a few minutes."
        if "try again later" in reason.lower()
        else "Check that the file plays and has sound, then call embed_audio with it again."
    )
    return WorkFailed(sentence(reason or "The platform could not embed the recording"), hint, code="task_failed")
