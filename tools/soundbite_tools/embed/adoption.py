"""Tasks of the platform that were made elsewhere: looked at by their id, and taken into the library on request."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

import anyio

from soundbite_api import NotFound, TaskFailed, model_of
from soundbite_store import Asset, Task
from soundbite_tools.embed.params import EmbedParams, model_label
from soundbite_tools.embed.results import TaskResult
from soundbite_tools.embed.spending import count_kinds
from soundbite_tools.errors import UnknownId, WorkFailed, sentence
from soundbite_tools.requests import BOTH_OPTIONS, BOTH_SCOPES
from soundbite_tools.sources.sources import TASK_SCHEME, asset_id_for, title_for
from soundbite_tools.text import LONGEST_TITLE, MOST_TAGS, clock_range, plain_tags, plain_text, rounded_sec

if TYPE_CHECKING:
    from soundbite_api import EmbeddingMetadata, EmbeddingTask, TaskAnswer
    from soundbite_tools.embed.registry import Registry
    from soundbite_tools.library import Library

# Ids that the ledger gives; the platform's are hexadecimal.
_OURS = "t_"
_MADE_ELSEWHERE = "This task was made elsewhere; the library does not hold it."
_SHORTEST_SEGMENT_SEC, _LONGEST_SEGMENT_SEC = 2, 10


async def find_known_task(library: Library, task_id: str) -> Task | None:
    """Return the ledger's task of this id, which may also be the platform's id of it.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    return await ledger.get_task(task_id) or await ledger.find_task(task_id)


async def describe_platform_task(library: Library, task_id: str, wait_s: float) -> TaskResult:
    """Return how a task of the platform stands that the ledger does not know; nothing is kept of it.

    Raises:
        UnknownId: the platform does not know it either.
        PlatformError: it could not be asked.
    """
    answer = await _ask_platform(library, task_id, wait_s)
    return answer if isinstance(answer, TaskResult) else _task_result(library, answer)


async def adopt_task(
    registry: Registry, library: Library, task_id: str, wait_s: float, *, title: str = "", tags: Sequence[str] = ()
) -> Task | TaskResult:
    """Return the ledger's task for a ready task of the platform, or how that one stands while it is not ready.

    A title and tags are given to a recording that is new to the library.

    Raises:
        UnknownId: the platform does not know it.
        PlatformError, StoreError: it could not be asked, or not be kept.
    """
    known = await find_known_task(library, task_id)
    # One that failed here may have failed for a reason that has passed: it is taken in again, unless it is asked for
    # by an id of ours, which the platform does not know.
    if known and (known.status != "failed" or known.task_id == task_id):
        return known
    answer = await _ask_platform(library, task_id, wait_s)
    if isinstance(answer, TaskResult):
        return answer
    _check_model(library, answer)
    return await _enter(registry, library, answer.task, title, tags)


def _check_model(library: Library, answer: TaskAnswer) -> None:
    """Refuse vectors of another hosted model; those of our engine name their space."""
    asked = library.client.model_name
    made_by = model_of(answer.task.metadata, answer.task.usage)
    if answer.space.id == asked != made_by:
        raise WorkFailed(
            f"The task was made with {made_by}, the library with {asked}: their vectors can't be compared.",
            f"Set SOUNDBITE_MODEL={made_by} to take it in.",
            code="wrong_model",
        )


async def _ask_platform(library: Library, task_id: str, wait_s: float) -> TaskAnswer | TaskResult:
    answer: TaskAnswer | None = None
    if task_id.startswith(_OURS) or library.config.only_own_ids:
        raise _unknown(task_id)
    try:
        with anyio.move_on_after(wait_s):
            answer = await library.client.wait_for_task(task_id)
        if answer is None:
            answer = await library.client.get_task(task_id)
    except NotFound as exc:
        raise _unknown(task_id) from exc
    except TaskFailed as exc:
        return TaskResult(
            task_id=task_id,
            status="failed",
            error=sentence(exc.message),
            error_code=exc.code,
            next_step=sentence(exc.hint),
        )
    if answer.task.status != "ready":
        return TaskResult(
            task_id=task_id,
            status="processing",
            stage="embedding",
            notes=["This task was made elsewhere; it can join the library once it is ready."],
            next_step=f'Call get_task(task_id="{task_id}", wait_seconds=20) until the status is ready.',
        )
    return answer


def _task_result(library: Library, answer: TaskAnswer) -> TaskResult:
    note, step = (
        _MADE_ELSEWHERE,
        f'Call embed_audio(source="{TASK_SCHEME}{answer.task.id}") to take it into the library.',
    )
    if library.config.is_read_only:
        note = f"{note[:-1]}, and this server is read-only."
        step = f"A server without SOUNDBITE_READ_ONLY takes it into the library. {step}"
    data = answer.task.data or []
    start_sec, end_sec = _window(answer.task.metadata)
    end_sec = end_sec or max((item.end_sec or 0.0 for item in data), default=0.0)
    return TaskResult(
        task_id=answer.task.id,
        status="ready",
        audio_seconds=rounded_sec(end_sec - start_sec),
        start_sec=rounded_sec(start_sec),
        end_sec=rounded_sec(end_sec),
        time_range=clock_range(start_sec, end_sec),
        embedding_count=len(data),
        embedding_counts=list(count_kinds(data)),
        dimension=len(data[0].embedding) if data else 0,
        space=answer.space.id,
        notes=[note],
        next_step=step,
    )


def _unknown(task_id: str) -> UnknownId:
    return UnknownId(
        f"There is no task {task_id!r}, here or on the platform.",
        "Call list_audio: it shows the recordings with their task ids.",
        code="unknown_task",
    )


async def _enter(registry: Registry, library: Library, task: EmbeddingTask, title: str, tags: Sequence[str]) -> Task:
    asset = await _asset(library, task)
    asset = replace(
        asset, title=plain_text(title, LONGEST_TITLE) or asset.title, tags=plain_tags(tuple(tags))[:MOST_TAGS]
    )
    return await registry.adopt(asset, _params(task), task.id)


async def _asset(library: Library, task: EmbeddingTask) -> Asset:
    about = task.metadata
    name, url = (about.input_filename or "", about.input_url or "") if about else ("", "")
    platform_asset_id = await _platform_asset_id(library, name)
    if platform_asset_id:
        # As embed_audio names it when it is given this id.
        uri, key, asset_id = (
            platform_asset_id,
            f"asset\n{library.config.platform}\n{platform_asset_id}",
            platform_asset_id,
        )
    else:
        uri, key, asset_id = task.id, f"task\n{library.config.platform}\n{task.id}", ""
    digest = hashlib.sha256(key.encode()).hexdigest()
    label = name or url.partition("?")[0].rpartition("/")[2] or f"task {task.id}"
    return Asset(
        asset_id=asset_id or asset_id_for(digest),
        content_hash=digest,
        title=plain_text(title_for(label), LONGEST_TITLE) or task.id,
        source_uri=uri,
        source_kind="asset",
        size_bytes=0,
        mtime_ns=0,
        duration_sec=(about.duration or 0.0) if about else 0.0,
        tags=(),
        metadata_json="{}",
        created_at=datetime.now(UTC),
    )


async def _platform_asset_id(library: Library, filename: str) -> str:
    # The answer does not say which asset was embedded; a name that only one has tells.
    if not filename:
        return ""
    page = await library.client.list_assets(filename=filename)
    same = [asset for asset in page.data if asset.filename == filename]
    return same[0].id if len(same) == 1 and page.page_info.total_page <= 1 else ""


def _params(task: EmbeddingTask) -> EmbedParams:
    data = task.data or []
    options = {item.embedding_option for item in data}
    about = task.metadata
    start_sec, end_sec = _window(about)
    lengths = [
        item.end_sec - item.start_sec
        for item in data
        if item.embedding_scope == "clip" and item.start_sec is not None and item.end_sec is not None
    ]
    # All but the last segment have the full length.
    segment_sec = round(median(lengths)) if lengths else 6
    made_by = model_of(about, task.usage)
    return EmbedParams(
        model=model_label(made_by),
        start_sec=start_sec,
        end_sec=end_sec,
        segment_sec=min(max(segment_sec, _SHORTEST_SEGMENT_SEC), _LONGEST_SEGMENT_SEC),
        embedding_option=tuple(name for name in BOTH_OPTIONS if name in options or "fused" in options),
        embedding_scope=tuple(name for name in BOTH_SCOPES if any(item.embedding_scope == name for item in data)),
        embedding_type=("fused_embedding",)
        if options == {"fused"}
        else ("separate_embedding", "fused_embedding")
        if "fused" in options
        else ("separate_embedding",),
    )


def _window(about: EmbeddingMetadata | None) -> tuple[float, float]:
    if about is None:
        return 0.0, 0.0
    start_sec = max(0.0, about.start_offset_sec or 0.0)
    end_sec = max(0.0, about.end_offset_sec or 0.0)
    # A window up to the end is the same as none, and is reused as such.
    return start_sec, 0.0 if about.duration is not None and end_sec >= about.duration - 0.05 else end_sec
