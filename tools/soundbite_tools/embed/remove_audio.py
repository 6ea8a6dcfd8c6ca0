"""remove_audio: forget a recording and all that was made of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_api import NotFound, PlatformError
from soundbite_store import ClipFilter, StoreBusy
from soundbite_tools.embed.results import RemovalResult
from soundbite_tools.errors import QuestionProblem, RecordingRemoved, WorkFailed, raises_problems, sentence
from soundbite_tools.text import quoted

if TYPE_CHECKING:
    from soundbite_store import Asset, Ledger, OwnerLock, Task
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.library import Library
    from soundbite_tools.requests import RemoveRequest

# Clients give up on calls that take much longer.
_LONGEST_WAIT_S = 15.0


@raises_problems
async def removal_question(library: Library, request: RemoveRequest) -> str:
    """Return what a user is asked before a recording is removed; empty where there is none to remove.

    Raises:
        WorkFailed: the ledger can't be read.
    """
    asset = await (await library.ledger()).get_asset(request.asset_id)
    if asset is None:
        return ""
    return f"Remove the recording {quoted(asset.title)} from the library for good? The file it came from is left alone."


@raises_problems
async def remove_audio(jobs: Jobs, request: RemoveRequest) -> RemovalResult:
    """Remove a recording: its clips, transcripts, tasks, cached sound, and the upload where we made it.

    The file it came from is left alone. A job that embeds it is stopped first, in whichever process it runs. The same
    call again is harmless and says that there was nothing to remove; so does one that follows an interrupted one,
    which it completes.

    Raises:
        ToolProblem: no id was given, or the recording is still being embedded elsewhere.
    """
    named = request.asset_id
    if not named:
        raise QuestionProblem("No recording was named.", "Give an asset_id of list_audio.")
    library = jobs.library
    ledger, store = await library.ledger(), await library.store()
    asset = await ledger.get_asset(named)
    tasks = await ledger.list_tasks(None, asset_id=named)
    async with _stop_jobs(jobs, tasks):
        uploads = await _uploads(library, asset, tasks)
        notes = [note for upload in sorted(uploads) if (note := await _delete_upload(library, upload))]
        home = library.config.home
        files = await anyio.to_thread.run_sync(_remove_files, home, asset, named)
        # The ledger comes last: until then the recording is listed, and can be removed again after a crash.
        rows = await store.delete_asset(named)
        if sharing := await library.sharing():
            await sharing.withdraw(named)
        forgotten = await ledger.forget_asset(named)
        if voices := await library.voices(is_erasing=True):
            await voices.erase_asset(named)
        rows += await _delete_late_rows(library, named)
        files += await anyio.to_thread.run_sync(_remove_files, home, None, named)  # cut before it was forgotten
    is_removed = bool(rows or files or forgotten.assets or forgotten.tasks or forgotten.transcripts)
    return RemovalResult(
        asset_id=named,
        title=asset.title if asset else "",
        is_removed=is_removed,
        embeddings_removed=rows,
        transcripts_removed=forgotten.transcripts,
        tasks_removed=forgotten.tasks,
        files_removed=files,
        uploads_removed=len(uploads) - len(notes),
        notes=notes + _notes(asset),
        next_step="" if is_removed else "Call list_audio for the ids of the recordings that are there.",
    )


@asynccontextmanager
async def _stop_jobs(jobs: Jobs, tasks: Sequence[Task]) -> AsyncIterator[None]:
    """Hold what runs the unfinished ones of these tasks, so that nothing works on the recording meanwhile."""
    ledger = await jobs.library.ledger()
    running = [task for task in tasks if task.status == "processing"]
    for task in running:
        await _mark_removed(ledger, task.task_id)
        jobs.notify(task.task_id)
        await jobs.stop(task.task_id)
    locks = [ledger.task_lock(task.task_id) for task in running]
    try:
        await _take(locks)
        yield
    finally:
        for lock in locks:
            await lock.release()


async def _mark_removed(ledger: Ledger, task_id: str) -> None:
    problem = RecordingRemoved()
    await ledger.update_task(
        task_id,
        status="failed",
        stage="",
        error_code=problem.code,
        error_message=problem.message,
        error_hint=problem.next_step,
    )


async def _take(locks: Sequence[OwnerLock]) -> None:
    try:
        for lock in locks:
            await lock.acquire(_LONGEST_WAIT_S / len(locks))
    except StoreBusy as exc:
        raise WorkFailed(
            "The recording is being embedded by another process, which has not stopped yet.",
            "Call remove_audio again in a few seconds.",
            code="still_embedding",
        ) from exc


async def _uploads(library: Library, asset: Asset | None, tasks: Iterable[Task]) -> set[str]:
    """Return what the platform calls the uploads that we made of a recording."""
    if asset is None or asset.source_kind == "asset":
        return set()
    platform, ledger = library.config.platform, await library.ledger()
    known = await ledger.platform_assets_of(asset.content_hash)
    named = {task.platform_asset_id for task in tasks if task.platform == platform and task.platform_asset_id}
    return named | {upload for where, upload in known if where == platform}


async def _delete_upload(library: Library, upload: str) -> str:
    """Delete an upload; returns a note where that could not be done."""
    try:
        await library.client.delete_asset(upload, is_forced=True)
    except NotFound:
        return ""
    except PlatformError as exc:
        return f"The upload {upload} could not be deleted from the platform: {sentence(exc.message)}"
    return ""


def _remove_files(home: Path, asset: Asset | None, asset_id: str) -> int:
    # As cut_sound names them; an id that only begins like this one does not match.
    cut = re.compile(re.escape(asset_id) + r"(-[0-9a-f]{1,8})?(-t(\d+|all))?-\d+-\d+\.[a-z0-9]+")
    clips = home / "clips"
    files = [path for path in clips.iterdir() if cut.fullmatch(path.name)] if clips.is_dir() else []
    if asset is not None and (asset.source_kind == "base64" or _is_made_here(home, asset)):
        files.append(Path(asset.source_uri))
    count = 0
    for path in files:
        if path.is_relative_to(home) and path.is_file():
            path.unlink(missing_ok=True)
            count += 1
    return count


def _is_made_here(home: Path, asset: Asset) -> bool:
    return asset.source_kind == "file" and Path(asset.source_uri).is_relative_to(home / "recordings")


async def _delete_late_rows(library: Library, asset_id: str) -> int:
    # A job that began after the tasks were listed may have got its clips in before its task was deleted.
    store, where = await library.store(), ClipFilter(asset_ids=(asset_id,))
    if any([await store.has_clips(info.space, where) for info in await store.spaces()]):
        return await store.delete_asset(asset_id)
    return 0


def _notes(asset: Asset | None) -> list[str]:
    if asset is None:
        return []
    if asset.source_kind == "file":
        return ["The file it came from was not touched."]
    if asset.source_kind == "asset":
        return ["The asset stays on the platform it was taken from."]
    return []
