"""Jobs outlive calls, processes and bad luck: nothing lost, nothing doubled."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import SPACE, ScriptedPlatform
from tool_calls import embed_audio, get_task, list_audio, search_clips

from soundbite_store import Space, StoreFull
from soundbite_tools.errors import EmptyLibrary, ToolProblem

OpenLibrary = Callable[..., Any]
THE_SPACE = Space(SPACE, 128)
BOUND_SEC = 20


async def _task_ids(library: Any) -> list[str]:
    return [asset.task_id for asset in (await list_audio(library)).assets]


async def test_a_call_answers_in_time_and_the_job_goes_on(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        assert begun.status == "processing"
        assert begun.task_id in begun.next_step
        await platform.reached["POST assets"].wait()
        go_on.set()
        assert (await get_task(library, begun.task_id, wait_seconds=BOUND_SEC)).status == "ready"


async def test_cancelling_the_waiting_call_leaves_the_job_alone(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        call = asyncio.create_task(embed_audio(library, recording.name))
        await platform.reached["POST assets"].wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go_on.set()
        (task_id,) = await _task_ids(library)
        assert (await get_task(library, task_id, wait_seconds=BOUND_SEC)).status == "ready"


async def test_two_calls_at_once_for_one_recording_share_one_task(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        one, two = await asyncio.gather(*(embed_audio(library, recording.name) for _ in range(2)))
    assert one.task_id == two.task_id
    assert len(platform.requests) == 1


@pytest.mark.parametrize(
    "route",
    ["POST assets", "GET assets/id", "POST embed-v2/tasks", "GET embed-v2/tasks/id", "GET assets/id/transcription"],
)
async def test_a_job_stopped_at_any_call_is_finished_after_the_next_start_without_being_asked(
    route: str, open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at(route)
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached[route].wait()
    platform.stops.clear()
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        # Only the ledger is looked at: get_task would start a job by itself.
        await library.jobs.wait(begun.task_id, BOUND_SEC)
        assert (await get_task(library, begun.task_id)).status == "ready"
        assert await (await library.store()).count(THE_SPACE) == 6


async def test_a_platform_task_that_runs_already_is_not_submitted_again(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at("GET embed-v2/tasks/id")
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached["GET embed-v2/tasks/id"].wait()
    platform.stops.clear()
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        assert (await library.jobs.wait(begun.task_id, BOUND_SEC)).status == "ready"
    assert platform.calls["POST embed-v2/tasks"] == 1
    assert platform.calls["POST assets"] == 1


async def test_a_platform_task_that_was_forgotten_is_submitted_again(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at("GET embed-v2/tasks/id")
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached["GET embed-v2/tasks/id"].wait()
    platform.stops.clear()
    platform.tasks.clear()
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        assert (await library.jobs.wait(begun.task_id, BOUND_SEC)).status == "ready"
    assert platform.calls["POST embed-v2/tasks"] == 2


async def test_clips_written_before_the_end_are_not_computed_again(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        # As if it had been killed after the commit and before the ledger said ready.
        await (await library.ledger()).update_task(task.task_id, status="processing")
    asked = platform.calls.total()
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        assert (await library.jobs.wait(task.task_id, BOUND_SEC)).status == "ready"
        assert await (await library.store()).count(THE_SPACE) == 6
    assert platform.calls.total() == asked


async def test_whoever_waits_for_a_job_that_a_full_store_ended_is_told_and_may_ask_again(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        ledger = await library.ledger()
        write, full = ledger.update_task, [True]

        async def write_where_there_is_room(*args: Any, **changes: Any) -> Any:
            if full:
                raise StoreFull("The disk that holds the ledger is full: free some space and try again.")
            return await write(*args, **changes)

        monkeypatch.setattr(ledger, "update_task", write_where_there_is_room)
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        with pytest.raises(ToolProblem, match="free some space"):
            await get_task(library, begun.task_id, wait_seconds=BOUND_SEC)
        look = library.jobs._task

        async def look_once_the_job_has_ended(task_id: str) -> Any:
            while library.jobs.is_busy:
                await asyncio.sleep(0.01)
            return await look(task_id)

        monkeypatch.setattr(library.jobs, "_task", look_once_the_job_has_ended)
        with pytest.raises(ToolProblem, match="free some space"):
            await get_task(library, begun.task_id, wait_seconds=BOUND_SEC)
        monkeypatch.setattr(library.jobs, "_task", look)
        assert (await get_task(library, begun.task_id)).status == "processing"
        full.clear()
        assert (await get_task(library, begun.task_id, wait_seconds=BOUND_SEC)).status == "ready"


async def test_a_task_that_another_process_runs_is_left_to_it(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached["POST assets"].wait()
        async with open_library() as other:
            await other.jobs.resume_unfinished()
            seen = asyncio.create_task(other.jobs.wait(begun.task_id, BOUND_SEC))
            go_on.set()
            assert (await seen).status == "ready"
            assert not other.jobs._changed, "what was waited for is kept"
    assert platform.calls["POST assets"] == 1
    assert len(platform.requests) == 1


async def test_a_file_that_changed_before_its_turn_fails_its_task_with_the_reason(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, write_wav: Callable[..., Path]
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library(jobs_at_once=1) as library, asyncio.timeout(BOUND_SEC):
        await embed_audio(library, str(write_wav(recording.with_name("first.wav"), 3.0, level=5)), wait_seconds=0)
        await platform.reached["POST assets"].wait()
        waiting = await embed_audio(library, recording.name, wait_seconds=0)
        write_wav(recording, 3.0, level=3)
        go_on.set()
        ended = await get_task(library, waiting.task_id, wait_seconds=BOUND_SEC)
    assert ended.status == "failed"
    assert "changed or went away" in ended.error


async def test_a_task_of_another_platform_is_not_waited_for(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at("POST assets")
    async with open_library(platform="https://elsewhere.example/v1") as other:
        begun = await embed_audio(other, recording.name, wait_seconds=0)
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        task = await get_task(library, begun.task_id, wait_seconds=25)
        with pytest.raises(EmptyLibrary):
            await search_clips(library, "river")
    assert task.status == "processing"
    assert "another platform" in task.notes[0]
    assert task.next_step.startswith("Call embed_audio")
