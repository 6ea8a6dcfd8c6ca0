"""get_task: how an embedding task stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from soundbite_store import Clip, ClipFilter, Space, Task
from soundbite_tools.embed.adoption import describe_platform_task, find_known_task
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.renewal import recording_of
from soundbite_tools.embed.results import EmbeddingPreview, TaskResult
from soundbite_tools.embed.spending import TaskFigures
from soundbite_tools.errors import raises_problems
from soundbite_tools.sources.sources import source_label
from soundbite_tools.text import clock_range, plain_text, rounded_sec

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.embed.jobs import Jobs, ProgressListener
    from soundbite_tools.library import Library
    from soundbite_tools.requests import TaskRequest


_MOST_NOTES = 8
_SAME_SEC = 1.0
_LONGEST_NOTE = 300
EMBEDDINGS_PER_PAGE = 40
_FIRST_VALUES = 10
_OF_ANOTHER_PLATFORM = "It was begun on another platform, and goes on when a server uses that one again."
_EMBED_HERE = "Call embed_audio with the same source to embed it on this platform."
_NOT_WORKED_ON = "This server is read-only and does not work on it; one that may write goes on with it when it runs."


def task_result(task: Task, asset: Asset | None) -> TaskResult:
    """Return a task with what to do next."""
    asset = recording_of(task, asset)
    params = EmbedParams.model_validate_json(task.params_json)
    figures = TaskFigures.of(task)
    known_sec = asset.duration_sec if asset else 0.0
    start_sec, end_sec = (figures.start_sec, figures.end_sec) if figures.counts else params.window(known_sec)
    if not params.start_sec and not params.end_sec and abs(known_sec - (end_sec - start_sec)) < _SAME_SEC:
        start_sec, end_sec = 0.0, known_sec  # what list_audio says of the same recording
    is_in_part = task.status == "processing" and figures.clips > 0
    covered_sec = max(0.0, end_sec - start_sec)
    return TaskResult(
        task_id=task.task_id,
        status=task.status,
        asset_id=task.asset_id,
        title=asset.title if asset else "",
        source=source_label(asset) if asset else "",
        tags=list(asset.tags) if asset else [],
        stage=(task.stage or "queued") if task.status == "processing" else "",
        progress=round(task.progress, 2) if task.status == "processing" else 0.0,
        searchable_until_sec=rounded_sec(figures.until_sec) if is_in_part else 0.0,
        audio_seconds=rounded_sec(covered_sec),
        start_sec=rounded_sec(start_sec),
        end_sec=rounded_sec(end_sec),
        time_range=clock_range(start_sec, end_sec) if covered_sec else "",
        segmentation=params.segmentation_label,
        embedding_count=figures.embedding_count if task.status == "ready" else 0,
        embedding_counts=list(figures.counts) if task.status == "ready" else [],
        dimension=figures.dimension if task.status == "ready" else 0,
        space=task.space if task.status == "ready" else "",
        seconds_embedded=rounded_sec(task.seconds_embedded),
        seconds_saved=rounded_sec(task.seconds_saved),
        notes=[plain_text(note, _LONGEST_NOTE) for note in json.loads(task.notes_json)][:_MOST_NOTES],
        error=plain_text(task.error_message, _LONGEST_NOTE),
        error_code=task.error_code,
        next_step=_next_step(task),
    )


def _next_step(task: Task) -> str:
    if task.status == "processing":
        return f'Call get_task(task_id="{task.task_id}", wait_seconds=20) until the status is ready.'
    if task.status == "failed":
        return plain_text(task.error_hint, _LONGEST_NOTE) or "Call embed_audio again."
    return "Call search_clips to find something in it."


@raises_problems
async def get_task(jobs: Jobs, request: TaskRequest, *, on_progress: ProgressListener | None = None) -> TaskResult:
    """Return a task; while it is processing, wait up to `wait_seconds` for it to finish.

    The id may be the platform's; a task made elsewhere is asked for there, and embed_audio takes it in.
    `detail` embeddings adds the time range and the first 10 values of each embedding, 40 to a page.

    Raises:
        UnknownId: there is no such task, here or on the platform.
    """
    library = jobs.library
    task = await find_known_task(library, request.task_id)
    if task is None:
        return await describe_platform_task(library, request.task_id, request.wait_seconds)
    if task.status == "processing" and task.platform == library.config.platform:
        # Whoever ran it may have died since the start; if not, this does nothing.
        jobs.start(task.task_id)
        task = await jobs.wait(task.task_id, request.wait_seconds, on_progress)
    ledger = await library.ledger()
    result = task_result(task, await ledger.get_asset(task.asset_id))
    if task.status == "processing" and task.platform != library.config.platform:
        return result.model_copy(update={"notes": [*result.notes, _OF_ANOTHER_PLATFORM], "next_step": _EMBED_HERE})
    if task.status == "processing" and library.config.is_read_only:
        return result.model_copy(update={"notes": [*result.notes, _NOT_WORKED_ON]})
    if request.detail == "embeddings" and task.status == "ready":
        return await _with_embeddings(library, task, result, request.page)
    return result


async def _with_embeddings(library: Library, task: Task, result: TaskResult, page: int) -> TaskResult:
    figures, store = TaskFigures.of(task), await library.store()
    space, where = Space(task.space, figures.dimension), ClipFilter(task_id=task.task_id)
    # Fewer than the task made where a later task embedded the same segments again.
    total, first = await store.count(space, where), (page - 1) * EMBEDDINGS_PER_PAGE
    clips = await store.embeddings(space, where, limit=EMBEDDINGS_PER_PAGE, offset=first) if first < total else []
    last = first + len(clips)
    notes = []
    if clips:
        more = f'; call get_task(task_id="{task.task_id}", detail="embeddings", page={page + 1}) for more'
        notes.append(f"Embeddings {first + 1} to {last} of {total}{more if last < total else ''}.")
    elif total:
        notes.append(f"Page {page} is past the last.")
    if lost := figures.embedding_count - total:
        notes.append(f"{lost} of its embeddings belong to a later task, which embedded the same segments again.")
    return result.model_copy(
        update={"embeddings": [_preview(clip) for clip in clips], "notes": [*result.notes, *notes]}
    )


def _preview(clip: Clip) -> EmbeddingPreview:
    return EmbeddingPreview(
        embedding_option=clip.embedding_option,
        embedding_scope=clip.embedding_scope,
        start_sec=rounded_sec(clip.start_sec),
        end_sec=rounded_sec(clip.end_sec),
        time_range=clock_range(clip.start_sec, clip.end_sec),
        first_values=[round(float(value), 6) for value in clip.vector[:_FIRST_VALUES]],
    )
