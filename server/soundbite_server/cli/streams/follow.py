"""soundbite add --follow: a file that is being written, searchable as it grows."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_server.cli.failures import INPUT_EXIT_CODE
from soundbite_server.cli.library import console, print_json_line

if TYPE_CHECKING:
    import anyio

    from soundbite_store import Task
    from soundbite_tools import EmbedRequest, Jobs, TaskResult

_LOOK_EVERY_S = 0.5
_ON_UNTIL_CTRL_C = "Listening; Ctrl-C ends it, and embeds the whole once more."


@asynccontextmanager
async def interruptions() -> AsyncIterator[anyio.Event]:
    """An event that the first Ctrl-C, or a request to terminate, sets; the second one ends the process as ever."""
    import anyio

    asked = anyio.Event()

    async def wait() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                asked.set()
                return

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        try:
            yield asked
        finally:
            group.cancel_scope.cancel()


async def follow_command(word: str, request: EmbedRequest, *, as_json: bool) -> None:
    """Follow the file of a path until it has ended, or until Ctrl-C.

    Raises:
        ToolProblem: it can't be followed.
    """
    import anyio

    from soundbite_server.cli.library import personal_jobs
    from soundbite_tools import begin_following

    path = Path(await anyio.Path(word).resolve())
    async with interruptions() as asked, personal_jobs([path]) as jobs:
        task = await begin_following(jobs.library, request.model_copy(update={"source": str(path)}))
        result = await follow_task(jobs, task, asked, as_json=as_json)
    if result.status == "failed":
        sys.exit(INPUT_EXIT_CODE)


async def follow_task(jobs: Jobs, task: Task, asked: anyio.Event | None, *, as_json: bool) -> TaskResult:
    """Say how far a recording is until it has ended, or until it is `asked` to stop, and return what it came to.

    Raises:
        ToolProblem: the library can't be read.
    """
    import anyio

    from soundbite_tools import LEFT_STAGE, TaskRequest, end_following, get_task

    jobs.start(task.task_id)
    if not as_json:
        console(stderr=True).print(_ON_UNTIL_CTRL_C, style="dim")
    until_sec, is_asked = 0.0, False
    while True:
        result = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=0.0))
        if result.status != "processing" or result.stage == LEFT_STAGE:
            break
        if result.searchable_until_sec > until_sec:
            until_sec = result.searchable_until_sec
            _tell(result, as_json=as_json)
        if asked and asked.is_set() and not is_asked:
            is_asked = True
            await end_following(jobs.library, task)
        with anyio.move_on_after(_LOOK_EVERY_S):
            await (asked.wait() if asked and not is_asked else anyio.sleep(_LOOK_EVERY_S))
    _tell_end(result, as_json=as_json)
    return result.model_copy(update={"searchable_until_sec": until_sec})


def _tell(result: TaskResult, *, as_json: bool) -> None:
    from soundbite_tools import clock

    if as_json:
        print_json_line(result.model_dump(mode="json"))
    else:
        until = clock(result.searchable_until_sec)
        console().print(f"{result.title}: searchable until {until}", markup=False)


def _tell_end(result: TaskResult, *, as_json: bool) -> None:
    from soundbite_tools import LEFT_STAGE, clock_length, count_of

    if as_json:
        print_json_line(result.model_dump(mode="json"))
        return
    out = console()
    if result.stage == LEFT_STAGE:
        out.print(f"{result.title} is still being written: the next start of Soundbite goes on with it.", markup=False)
    elif result.status == "failed":
        console(stderr=True).print(f"{result.title}: {result.error} {result.next_step}", markup=False, style="red")
    else:
        length = clock_length(result.audio_seconds)
        clips = count_of(result.clip_count, "clip")
        out.print(f"{result.title}: {clips}, {length}  {result.asset_id}", markup=False)
        for note in result.notes:
            out.print(f"  {note}", markup=False)
