"""What a caller may have embedded: counted as it is begun, once, whatever becomes of the call."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, get_task, list_audio

from soundbite_server.http.callers import AudioAllowance, LimitReached, Limits
from soundbite_store import Ledger, StoreBusy
from soundbite_tools.errors import ToolProblem
from soundbite_tools.library import UrlRules

OpenLibrary = Callable[..., Any]
PUBLIC = UrlRules(mode="public")
AT_ONCE = "POST embed-v2"


@pytest.fixture
def minute() -> AudioAllowance:
    """A minute an hour, ten seconds of which are left."""
    limits = Limits(calls_per_minute=0, audio_minutes_per_hour=1, clock=lambda: 0.0)
    limits.count_audio("ann", 50.0)
    allowance = limits.audio_of("ann")
    assert allowance
    return allowance


@pytest.fixture
def others(recording: Path) -> list[Path]:
    """Two more recordings of twelve seconds."""
    made = []
    for name in (b"one", b"two"):
        path = recording.with_name(f"{name.decode()}.wav")
        shutil.copy(recording, path)
        sound = bytearray(path.read_bytes())
        sound[-3:] = name
        path.write_bytes(sound)
        made.append(path)
    return made


async def test_calls_at_once_do_not_all_take_the_same_rest(
    open_library: OpenLibrary, recording: Path, others: list[Path], platform: ScriptedPlatform, minute: AudioAllowance
) -> None:
    platform.stop_at(AT_ONCE)
    async with open_library(file_urls=False) as library:
        calls = (embed_audio(library, path.name, wait_seconds=0, allowance=minute) for path in [recording, *others])
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(each, LimitReached) for each in answers) == 2
        assert (await list_audio(library)).total_assets == 1


async def test_a_call_that_its_client_gave_up_has_counted(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, minute: AudioAllowance
) -> None:
    platform.stop_at(AT_ONCE)

    async def call() -> None:
        await embed_audio(library, recording.name, allowance=minute)

    async with open_library() as library, anyio.create_task_group() as group:
        group.start_soon(call)
        async with asyncio.timeout(20):
            await platform.reached[AT_ONCE].wait()
        group.cancel_scope.cancel()
    with pytest.raises(LimitReached):
        minute.check()


async def test_a_call_given_up_as_its_task_is_made_has_counted(
    open_library: OpenLibrary, recording: Path, minute: AudioAllowance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Ledger.create_task

    async def made_and_given_up(*args: Any, **more: Any) -> Any:
        call.cancel()
        return await made(*args, **more)

    monkeypatch.setattr(Ledger, "create_task", made_and_given_up)
    async with open_library() as library:
        with anyio.CancelScope() as call:
            await embed_audio(library, recording.name, allowance=minute)
        assert len(await (await library.ledger()).unfinished_tasks()) == 1
    with pytest.raises(LimitReached):
        minute.check()


async def test_what_is_there_or_under_way_already_is_had_though_nothing_is_left(
    open_library: OpenLibrary, recording: Path, others: list[Path], platform: ScriptedPlatform, minute: AudioAllowance
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name, allowance=minute)
        assert (await embed_audio(library, recording.name, allowance=minute)).is_reused
        platform.stop_at(AT_ONCE)
        begun = await embed_audio(library, others[0].name, wait_seconds=0)
        same = await embed_audio(library, others[0].name, wait_seconds=0, allowance=minute)
        assert same.task_id == begun.task_id
        with pytest.raises(LimitReached):
            await embed_audio(library, others[1].name, allowance=minute)
        assert (await list_audio(library)).total_assets == 2


async def test_a_start_that_failed_has_not_counted(
    open_library: OpenLibrary, recording: Path, minute: AudioAllowance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: Any, **__: Any) -> Any:
        raise StoreBusy("the ledger is busy")

    async with open_library() as library:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "create_task", busy)
            with pytest.raises(ToolProblem):
                await embed_audio(library, recording.name, allowance=minute)
        minute.check()
        assert (await embed_audio(library, recording.name, allowance=minute)).status == "ready"


async def test_a_link_counts_once_its_length_is_known_and_is_refused_where_nothing_is_left_then(
    open_library: OpenLibrary, platform: ScriptedPlatform, minute: AudioAllowance
) -> None:
    go_on = platform.stop_at("GET assets/id")
    async with open_library(urls=PUBLIC, jobs_at_once=1) as library:
        links = [f"https://93.184.216.34/{name}.wav" for name in ("one", "two")]
        begun = [await embed_audio(library, link, wait_seconds=0, allowance=minute) for link in links]
        go_on.set()
        ended = [await get_task(library, task.task_id, wait_seconds=20) for task in begun]
    assert [(task.status, task.error_code) for task in ended] == [("ready", ""), ("failed", "limit_reached")]


async def test_a_link_whose_length_the_platform_never_tells_counts_what_was_embedded(
    open_library: OpenLibrary, platform: ScriptedPlatform, minute: AudioAllowance, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ScriptedPlatform._get_assets_id

    def untold(self: ScriptedPlatform, request: Any) -> Any:
        platform.duration, known = 0.0, platform.duration
        try:
            return told(self, request)
        finally:
            platform.duration = known

    monkeypatch.setattr(ScriptedPlatform, "_get_assets_id", untold)
    async with open_library(urls=PUBLIC) as library:
        result = await embed_audio(library, "https://93.184.216.34/one.wav", allowance=minute)
        assert (result.status, result.audio_seconds) == ("ready", 12.0)
    with pytest.raises(LimitReached):
        minute.check()
