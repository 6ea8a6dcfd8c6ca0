"""get_clip: the words and the sound of a range, or the words and why there is no sound."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, get_clip, search_clips

from soundbite_tools.errors import QuestionProblem, ToolProblem, UnknownId
from soundbite_tools.read.contents import contents_of

OpenLibrary = Callable[..., Any]


async def test_a_clip_brings_its_words_and_a_small_file(
    open_library: OpenLibrary, recording: Path, tmp_path: Path
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name, title="Log")
        clip_id = (await search_clips(library, "the cake is done")).clips[0].clip_id
        found = await get_clip(library, clip_id, audio_format="wav")
    detail = found.detail
    assert (detail.clip_id, detail.text, detail.time_range) == (clip_id, "the cake is done", "00:06-00:12")
    assert Path(detail.path).is_relative_to(tmp_path / "home")
    assert detail.audio_bytes == len(found.sound) == 48_000
    assert found.mime_type == "audio/wav"


async def test_a_range_is_cut_exactly_and_has_an_id_of_its_own(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        found = await get_clip(library, asset_id=task.asset_id, start_sec=5.5, end_sec=11.0)
        again = await get_clip(library, found.detail.clip_id)
    assert (found.detail.start_sec, found.detail.end_sec) == (5.5, 11.0)
    assert found.detail.clip_id == f"{task.asset_id}.5500-11000"
    assert again == found
    assert found.detail.text == "the cake is done"
    assert len(found.sound) == 44_000


async def test_a_range_of_several_clips_is_the_same_in_search_and_by_its_id_and_by_its_times(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ("the cake was baked today", "and the cake is done now")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        [found] = (await search_clips(library, "the cake")).clips
        assert (found.start_sec, found.end_sec) == (0.0, 12.0)
        by_id = (await get_clip(library, found.clip_id)).detail
        times = {"start_sec": found.start_sec, "end_sec": found.end_sec}
        assert by_id == (await get_clip(library, asset_id=task.asset_id, **times)).detail
        assert (by_id.clip_id, by_id.text, by_id.time_range) == (found.clip_id, found.text, found.time_range)
        single = (await get_clip(library, asset_id=task.asset_id, start_sec=0.0, end_sec=6.0)).detail
        assert single.clip_id.startswith("c_")
        assert single == (await get_clip(library, single.clip_id)).detail
        assert (await search_clips(library, like=found.clip_id)).clips == []  # all there is is the example itself
        assert [clip.clip_id for clip in (await search_clips(library, like=single.clip_id)).clips] != []
        with pytest.raises(ToolProblem, match="There is no clip"):
            await get_clip(library, "a_00000000000000000000.0-12000")


async def test_a_clip_says_what_is_heard_in_it(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.hears = ("rain", "thunder")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        found = await get_clip(library, asset_id=task.asset_id)
    assert found.detail.sounds == "rain; thunder"


async def test_what_was_embedded_again_is_shown_as_it_was_heard_last(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.hears, platform.says = ("rain",), ("the reefer is rising",)
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
    platform.space, platform.hears, platform.says = "scripted-2", ("hail",), ("the river is rising",)
    async with open_library() as library:
        await embed_audio(library, recording.name)
        clip_id = (await search_clips(library, "river")).clips[0].clip_id
        assert (await get_clip(library, clip_id)).detail.sounds == "hail"
        assert (await get_clip(library, asset_id=task.asset_id)).detail.sounds == "hail"
        asset = await (await library.ledger()).get_asset(task.asset_id)
        assert asset is not None
        contents = await contents_of(library, asset)
    assert contents.space is not None
    assert contents.space.id == "scripted-2"
    assert [clip.transcript for clip in contents.clips if clip.transcript] == ["the river is rising"]


async def test_a_recording_of_unknown_length_has_clips_whose_end_is_named(
    open_library: OpenLibrary, platform: ScriptedPlatform
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library() as library:
        task = await embed_audio(library, url="https://example.com/talk.mp3?signature=secret", wait_seconds=0)
        assert task.source == "https://example.com/talk.mp3?…"
        with pytest.raises(QuestionProblem, match="known once it is embedded"):
            await get_clip(library, asset_id=task.asset_id)
        with pytest.raises(QuestionProblem, match=r"from 5 to 3 s\. Give"):
            await get_clip(library, asset_id=task.asset_id, start_sec=5.0, end_sec=3.0)
        assert (await get_clip(library, asset_id=task.asset_id, end_sec=3.0)).detail.time_range == "00:00-00:03"
        go_on.set()


async def test_a_whole_recording_is_a_range(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        found = await get_clip(library, asset_id=task.asset_id)
    assert found.detail.time_range == "00:00-00:12"
    assert found.detail.text == "the river is rising the cake is done"


@pytest.mark.parametrize("times", ["0-0", "5000-0", "3000-3000", "4000-2000"])
async def test_an_id_of_a_range_without_a_length_is_refused(
    times: str, open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        with pytest.raises(UnknownId, match="no clip"):
            await get_clip(library, f"{task.asset_id}.{times}")


async def test_a_range_beside_a_clip_is_said_to_be_left_out(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        clip_id = (await search_clips(library, "the cake is done")).clips[0].clip_id
        found = await get_clip(library, clip_id, start_sec=7.0, end_sec=9.0)
    assert (found.detail.start_sec, found.detail.end_sec) == (6.0, 12.0)
    assert "go with asset_id" in found.detail.notes[0]


async def test_sound_that_can_not_be_written_is_returned_all_the_same(
    open_library: OpenLibrary, recording: Path, tmp_path: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        (tmp_path / "home").mkdir(exist_ok=True)
        (tmp_path / "home" / "clips").write_text("a file where the folder should be")
        found = await get_clip(library, asset_id=task.asset_id, end_sec=2.0, audio_format="wav")
    assert len(found.sound) == found.detail.audio_bytes == 16_000
    assert (found.detail.path, found.detail.audio_format) == ("", "wav")
    assert "can't be written to a file" in found.detail.notes[0]


async def test_a_clip_is_cut_once(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        first = await get_clip(library, asset_id=task.asset_id, end_sec=3.0)
        before = await anyio.Path(first.detail.path).stat()
        second = await get_clip(library, asset_id=task.asset_id, end_sec=3.0)
        assert (await anyio.Path(second.detail.path).stat()).st_ino == before.st_ino  # a new cut is a new file
    assert second.sound == first.sound


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_recording_that_is_gone_or_changed_still_gives_its_words(
    is_gone: bool, open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path]
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await anyio.Path(recording).unlink() if is_gone else write_wav(recording, 3.0)
        found = await get_clip(library, asset_id=task.asset_id, end_sec=6.0)
    assert found.detail.text == "the river is rising"
    assert (found.sound, found.detail.path) == (b"", "")
    until = "`soundbite relink FOLDER` finds the file" if is_gone else "it is added again"
    assert f"until {until}" in found.detail.notes[0]


async def test_a_recording_that_is_not_on_this_machine_gives_its_words(
    open_library: OpenLibrary, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, url="https://example.com/talk.mp3")
        found = await get_clip(library, asset_id=task.asset_id, end_sec=6.0)
    assert found.detail.text == "the river is rising"
    assert "came from a link and its sound is not kept on this machine" in found.detail.notes[0]


async def test_a_recording_from_a_link_is_played_where_the_platform_keeps_it_on_this_machine(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, url="https://example.com/talk.mp3")
        (kept,) = platform.assets
        library.media_reader.files[kept] = recording
        found = await get_clip(library, asset_id=task.asset_id, end_sec=6.0, audio_format="wav")
    assert len(found.sound) == 48_000
    assert found.detail.notes == []


async def test_more_sound_than_fits_is_not_sent(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library(largest_clip_bytes=1000) as library:
        task = await embed_audio(library, recording.name)
        found = await get_clip(library, asset_id=task.asset_id)
    assert found.sound == b""
    assert "shorter range" in found.detail.notes[0]


async def test_a_long_range_is_cut_short_and_says_so(
    open_library: OpenLibrary, platform: ScriptedPlatform, tmp_path: Path, write_wav: Callable[..., Path]
) -> None:
    platform.duration = 200.0
    write_wav(tmp_path / "audio" / "long.wav", 200.0)
    async with open_library(longest_sync_sec=300.0) as library:
        task = await embed_audio(library, "long.wav")
        found = await get_clip(library, asset_id=task.asset_id, start_sec=10.0)
    assert (found.detail.start_sec, found.detail.end_sec) == (10.0, 130.0)
    assert "at most 120 seconds" in found.detail.notes[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, QuestionProblem),
        ({"clip_id": "c_1", "asset_id": "a_1"}, QuestionProblem),
        ({"clip_id": "c_unknown"}, UnknownId),
        ({"asset_id": "a_unknown"}, UnknownId),
    ],
)
async def test_what_names_no_clip_is_refused(
    given: dict[str, str], problem: type[ToolProblem], open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        with pytest.raises(problem):
            await get_clip(library, **given)


@pytest.mark.parametrize(("start", "end"), [(12.0, 0.0), (6.0, 6.0), (6.0, 6.00001), (8.0, 3.0)])
async def test_a_range_that_is_not_in_the_recording_is_refused(
    start: float, end: float, open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        with pytest.raises(QuestionProblem, match=r"12\.00 seconds"):
            await get_clip(library, asset_id=task.asset_id, start_sec=start, end_sec=end)
