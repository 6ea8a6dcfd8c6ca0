"""remove_audio: all that was made of a recording goes, whatever works on it, and nothing else does."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_platform import SPACE, ScriptedPlatform
from tool_calls import embed_audio, get_clip, get_task, list_audio, remove_audio, search_clips

from soundbite_store import ClipFilter, ClipStore, Ledger, Space, StoreBusy
from soundbite_tools import finish_scrubbing
from soundbite_tools.embed import writing
from soundbite_tools.errors import QuestionProblem, UnknownId, WorkFailed

OpenLibrary = Callable[..., Any]
THE_SPACE = Space(SPACE, 128)
BOUND_SEC = 20


async def _rows(library: Any, asset_id: str) -> int:
    rows: int = await (await library.store()).count(THE_SPACE, ClipFilter(asset_ids=(asset_id,)))
    return rows


async def test_a_removed_recording_leaves_nothing_behind_but_its_own_file(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        cut = Path((await get_clip(library, asset_id=task.asset_id, end_sec=2.0)).detail.path)
        result = await remove_audio(library, task.asset_id)
        assert await _rows(library, task.asset_id) == 0
        assert (await list_audio(library)).total_assets == 0
        assert await (await library.ledger()).transcripts_of(task.asset_id) == []
        with pytest.raises(UnknownId):
            await get_task(library, task.task_id)
    assert recording.is_file()
    assert not cut.exists()
    assert platform.assets == {}
    assert (result.is_removed, result.embeddings_removed, result.transcripts_removed) == (True, 6, 1)
    assert (result.tasks_removed, result.files_removed, result.uploads_removed) == (1, 1, 1)
    assert "not touched" in result.notes[0]


@pytest.mark.parametrize("held_at", ["before the sound is written", "before the recording is forgotten"])
async def test_a_clip_cut_while_its_recording_is_removed_is_not_left_behind(
    held_at: str, open_library: OpenLibrary, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        cut, forget = library.media_reader.cut, Ledger.forget_asset

        async def cut_and_removed(*args: Any) -> bytes:
            sound: bytes = await cut(*args)
            await remove_audio(library, task.asset_id)
            return sound

        async def cut_and_forgotten(ledger: Ledger, asset_id: str) -> Any:
            assert (await get_clip(library, asset_id=asset_id, end_sec=2.0)).sound
            return await forget(ledger, asset_id)

        if held_at == "before the sound is written":
            monkeypatch.setattr(library.media_reader, "cut", cut_and_removed)
            with pytest.raises(UnknownId, match="was removed"):
                await get_clip(library, asset_id=task.asset_id, end_sec=2.0)
        else:
            monkeypatch.setattr(Ledger, "forget_asset", cut_and_forgotten)
            assert (await remove_audio(library, task.asset_id)).files_removed == 1
    assert list((tmp_path / "home" / "clips").iterdir()) == []


async def test_other_recordings_stay(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        platform.says = ("the river is rising", "nobody saw it")
        kept = await embed_audio(library, recording.name)
        sound = await get_clip(library, asset_id=kept.asset_id, end_sec=2.0)
        platform.says = ("the cake is done", "")
        other = await embed_audio(library, write_wav(recording.with_name("memo.wav"), 12.0, level=2).name)
        await remove_audio(library, other.asset_id)
        found = await search_clips(library, "the cake and the river")
        assert {clip.asset_id for clip in found.clips} == {kept.asset_id}
        assert await _rows(library, kept.asset_id) == 6
    assert Path(sound.detail.path).is_file()


async def test_removing_again_is_harmless_and_says_that_there_was_nothing(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await remove_audio(library, task.asset_id)
        again = await remove_audio(library, task.asset_id)
    assert not again.is_removed
    assert "nothing was removed" in again.to_text()


async def test_no_id_is_no_recording(open_library: OpenLibrary) -> None:
    async with open_library() as library:
        with pytest.raises(QuestionProblem, match="No recording was named"):
            await remove_audio(library, " ")


async def test_a_removed_recording_can_be_embedded_again(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        first = await embed_audio(library, recording.name)
        await remove_audio(library, first.asset_id)
        second = await embed_audio(library, recording.name)
        assert (second.status, second.is_reused, second.asset_id) == ("ready", False, first.asset_id)
        assert await _rows(library, second.asset_id) == 6


async def test_the_copy_of_inline_audio_goes_too(open_library: OpenLibrary, recording: Path, tmp_path: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, base64_string=base64.b64encode(recording.read_bytes()).decode())
        assert list((tmp_path / "home" / "inline").iterdir())
        assert (await remove_audio(library, task.asset_id)).files_removed == 1
    assert not list((tmp_path / "home" / "inline").iterdir())


@pytest.mark.parametrize("route", ["POST assets", "GET embed-v2/tasks/id", "GET assets/id/transcription"])
async def test_a_job_under_way_is_stopped_first(
    route: str, open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at(route)
    async with open_library(longest_sync_sec=0.0) as library, asyncio.timeout(BOUND_SEC):
        call = asyncio.create_task(embed_audio(library, recording.name))
        await platform.reached[route].wait()
        (asset,) = (await list_audio(library)).assets
        result = await remove_audio(library, asset.asset_id)
        # Whoever waits hears of it one way or the other: as a failed task, or as one that is gone.
        with pytest.raises((WorkFailed, UnknownId)):
            await call
        assert result.is_removed
        assert await _rows(library, asset.asset_id) == 0
        assert (await list_audio(library)).total_assets == 0


async def test_a_job_of_another_process_is_stopped_first(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at("POST assets")
    async with open_library() as library, open_library() as other, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached["POST assets"].wait()
        assert (await remove_audio(other, begun.asset_id)).is_removed
        assert await (await library.ledger()).get_task(begun.task_id) is None
        assert await _rows(library, begun.asset_id) == 0


async def test_who_waits_for_a_recording_that_another_process_removes_is_told_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.stop_at("POST assets")
    async with open_library() as library, open_library() as other, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)

        async def removed(*_: object) -> None:
            await (await other.ledger()).forget_asset(begun.asset_id)

        with pytest.raises(UnknownId, match="The recording was removed"):
            await get_task(library, begun.task_id, wait_seconds=BOUND_SEC, on_progress=removed)


async def test_a_store_that_is_busy_is_not_taken_for_a_job(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> int:
        raise StoreBusy("Another process kept the ledger locked for too long: try again.")

    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        monkeypatch.setattr(ClipStore, "delete_asset", busy)
        with pytest.raises(WorkFailed, match="kept the ledger locked"):
            await remove_audio(library, task.asset_id)
        monkeypatch.undo()
        assert await finish_scrubbing(library) == ""
        assert await _rows(library, task.asset_id) == 0


async def test_a_job_that_gets_its_clips_in_at_the_last_moment_takes_them_back(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The moment between a job's last look at its task and its commit can't be hit from outside.
    forgotten = asyncio.Event()

    async def forget(library: Any, task: Any, figures: Any) -> None:
        await (await library.ledger()).forget_asset(task.asset_id)
        forgotten.set()

    monkeypatch.setattr(writing, "mark_ready", forget)
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        await forgotten.wait()
        await library.jobs.stop(begun.task_id)
        assert await (await library.store()).count(THE_SPACE) == 0


async def test_an_upload_that_the_platform_keeps_is_told(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        refused = httpx.Response(400, json={"code": "parameter_invalid", "message": "Not this one."})
        platform.problems["DELETE assets/id"] = [refused]
        result = await remove_audio(library, task.asset_id)
        assert await _rows(library, task.asset_id) == 0
    assert result.uploads_removed == 0
    assert "could not be deleted from the platform: Not this one." in result.notes[0]


async def test_an_asset_of_the_platform_is_not_ours_to_delete(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        mine = await library.client.create_asset_from_url("https://example.com/talk.mp3")
        task = await embed_audio(library, asset_id=mine.id)
        result = await remove_audio(library, task.asset_id)
    assert mine.id in platform.assets
    assert "stays on the platform" in result.notes[0]


async def test_two_removals_at_once_remove_once(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library, open_library() as other, asyncio.timeout(BOUND_SEC):
        task = await embed_audio(library, recording.name)
        results = await asyncio.gather(remove_audio(library, task.asset_id), remove_audio(other, task.asset_id))
        assert await _rows(library, task.asset_id) == 0
    assert sum(result.tasks_removed for result in results) == 1


async def test_a_removal_that_is_killed_is_finished_by_the_next_start(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for a process that is gone: nothing after it runs."""

    async def killed(*_: object) -> int:
        raise Killed

    asset_id = ""
    with contextlib.suppress(BaseExceptionGroup, Killed):
        async with open_library() as library:
            asset_id = (await embed_audio(library, recording.name)).asset_id
            monkeypatch.setattr(ClipStore, "delete_asset", killed)
            await remove_audio(library, asset_id)
    monkeypatch.undo()
    async with open_library() as library:
        assert (await list_audio(library)).total_assets == 0
        assert await finish_scrubbing(library) == ""
        assert await _rows(library, asset_id) == 0
        # The same sound again is another recording's: it is not taken for what was removed.
        again = await embed_audio(library, recording.name)
        assert await finish_scrubbing(library) == ""
        assert await _rows(library, again.asset_id) == 6


async def test_one_removal_after_the_other_leaves_the_library_time_for_other_work(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge, purges = ClipStore.purge, 0

    async def counted(store: ClipStore) -> None:
        nonlocal purges
        purges += 1
        await purge(store)

    async with open_library() as library:
        ids = []
        for number in range(3):
            copy = recording.with_name(f"{number}.wav")
            copy.write_bytes(recording.read_bytes() + bytes(number + 1))
            ids.append((await embed_audio(library, copy.name)).asset_id)
        ledger = await library.ledger()
        monkeypatch.setattr(ClipStore, "purge", counted)
        assert (await remove_audio(library, ids[0], wait_s=None)).notes[1:] == []
        assert [one.asset_id for one in await ledger.unscrubbed()] == [ids[0]]
        await remove_audio(library, ids[1], wait_s=120.0)
        assert (purges, await ledger.unscrubbed()) == (1, [])
        library.note_scrubbing(took_s=3600.0)
        result = await remove_audio(library, ids[2], wait_s=0.2)
        assert "still being scrubbed" in result.to_text()
        assert (purges, len(await ledger.unscrubbed())) == (1, 1)
        # Whoever ends, or asks for it, does not rest.
        assert await finish_scrubbing(library) == ""
        assert (purges, await ledger.unscrubbed()) == (2, [])
