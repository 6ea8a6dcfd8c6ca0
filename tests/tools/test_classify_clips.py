"""classify_clips over a scripted platform: the label that fits, or none, and sums that add up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import classify_clips, embed_audio

from soundbite_tools.errors import EmptyLibrary, QuestionProblem, UnknownId
from soundbite_tools.text import fits

OpenLibrary = Callable[..., Any]
NONE = "none of these"


async def test_each_clip_gets_the_label_that_fits_it_and_none_where_none_does(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        result = await classify_clips(library, ["river rising", "cake"], modality="speech", min_score=0.6)
    by_text = {clip.text: clip.label for clip in result.clips}
    assert by_text["the river is rising fast"] == "river rising"
    assert by_text["the cake is done"] == "cake"
    assert by_text["nobody saw the bridge move"] == NONE
    assert all((clip.label == NONE) == (clip.score == 0.0) for clip in result.clips)


async def test_sums_over_a_recording_add_up_to_its_length(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        log, memo = await two_recordings(library)
        result = await classify_clips(library, ["river rising", "cake"], per="asset", modality="speech", min_score=0.6)
    assert [asset.asset_id for asset in result.assets] == [memo, log]
    assert [asset.label for asset in result.assets] == ["cake", "river rising"]
    for asset in result.assets:
        assert sum(share.seconds for share in asset.labels) == 12.0
    assert sum(share.seconds for share in result.labels) == 24.0
    assert sum(share.share for share in result.labels) == pytest.approx(1.0)


async def test_sounds_are_labelled_by_what_is_heard(
    open_library: OpenLibrary, two_recordings: Callable[..., Any]
) -> None:
    async with open_library() as library:
        await two_recordings(library)
        result = await classify_clips(library, ["alarm", "river"], modality="sound")
    assert {clip.start_sec for clip in result.clips if clip.label == "alarm"} == {0.0}
    assert "river" in result.notes[0]
    assert "no sound" in result.notes[0]


async def test_filters_narrow_and_pages_go_on(open_library: OpenLibrary, two_recordings: Callable[..., Any]) -> None:
    async with open_library() as library:
        log, _ = await two_recordings(library)
        narrowed = await classify_clips(library, ["river"], tags=["work"])
        pages = [await classify_clips(library, ["river"], page=page, page_limit=3) for page in (1, 2)]
        past = await classify_clips(library, ["river"], page=3, page_limit=3)
    assert {clip.asset_id for clip in narrowed.clips} == {log}
    assert [len(page.clips) for page in pages] == [3, 1]
    assert "page=2" in pages[0].next_step
    assert "Page 3 is past the last" in past.next_step
    assert len({clip.clip_id for page in pages for clip in page.clips}) == 4


async def test_recordings_embedded_only_as_a_whole_or_only_fused_are_labelled_too(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name, embedding_scope=["asset"])
        whole = await classify_clips(library, ["river rising cake"], modality="speech")
        await embed_audio(library, recording.name, embedding_type=["fused_embedding"], embedding_scope=["clip"])
        fused = await classify_clips(library, ["river rising cake"])
    assert [clip.label for clip in whole.clips] == ["river rising cake"]
    assert len(fused.clips) == 2


async def test_a_page_of_many_labels_fits_an_answer(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.duration, platform.segment_sec = 600.0, 6.0
    platform.says = tuple(f"word{number} " * 60 for number in range(100))
    async with open_library() as library:
        await embed_audio(library, recording.name)
        result = await classify_clips(library, [f"word{number}" for number in range(30)], page_limit=50)
    assert len(result.clips) == 50
    assert fits(result)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["music", "  "], "holds no word"),
        (["Music", "music "], "given twice"),
        (["none of these"], "always among"),
    ],
)
async def test_labels_that_cannot_be_used_are_refused(
    open_library: OpenLibrary, recording: Path, labels: list[str], message: str
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        with pytest.raises(QuestionProblem, match=message):
            await classify_clips(library, labels)


async def test_an_empty_library_and_unknown_ids_are_said(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        with pytest.raises(EmptyLibrary):
            await classify_clips(library, ["music"])
        await embed_audio(library, recording.name)
        with pytest.raises(UnknownId):
            await classify_clips(library, ["music"], asset_ids=["a_nothing"])
