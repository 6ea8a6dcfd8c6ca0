"""The tools on the hosted platform: what survives, what is asked once, what is cleaned up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tool_calls import embed_audio, get_task

from soundbite_api import SourceFile
from soundbite_engine import Engine, EngineConfig
from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import ToolProblem, UnknownId, WorkFailed

Open = Callable[..., Any]
Tone = Callable[..., Path]
BOUND_SEC = 25
MARENGO = Space("marengo3.0", 512)


async def embedded(library: Any, source: str, **parameters: Any) -> Any:
    task = await embed_audio(library, source, wait_seconds=BOUND_SEC, **parameters)
    assert task.status == "ready"
    return task


async def clip_times(library: Any, task_id: str) -> set[tuple[float, float]]:
    found = await (await library.store()).embeddings(MARENGO, ClipFilter(task_id=task_id), limit=100)
    return {(clip.start_sec, clip.end_sec) for clip in found if clip.embedding_scope == "clip"}


async def test_a_recording_becomes_an_asset_a_task_and_clips(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library() as library:
        task = await embedded(library, tone(14).name)
    assert (task.embedding_count, task.dimension, task.space) == (8, 512, "marengo3.0")
    assert task.seconds_embedded == pytest.approx(14)
    (asset,) = platform.assets.values()
    assert asset.filename.startswith("tone-")


async def test_a_job_that_was_stopped_goes_on_with_the_platforms_task(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 1 << 30
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, tone().name, wait_seconds=0)
        await platform.is_polled.wait()
    for task in platform.tasks.values():
        task.polls_left = 0
    async with open_library() as library:
        assert (await get_task(library, begun.task_id, wait_seconds=BOUND_SEC)).status == "ready"
    assert len(platform.tasks) == len(platform.assets) == 1


async def test_a_task_made_elsewhere_joins_the_library(open_library: Open, tone: Tone, platform: Any) -> None:
    platform.task_polls = 0
    task_id = platform.make_task("talk.wav", tone(20).read_bytes(), start_sec=6.0, end_sec=18.0)
    async with open_library() as library:
        task = await embed_audio(library, f"task:{task_id}", tags=["work"], wait_seconds=BOUND_SEC)
        assert (task.status, task.title, task.embedding_count, task.is_reused) == ("ready", "talk", 6, True)
        assert (task.start_sec, task.end_sec) == (6.0, 18.0)
        assert await clip_times(library, task.task_id) == {(6.0, 12.0), (12.0, 18.0)}
        asset = await (await library.ledger()).get_asset(task.asset_id)
        assert asset
        assert asset.tags == ("work",)
        platform.forget()
        looked = await get_task(library, task_id)
        again = await embed_audio(library, f"task:{task_id}", wait_seconds=BOUND_SEC)
    assert looked.task_id == again.task_id == task.task_id


async def test_a_task_made_elsewhere_is_taken_in_again_after_a_failure(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 0
    task_id = platform.make_task("talk.wav", tone(20).read_bytes())
    async with open_library() as library:
        first = await embed_audio(library, f"task:{task_id}", wait_seconds=BOUND_SEC)
        await (await library.ledger()).update_task(first.task_id, status="failed", error_message="The disk was full.")
        again = await embed_audio(library, f"task:{task_id}", wait_seconds=BOUND_SEC)
        assert again.status == "ready"
        assert again.task_id != first.task_id
        with pytest.raises(WorkFailed, match="The disk was full"):
            await embed_audio(library, f"task:{first.task_id}", wait_seconds=BOUND_SEC)


async def test_looking_at_a_task_made_elsewhere_keeps_nothing_and_says_what_takes_it_in(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 0
    task_id = platform.make_task("talk.wav", tone(20).read_bytes(), start_sec=6.0, end_sec=18.0)
    async with open_library() as library:
        task = await get_task(library, task_id, wait_seconds=BOUND_SEC)
        assert await (await library.ledger()).list_tasks(limit=1) == []
    assert (task.task_id, task.status, task.time_range) == (task_id, "ready", "00:06-00:18")
    assert f'embed_audio(source="task:{task_id}")' in task.next_step


async def test_a_task_made_elsewhere_that_is_not_ready_says_so(open_library: Open, tone: Tone, platform: Any) -> None:
    platform.task_polls = 1 << 30
    task_id = platform.make_task("talk.wav", tone().read_bytes())
    async with open_library() as library:
        task = await get_task(library, task_id)
        early = await embed_audio(library, f"task:{task_id}", wait_seconds=0)
        assert (task.status, task.task_id) == (early.status, early.task_id) == ("processing", task_id)
        platform.tasks[task_id].polls_left = 0
        assert (await get_task(library, task_id, wait_seconds=BOUND_SEC)).status == "ready"


async def test_a_task_that_failed_elsewhere_says_why(open_library: Open, tone: Tone, platform: Any) -> None:
    platform.failures = ["Content exceeds the model's context window."]
    platform.task_polls = 0
    task_id = platform.make_task("talk.wav", tone().read_bytes())
    async with open_library() as library:
        task = await get_task(library, task_id, wait_seconds=BOUND_SEC)
    assert (task.status, task.error) == ("failed", "Content exceeds the model's context window.")


async def test_an_id_that_nobody_knows_is_said_to_be_unknown(open_library: Open) -> None:
    async with open_library() as library:
        with pytest.raises(UnknownId, match="here or on the platform"):
            await get_task(library, "f" * 24)


async def test_results_outlive_the_platforms_seven_days(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library() as library:
        first = await embedded(library, tone().name)
        platform.forget()
        assert (await get_task(library, first.task_id, detail="embeddings")).embeddings
        again = await embedded(library, "tone.wav")
    assert (again.is_reused, again.seconds_saved) == (True, pytest.approx(12))
    assert not platform.tasks


async def test_equal_content_is_uploaded_once_while_its_asset_exists(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library() as library:
        await embedded(library, tone().name)
        await embedded(library, tone(name="copy.wav").name, segment_sec=4)
        assert platform.calls["POST assets"] == 1
        platform.assets.clear()
        await embedded(library, "copy.wav", segment_sec=3)
    assert platform.calls["POST assets"] == 2


async def test_uploads_are_removed_when_they_are_not_to_be_kept(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library(keep_assets=False) as library:
        await embedded(library, tone().name)
        assert not platform.assets
        platform.failures = ["The embedding request was invalid."]
        with pytest.raises(WorkFailed):
            await embedded(library, "tone.wav", segment_sec=4)
    assert not platform.assets


async def test_a_file_the_platform_can_not_read_fails_with_its_reason(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(upload_containers=frozenset({"wav", "ogg"})) as library:
        path = tone(5)
        ogg = path.with_suffix(".ogg")
        ogg.write_bytes(await library.media_reader.cut(SourceFile.at(path), 0, 5, "opus"))
        with pytest.raises(WorkFailed, match="not supported"):
            await embedded(library, ogg.name)


async def test_a_file_that_the_platform_could_not_read_is_sent_again_the_next_time(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.asset_failure = "Storage is unavailable."
    async with open_library() as library:
        with pytest.raises(WorkFailed, match="Storage is unavailable"):
            await embedded(library, tone().name)
        platform.asset_failure = ""
        await embedded(library, "tone.wav")
    assert platform.calls["POST assets"] == 2


async def test_an_upload_is_removed_after_a_kill_between_the_clips_and_the_end(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library() as library:
        task = await embedded(library, tone().name)
        # As if it had been killed after the commit and before the ledger said ready.
        await (await library.ledger()).update_task(task.task_id, status="processing")
    assert len(platform.assets) == 1
    async with open_library(keep_assets=False) as library, asyncio.timeout(BOUND_SEC):
        assert (await library.jobs.wait(task.task_id, BOUND_SEC)).status == "ready"
    assert not platform.assets


async def test_an_upload_is_not_removed_while_another_task_needs_it(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(keep_assets=False, jobs_at_once=1) as library, asyncio.timeout(BOUND_SEC):
        platform.task_polls = 1 << 30
        slow = await embed_audio(library, tone().name, wait_seconds=0)
        await platform.is_polled.wait()
        async with open_library(keep_assets=False) as other:
            platform.task_polls = 0
            await embedded(other, "tone.wav", segment_sec=4)
        assert len(platform.assets) == 1
        for task in platform.tasks.values():
            task.polls_left = 0
        assert (await get_task(library, slow.task_id, wait_seconds=BOUND_SEC)).status == "ready"
    assert not platform.assets


async def test_a_library_that_is_read_only_looks_at_a_task_made_elsewhere_and_keeps_nothing(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 0
    task_id = platform.make_task("talk.wav", tone(20).read_bytes(), start_sec=6.0, end_sec=18.0)
    async with open_library(is_read_only=True) as library:
        task = await get_task(library, task_id, wait_seconds=BOUND_SEC)
        assert await (await library.ledger()).list_tasks(limit=1) == []
    assert (task.task_id, task.status, task.time_range) == (task_id, "ready", "00:06-00:18")
    assert (task.embedding_count, task.dimension, task.space) == (6, 512, "marengo3.0")
    assert "read-only" in task.notes[0]


async def test_a_library_that_is_read_only_leaves_unfinished_tasks_alone(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 1 << 30
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, tone().name, wait_seconds=0)
        await platform.is_polled.wait()
    asked = platform.calls.total()
    async with open_library(is_read_only=True) as library:
        await library.jobs.resume_unfinished()
        task = await get_task(library, begun.task_id, wait_seconds=0.1)
    assert task.status == "processing"
    assert "one that may write goes on with it" in task.notes[-1]
    assert platform.calls.total() == asked


async def test_what_the_platform_says_may_pass_is_tried_again(open_library: Open, tone: Tone, platform: Any) -> None:
    platform.failures = ["The embedding service is temporarily unstable. Please try again later."] * 2
    async with open_library() as library:
        await embedded(library, tone().name)
    assert (len(platform.tasks), len(platform.assets)) == (3, 1)


@pytest.mark.parametrize(
    "message",
    [
        "The embedding task could not complete processing.",
        "The embedding request was invalid.",
        "The media exceeds the maximum allowed size for embedding.",
        "Content exceeds the model's context window.",
        "failed to fetch or materialize source media",
        "We could not process your media for embedding. Please verify the input file and try again.",
        "Duration (35.0 seconds) exceeds maximum limit of 30 seconds (0 minutes)",
    ],
)
async def test_what_will_not_pass_is_not_tried_again(
    message: str, open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.failures = [message]
    async with open_library() as library:
        with pytest.raises(ToolProblem) as caught:
            await embedded(library, tone().name)
    assert message.rstrip(".") in caught.value.message
    assert caught.value.next_step
    assert len(platform.tasks) == 1


class LosesOneAnswer(httpx.AsyncBaseTransport):
    """Loses the answer of the first call to a route, after the platform has done its work."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str) -> None:
        self._inner = inner
        self._path = path
        self.is_lost = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if not self.is_lost and request.method == "POST" and request.url.path.endswith(self._path):
            self.is_lost = True
            raise httpx.ReadTimeout("timed out", request=request)
        return answer


@pytest.mark.parametrize("path", ["/assets", "/embed-v2/tasks"])
async def test_what_was_made_before_its_answer_got_lost_is_found_and_not_made_twice(
    path: str, open_library: Open, tone: Tone, platform: Any
) -> None:
    line = LosesOneAnswer(httpx.ASGITransport(app=platform.app), path)
    async with open_library(line) as library:
        await embedded(library, tone().name)
    assert line.is_lost
    assert (len(platform.tasks), len(platform.assets)) == (1, 1)


async def test_a_task_of_our_engine_whose_answer_got_lost_is_found_while_it_is_in_the_making(
    open_library: Open, tone: Tone, tmp_path: Path
) -> None:
    async with Engine(EngineConfig(tmp_path / "engine", workers=1)) as engine:
        line = LosesOneAnswer(httpx.ASGITransport(app=engine.app), "/embed-v2/tasks")
        async with open_library(line) as library:
            task = await embedded(library, tone().name, embedding_option=["audio"])
            made = await library.client.list_tasks()
    assert line.is_lost
    assert task.embedding_count == 3
    assert made.page_info.total_results == 1


async def test_a_synchronous_call_whose_answer_got_lost_becomes_a_task(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    line = LosesOneAnswer(httpx.ASGITransport(app=platform.app), "/embed-v2")
    async with open_library(line, longest_sync_sec=600.0) as library:
        await embedded(library, tone().name)
    assert line.is_lost
    assert (platform.sync_calls, len(platform.tasks)) == (1, 1)


async def test_short_sound_is_embedded_at_once(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library(longest_sync_sec=600.0) as library:
        await embedded(library, tone().name)
    assert (platform.sync_calls, len(platform.tasks)) == (1, 0)
