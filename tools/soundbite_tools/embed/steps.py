"""The steps of an embedding job, each of which may be repeated: asset, vectors, clips, ready."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio

from soundbite_api import (
    HOSTED_MODEL,
    BackOff,
    MalformedResponse,
    MediaSource,
    NotFound,
    PlatformError,
    PlatformFault,
    PlatformUnreachable,
    PollPolicy,
    SpokenText,
    TaskFailed,
)
from soundbite_store import BROUGHT, ClipFilter, Space
from soundbite_tools.embed.live.follow import follow_to_end
from soundbite_tools.embed.params import SHORTEST_TASK_SEC, EmbedParams, model_label
from soundbite_tools.embed.parts import PartWriter, forget_parts
from soundbite_tools.embed.renewal import recording_of
from soundbite_tools.embed.spending import TaskFigures, check_budget
from soundbite_tools.embed.uploads import earlier_upload, ready_asset, remove_upload
from soundbite_tools.embed.writing import Answer, finish, write
from soundbite_tools.errors import RecordingRemoved, WorkFailed
from soundbite_tools.sources.recordings import is_live

if TYPE_CHECKING:
    from soundbite_api import AudioInput, EmbeddingData, EmbeddingMetadata, EmbeddingTask, TaskAnswer
    from soundbite_store import Asset, Task
    from soundbite_tools.embed.registry import Registry
    from soundbite_tools.embed.uploads import Upload
    from soundbite_tools.library import Library


Report = Callable[[str, float], Awaitable[None]]

_SAME_SEC = 0.5
_LISTED = 50
# Clocks differ; tasks that the ledger knows are left out anyway.
_LOOKED_BACK = timedelta(hours=1)
_EMBEDDED_POLLS = PollPolicy(first_s=0.1, longest_s=2.0)

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 900.0


async def embed_upload(
    library: Library, task: Task, params: EmbedParams, upload: Upload, report: Report, parts: PartWriter
) -> Answer:
    """Return the embeddings of an asset: at once where it is short, else as a task of the platform.

    Raises:
        PlatformError, WorkFailed, StoreError: it could not be embedded.
    """
    start_sec, end_sec = params.window(upload.duration_sec)
    audio = await _with_words(library, task, params, _audio_input(params, upload))
    if library.client.embeds_at_once and 0.0 < end_sec - start_sec <= library.config.longest_sync_sec:
        await report("embedding", 0.1)
        try:
            sync = await library.client.embed_audio(audio)
            response = sync.response
            return _in_recording(Answer(response.data, response.metadata, sync.space, response.usage), upload)
        except (PlatformUnreachable, PlatformFault, MalformedResponse) as exc:
            if end_sec - start_sec < SHORTEST_TASK_SEC or exc.code == "wrong_dimension":
                raise
            # What became of it can't be known. A task can be found again, so the second try is one.
            log.info("Embedding at once failed, going on with a task: %s", exc.message)
    platform_task = await library.client.create_task(audio, recover=_finder(library, params, upload))
    await (await library.ledger()).update_task(task.task_id, platform_task_id=platform_task.id)
    return await follow(library, platform_task.id, params, upload, report, parts)


async def follow(
    library: Library, platform_task_id: str, params: EmbedParams, upload: Upload, report: Report, parts: PartWriter
) -> Answer:
    """Return the embeddings of a task of the platform once it is ready; `parts` take what is done before.

    Raises:
        TaskFailed: the platform gave it up.
        NotFound: the platform does not know it any more.
        PlatformError, WorkFailed: it could not be followed to its end.
    """

    async def tell(answer: TaskAnswer) -> None:
        progress = answer.task.progress
        await report(progress.stage if progress else "embedding", 0.05 + 0.9 * progress.fraction if progress else 0.1)
        if not upload.is_cut:
            await parts.follow(platform_task_id, progress)

    polls = _EMBEDDED_POLLS if library.config.is_embedded else None
    start_sec = 0.0 if upload.is_cut else params.start_sec
    with anyio.move_on_after(library.config.longest_task_s):
        answer = await library.client.wait_for_task(platform_task_id, start_sec=start_sec, polls=polls, on_answer=tell)
        made = answer.task
        return _in_recording(Answer(made.data or [], made.metadata, answer.space, made.usage), upload)
    raise WorkFailed(
        f"The platform's task was not ready after {library.config.longest_task_s / 3600:g} hours.",
        "Call embed_audio again, with a shorter window (start_sec, end_sec) if the recording is long.",
        code="task_slow",
    )


def is_worth_repeating(error: PlatformError) -> bool:
    """Return whether the whole job may succeed a little later; a task that ended so has to be made anew."""
    return error.is_retryable or (isinstance(error, MalformedResponse) and error.code == "not_json")


def has_ended(error: PlatformError) -> bool:
    """Return whether the platform's task is over, so that following it again is of no use."""
    return isinstance(error, TaskFailed | NotFound)


async def _with_words(library: Library, task: Task, params: EmbedParams, audio: AudioInput) -> AudioInput:
    """Return the request with the words that were brought, for a platform that takes them."""
    if not (params.transcript and library.config.natural_segmentation):
        return audio
    brought = await (await library.ledger()).get_transcript(task.asset_id, BROUGHT + params.transcript)
    if brought is None:
        return audio
    words = [
        SpokenText(start=word.start_sec, end=word.end_sec, value=word.value, speaker=word.speaker)
        for word in brought.words
    ]
    return audio.model_copy(update={"spoken": words})


def _audio_input(params: EmbedParams, upload: Upload) -> AudioInput:
    if upload.is_cut:
        params = params.model_copy(update={"start_sec": 0.0, "end_sec": 0.0, "track": ""})
    return params.audio_input(MediaSource(asset_id=upload.id))


def _in_recording(answer: Answer, upload: Upload) -> Answer:
    """Return the answer with times of the recording, where only a window of it was uploaded."""
    if not upload.is_cut:
        return answer
    offset_sec = upload.offset_sec

    def moved(item: EmbeddingData) -> EmbeddingData:
        if item.start_sec is None or item.end_sec is None:
            return item
        return item.model_copy(update={"start_sec": item.start_sec + offset_sec, "end_sec": item.end_sec + offset_sec})

    # The length of what was uploaded is not that of the recording.
    about: EmbeddingMetadata | None = None
    return replace(answer, data=[moved(item) for item in answer.data], metadata=about)


def _finder(
    library: Library, params: EmbedParams, upload: Upload
) -> Callable[[], Awaitable[EmbeddingTask | None]] | None:
    """Return what looks for a task whose making was not answered, None where it could not be told from others."""
    if not upload.unique_name:
        return None
    audio, options = _audio_input(params, upload), set(params.embedding_option)

    async def find() -> EmbeddingTask | None:
        ledger = await library.ledger()
        page = await library.client.list_tasks(page_limit=_LISTED, started_at=datetime.now(UTC) - _LOOKED_BACK)
        for other in page.data:
            about = other.audio_embedding.metadata if other.audio_embedding else None
            if about is None or about.input_filename != upload.unique_name or other.status == "failed":
                continue
            is_same = abs((about.start_offset_sec or 0.0) - audio.start_sec) < _SAME_SEC and (
                audio.end_sec is None
                or about.end_offset_sec is None
                or abs(about.end_offset_sec - audio.end_sec) < _SAME_SEC
            )
            if is_same and about.options <= options and await ledger.find_task(other.id) is None:
                return other
        return None

    return find


async def embed(library: Library, registry: Registry, task: Task, report: Report) -> None:
    """Bring a task to `ready`: its clips are in the store before the ledger says so.

    What the platform says may pass is tried again from the step it failed at, a few times with growing pauses.

    Raises:
        PlatformError, StoreError, ToolProblem: it can't be brought there.
    """
    ledger = await library.ledger()
    asset = recording_of(task, await ledger.get_asset(task.asset_id))
    if await _is_written(library, task):
        await _end(library, task, asset, TaskFigures.of(task))
        return
    if asset is None:
        raise RecordingRemoved()
    if is_live(asset):
        asset = await follow_to_end(library, task, asset)
        task = await ledger.get_task(task.task_id) or task
        if await _is_written(library, task):
            await finish(library, task, TaskFigures.of(task))
            return
    params = EmbedParams.model_validate_json(task.params_json)
    if params.model != model_label(library.client.model_name):
        now = library.client.model_name
        raise WorkFailed(
            f"This was begun with {params.model or HOSTED_MODEL}, and SOUNDBITE_MODEL is {now}.",
            "Call embed_audio again.",
            code="other_model",
        )
    try:
        upload, answer = await _answer_patiently(library, registry, task, asset, params, report)
        await report("writing", 0.97)
        figures = await write(library, task, asset, params, answer, upload)
        registry.count(task.task_id, figures.seconds, may_refuse=False)
    except Exception:
        await forget_parts(library, task)
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
    rows = await store.count(Space(task.space, figures.dimension), ClipFilter(task_id=task.task_id))
    return rows >= figures.embedding_count


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
    parts = PartWriter(library, task, asset, params)
    if task.platform_task_id:
        upload = earlier_upload(library, task, asset, params)
        try:
            return upload, await follow(library, task.platform_task_id, params, upload, report, parts)
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
    return upload, await embed_upload(library, task, params, upload, report, parts)
