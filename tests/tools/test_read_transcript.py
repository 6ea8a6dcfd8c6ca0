"""read_transcript: sentences with times, page by page, none lost and none twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import correct_transcript, embed_audio, get_clip, read_transcript, search_clips

from soundbite_tools.errors import QuestionProblem, UnknownId
from soundbite_tools.read.formats import as_markdown
from soundbite_tools.speakers import transcript_of_recording
from soundbite_tools.text import fits, number

OpenLibrary = Callable[..., Any]


async def test_a_recording_is_read_with_its_times(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name, title="Log")
        result = await read_transcript(library, task.asset_id)
    assert [(line.time_range, line.text) for line in result.lines] == [
        ("00:00-00:01", "the river is rising"),
        ("00:06-00:07", "the cake is done"),
    ]
    assert (result.time_range, result.next_step) == ("00:00-00:12", "")


async def test_the_platforms_speakers_are_kept_and_named(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.speakers = ("0", "1")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        read = await read_transcript(library, task.asset_id)
        (best, *_) = (await search_clips(library, query="the cake is done", modality="speech")).clips
        clip = (await get_clip(library, clip_id=best.clip_id)).detail
    assert [line.speaker for line in read.lines] == ["Speaker 0", "Speaker 1"]
    assert 's] Speaker 1: "the cake is done"' in read.to_text()
    assert (best.text, best.speaker, clip.speaker) == ("the cake is done", "Speaker 1", "Speaker 1")


async def test_words_that_may_be_misheard_are_named_until_somebody_corrects_them(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.doubts = ("the", "cake")  # whether it was "the" or "a" tells nothing
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        read = await read_transcript(library, task.asset_id)
        (best, *_) = (await search_clips(library, query="the cake is done", modality="speech")).clips
        clip = (await get_clip(library, clip_id=best.clip_id)).detail
        await correct_transcript(library, asset_id=task.asset_id, old_text="the cake", new_text="the cake")
        (sure, *_) = (await search_clips(library, query="the cake is done", modality="speech")).clips
        read_again = await read_transcript(library, task.asset_id)
    assert [line.unsure for line in read.lines] == [[], ["cake"]]
    assert (best.unsure, clip.unsure, sure.unsure) == (["cake"], ["cake"], [])
    assert '"the cake is done" (unsure: "cake")' in read.to_text()
    assert [line.unsure for line in read_again.lines] == [[], []]
    assert not read.notes


async def test_a_transcript_of_which_most_may_be_misheard_says_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.doubts = ("the", "river", "is", "rising", "cake")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        (note,) = (await read_transcript(library, task.asset_id)).notes
        asset = await (await library.ledger()).get_asset(task.asset_id)
        transcript = await transcript_of_recording(library, task.asset_id)
    assert "may be misheard" in note
    assert note in as_markdown(asset, transcript).replace('\\"', '"')


async def test_one_who_speaks_alone_is_not_named(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.speakers = ("0", "0")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        read = await read_transcript(library, task.asset_id)
        (best, *_) = (await search_clips(library, query="the cake is done", modality="speech")).clips
    assert {line.speaker for line in read.lines} | {best.speaker} == {""}


async def test_a_range_is_read_by_itself(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        late = await read_transcript(library, task.asset_id, start_sec=5.0)
        silent = await read_transcript(library, task.asset_id, start_sec=2.0, end_sec=4.0)
        beyond = await read_transcript(library, task.asset_id, start_sec=5.0, end_sec=1000.0)
    assert [line.text for line in late.lines] == ["the cake is done"]
    assert beyond == late
    assert (silent.lines, silent.notes) == ([], ["Nothing is said there."])


async def test_a_window_is_read_without_a_transcript_of_the_rest_and_keeps_what_is_known_of_it(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        asked = platform.calls["GET assets/id/transcription"]
        platform.window_words = "the cake is ready"
        task = await embed_audio(library, recording.name, start_sec=6.0)
        result = await read_transcript(library, task.asset_id)
    assert platform.calls["GET assets/id/transcription"] == asked
    assert [line.text for line in result.lines] == ["the river is rising", "the cake is ready"]


async def test_a_long_transcript_comes_in_pages_that_fit_and_meet(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.duration = 1200.0
    platform.says = tuple(f"{'言葉' * 100} number {n}" for n in range(200))
    async with open_library(longest_sync_sec=2000.0) as library:
        task = await embed_audio(library, recording.name)
        pages, start_sec = [], 0.0
        while True:
            page = await read_transcript(library, task.asset_id, start_sec=start_sec)
            assert fits(page)
            pages.append(page)
            if not page.next_step:
                break
            assert f"start_sec={number(page.end_sec)}" in page.next_step
            start_sec = page.end_sec
    assert len(pages) > 2
    read = [line.text.rpartition(" ")[2] for page in pages for line in page.lines]
    assert read == [str(n) for n in range(200)]


async def test_a_recording_embedded_by_its_sound_alone_has_no_transcript(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name, embedding_option=["audio"])
        with pytest.raises(QuestionProblem, match="embedding_option transcription"):
            await read_transcript(library, task.asset_id)


async def test_an_unknown_recording_and_an_empty_range_are_refused(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        with pytest.raises(UnknownId, match="list_audio"):
            await read_transcript(library, "a_unknown")
        with pytest.raises(QuestionProblem, match="seconds long"):
            await read_transcript(library, task.asset_id, start_sec=12.0)
