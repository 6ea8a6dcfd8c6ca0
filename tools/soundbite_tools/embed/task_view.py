"""A task of the ledger as the result that a tool returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_tools.clock import clock_range, seconds
from soundbite_tools.embed.figures import TaskFigures
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.results import TaskResult
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_store import Asset, Task

LONGEST_SOURCE = 300
_MOST_NOTES = 8
_LONGEST_NOTE = 300


def task_result(task: Task, asset: Asset | None) -> TaskResult:
    """Return a task with what to do next."""
    params = EmbedParams.model_validate_json(task.params_json)
    figures = TaskFigures.of(task)
    known_sec = asset.duration_sec if asset else 0.0
    start_sec, end_sec = (figures.start_sec, figures.end_sec) if figures.counts else params.window(known_sec)
    covered_sec = max(0.0, end_sec - start_sec)
    return TaskResult(
        task_id=task.task_id,
        status=task.status,
        asset_id=task.asset_id,
        title=asset.title if asset else "",
        source=shown_source(asset) if asset else "",
        tags=list(asset.tags) if asset else [],
        stage=(task.stage or "queued") if task.status == "processing" else "",
        progress=round(task.progress, 2) if task.status == "processing" else 0.0,
        audio_seconds=seconds(covered_sec),
        start_sec=seconds(start_sec),
        end_sec=seconds(end_sec),
        time_range=clock_range(start_sec, end_sec) if covered_sec else "",
        segmentation=params.segmentation_label,
        embedding_count=figures.embedding_count if task.status == "ready" else 0,
        embedding_counts=list(figures.counts) if task.status == "ready" else [],
        dimension=figures.dimension if task.status == "ready" else 0,
        space=task.space,
        seconds_embedded=seconds(task.seconds_embedded),
        seconds_saved=seconds(task.seconds_saved),
        notes=[plain_text(note, _LONGEST_NOTE) for note in json.loads(task.notes_json)][:_MOST_NOTES],
        error=plain_text(task.error_message, _LONGEST_NOTE),
        error_code=task.error_code,
        next_step=_next_step(task),
    )


def standing(tasks: Sequence[Task]) -> str:
    """Return how a recording stands by its tasks, the newest first: ready where one of them is, else as the newest."""
    if any(task.status == "ready" for task in tasks):
        return "ready"
    return tasks[0].status if tasks else "failed"


def shown_source(asset: Asset) -> str:
    """Return where a recording came from, as results show it: of a URL without its query, which may hold a secret."""
    if asset.source_kind == "base64":
        return "inline audio"
    if asset.source_kind == "asset":
        return f"asset {asset.source_uri} of the platform"
    if asset.source_kind == "url":
        address, mark, _ = asset.source_uri.partition("?")
        return plain_text(address, LONGEST_SOURCE) + ("?…" if mark else "")
    return plain_text(asset.source_uri, LONGEST_SOURCE)


def title_for(name: str) -> str:
    """Return a title made from a file name."""
    return Path(name).stem or name


def _next_step(task: Task) -> str:
    if task.status == "processing":
        return f'Call get_task(task_id="{task.task_id}", wait_seconds=20) until the status is ready.'
    if task.status == "failed":
        return plain_text(task.error_hint, _LONGEST_NOTE) or "Call embed_audio again."
    return "Call search_clips to find something in it."
