"""remove_audio: forget a recording and all that was made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import StoreBusy, StoreError
from soundbite_tools.embed.copies import here, is_ours
from soundbite_tools.embed.results import RemovalResult
from soundbite_tools.errors import QuestionProblem, RecordingRemoved, WorkFailed, raises_problems
from soundbite_tools.housekeeping import (
    SCRUBBING_WAIT_S,
    delete_clips,
    delete_upload,
    remove_cut_sound,
    scrub_soon,
    uploads_of,
)
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
async def remove_audio(jobs: Jobs, request: RemoveRequest, *, wait_s: float | None = SCRUBBING_WAIT_S) -> RemovalResult:
    """Remove a recording: its clips, transcripts, tasks, cached sound, and the upload where we made it.

    The file it came from is left alone; of the rest nothing is left in any file of the library. A job that embeds it is
    stopped first, in whichever process it runs. The same call again is harmless and says that there was nothing to
    remove; so does one that follows an interrupted one, which it completes. What takes longer than `wait_s` seconds
    goes on in the background; with None the files are left to a call that scrubs them, as `finish_scrubbing` does.

    Raises:
        ToolProblem: no id was given, or the recording is still being embedded elsewhere.
    """
    named = request.asset_id
    if not named:
        raise QuestionProblem("No recording was named.", "Give an asset_id of list_audio.")
    library = jobs.library
    ledger = await library.ledger()
    asset = await ledger.get_asset(named)
    tasks = await ledger.list_tasks(None, asset_id=named)
    async with _stop_jobs(jobs, tasks):
        uploads = await uploads_of(library, asset, tasks)
        notes = [note for upload in sorted(uploads) if (note := await delete_upload(library, upload))]
        home = library.config.home
        files = await anyio.to_thread.run_sync(_remove_files, home, asset, named)
        # The ledger comes first: it notes what is to be scrubbed, which deletes the clips too, should this be killed.
        forgotten = await ledger.forget_asset(named)
        try:
            rows = await delete_clips(library, named)
        except StoreError:
            await scrub_soon(jobs, 0.0)
            raise
        files += await anyio.to_thread.run_sync(_remove_files, home, None, named)  # cut before it was forgotten
    if wait_s is not None:
        notes += await scrub_soon(jobs, wait_s)
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


def _remove_files(home: Path, asset: Asset | None, asset_id: str) -> int:
    count = remove_cut_sound(home, asset_id)
    if asset is not None and asset.source_kind in ("file", "base64"):
        path = Path(here(home, asset).source_uri)
        if is_ours(home, path) and path.is_file():
            path.unlink(missing_ok=True)
            count += 1
    return count


def _notes(asset: Asset | None) -> list[str]:
    if asset is None:
        return []
    if asset.source_kind == "file":
        return ["The file it came from was not touched."]
    if asset.source_kind == "asset":
        return ["The asset stays on the platform it was taken from."]
    return []
