"""One recording going into the library by name: what is there already is not read again, and a failure is a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from soundbite_tools import (
    LONGEST_WAIT_S,
    EmbedParams,
    EmbedRequest,
    TaskRequest,
    TaskResult,
    ToolProblem,
    allowed_file,
    changed_tags,
    choose_words,
    embed_audio,
    finished_task,
    get_task,
    is_unchanged,
    task_result,
)

if TYPE_CHECKING:
    from soundbite_server.sources import Source
    from soundbite_store import Asset
    from soundbite_tools import Jobs, Library


Show = Callable[[float, str, float], None]
"""Told the fraction that is done, the stage, and the seconds of audio, 0 where they are not known."""


def _ignore(fraction: float, stage: str, audio_seconds: float) -> None:
    """Show nothing of how far it is."""


async def add_one(jobs: Jobs, source: Source, request: EmbedRequest, show: Show = _ignore) -> TaskResult:
    """Add one recording as the request asks, or say what is known of it; a failure is a result."""

    audio_seconds = 0.0

    async def listen(fraction: float, stage: str) -> None:
        show(fraction, stage, audio_seconds)

    try:
        if known := await _result_of_unchanged(jobs.library, source, request):
            ledger = await jobs.library.ledger()
            await ledger.add_usage(jobs.library.config.platform, seconds_saved=known.audio_seconds)
            return known
        task = await embed_audio(jobs, request.model_copy(update={"source": source.address, "wait_seconds": 0.0}))
        while task.status == "processing":
            audio_seconds = task.audio_seconds
            task = await get_task(
                jobs, TaskRequest(task_id=task.task_id, wait_seconds=LONGEST_WAIT_S), on_progress=listen
            )
    except ToolProblem as exc:
        return TaskResult(task_id="", status="failed", error=exc.message, error_code=exc.code, next_step=exc.next_step)
    return task


async def _result_of_unchanged(library: Library, source: Source, request: EmbedRequest) -> TaskResult | None:
    """What is known of a file that nobody touched since it was embedded: large folders are not read again.

    Raises:
        SourceProblem: there is no such file, or it may not be read.
    """
    if source.path is None:
        return None
    path = allowed_file(source.address, library.config)
    for asset in await (await library.ledger()).assets_of_source(str(path)):
        if is_unchanged(path, asset.size_bytes, asset.mtime_ns):
            return await earlier_result(library, asset, request)
    return None


async def earlier_result(library: Library, asset: Asset, request: EmbedRequest) -> TaskResult | None:
    """What is known of a recording that the engine set now has embedded, if its title and tags are those asked for."""
    is_labelled = request.title in ("", asset.title) and changed_tags(asset.tags, request.tags) == asset.tags
    if request.transcript or not is_labelled:
        return None
    params = EmbedParams.of(
        request, knows_natural=library.config.natural_segmentation, model_name=library.client.model_name
    ).of_recording(asset)
    # A transcript may lie beside it since then: its words take the place of those that were recognised.
    words = await choose_words(library, request, asset)
    task = await finished_task(library, asset, params.with_transcript(words.digest, words.name))
    if task is None:
        return None
    result = task_result(task, asset)
    return result.model_copy(update={"is_reused": True, "notes": list(dict.fromkeys([*words.notes, *result.notes]))})
