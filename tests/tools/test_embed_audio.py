"""embed_audio and get_task over a scripted platform: what is asked, kept, reused, and said."""

import asyncio
import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_platform import SPACE, ScriptedPlatform
from tool_calls import embed_audio, get_task, list_audio

from soundbite_api import SourceFile
from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import ToolProblem

OpenLibrary = Callable[..., Any]
THE_SPACE = Space(SPACE, 128)
BOUND_SEC = 20


async def test_a_short_recording_is_ready_in_one_call_with_counts_per_option_and_scope(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        result = await embed_audio(library, recording.name, title="Field log", tags=["River", "work"])
    assert result.status == "ready"
    assert (result.title, result.tags) == ("Field log", ["river", "work"])
    assert {(c.embedding_option, c.embedding_scope): c.count for c in result.embedding_counts} == {
        ("audio", "clip"): 2,
        ("transcription", "clip"): 2,
        ("audio", "asset"): 1,
        ("transcription", "asset"): 1,
    }
    assert (result.embedding_count, result.dimension, result.space) == (6, 128, SPACE)
    assert (result.audio_seconds, result.time_range) == (12.0, "00:00-00:12")


async def test_the_guide_defaults_are_sent(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library(natural_segmentation=False) as library:
        await embed_audio(library, recording.name)
    (sent,) = platform.requests
    assert sent["segmentation"] == {"strategy": "fixed", "fixed": {"duration_sec": 6}}
    assert sent["embedding_option"] == ["audio", "transcription"]
    assert sent["embedding_scope"] == ["clip", "asset"]
    assert sent["embedding_type"] == ["separate_embedding"]


async def test_every_parameter_reaches_the_platform(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        result = await embed_audio(
            library,
            recording.name,
            start_sec=6.0,
            end_sec=12.0,
            segmentation="fixed",
            segment_sec=3,
            embedding_option=["transcription", "audio"],
            embedding_scope=["clip"],
            embedding_type=["fused_embedding"],
        )
    (sent,) = platform.requests
    assert (sent["start_sec"], sent["end_sec"]) == (6.0, 12.0)
    assert sent["segmentation"]["fixed"] == {"duration_sec": 3}
    assert sent["embedding_scope"] == ["clip"]
    assert sent["embedding_type"] == ["fused_embedding"]
    assert {c.embedding_option for c in result.embedding_counts} == {"fused"}


async def test_auto_is_natural_only_where_the_platform_knows_it_and_no_length_is_asked_for(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        await embed_audio(library, recording.name, segment_sec=3)
    assert [sent["segmentation"]["strategy"] for sent in platform.requests] == ["natural", "fixed"]


async def test_natural_is_refused_where_the_platform_does_not_know_it(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library(natural_segmentation=False) as library:
        with pytest.raises(ToolProblem, match="one length"):
            await embed_audio(library, recording.name, segmentation="natural")


async def test_the_same_content_again_is_answered_from_the_store_and_says_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(recording, tmp_path / "audio" / "copy.wav"))
    async with open_library() as library:
        first = await embed_audio(library, recording.name, title="Log")
        again = await embed_audio(library, "copy.wav", tags=["new"])
        assert len(platform.requests) == 1
        assert (again.task_id, again.asset_id, again.is_reused) == (first.task_id, first.asset_id, True)
        assert again.seconds_saved == 12.0
        assert "nothing was computed" in again.to_text()
        assert (again.title, again.tags) == ("Log", ["new"])
        store = await library.store()
        rows = await store.clips(THE_SPACE)
        assert len(rows) == 6
        assert copy.exists()  # a copy is no move
        assert {(row.tags, row.source_uri) for row in rows} == {(("new",), str(recording))}


async def test_calls_at_once_for_one_recording_keep_the_title_and_tags_that_one_of_them_gives(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, go_on = asyncio.Event(), asyncio.Event()
    async with open_library() as library, asyncio.timeout(BOUND_SEC):
        probe = library.media_reader.probe

        async def slow_probe(source: SourceFile) -> Any:
            # The call that began first is the last to come to its record.
            if not looked.is_set():
                looked.set()
                await go_on.wait()
            return await probe(source)

        monkeypatch.setattr(library.media_reader, "probe", slow_probe)
        plain = asyncio.create_task(embed_audio(library, recording.name))
        await looked.wait()
        named = await embed_audio(library, recording.name, title="Field log", tags=["work"])
        go_on.set()
        assert (await plain).tags == named.tags == ["work"]
        (listed,) = (await list_audio(library)).assets
    assert (listed.title, listed.tags) == ("Field log", ["work"])


async def test_fewer_options_than_before_are_answered_from_the_store(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        assert (await embed_audio(library, recording.name, embedding_option=["audio"])).is_reused
        assert not (await embed_audio(library, recording.name, end_sec=6.0)).is_reused
    assert len(platform.requests) == 2


async def test_clips_that_are_no_longer_in_the_store_are_made_again(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        first = await embed_audio(library, recording.name)
        await (await library.store()).delete_asset(first.asset_id)
        assert not (await embed_audio(library, recording.name)).is_reused
    assert len(platform.requests) == 2


async def test_long_audio_becomes_a_task_of_the_platform(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.polls_until_ready = 3
    async with open_library(longest_sync_sec=10.0) as library:
        heard: list[tuple[float, str]] = []

        async def hear(fraction: float, stage: str) -> None:
            heard.append((fraction, stage))

        result = await embed_audio(library, recording.name, on_progress=hear)
    assert result.status == "ready"
    assert platform.calls["POST embed-v2"] == 0
    assert platform.calls["POST embed-v2/tasks"] == 1
    assert "transcribing" in {stage for _, stage in heard}
    assert [fraction for fraction, _ in heard] == sorted(fraction for fraction, _ in heard)


async def test_words_come_from_the_transcription_where_the_embeddings_bring_none(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.gives_words = False
    async with open_library() as library:
        await embed_audio(library, recording.name)
        store = await library.store()
        rows = await store.clips(THE_SPACE, ClipFilter(embedding_option="transcription"))
        assert [row.transcript for row in rows if row.embedding_scope == "clip"] == list(platform.says)


async def test_times_that_count_from_the_window_are_put_right(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.shift_sec = 6.0
    async with open_library() as library:
        await embed_audio(library, recording.name, start_sec=6.0, embedding_scope=["clip"])
        rows = await (await library.store()).clips(THE_SPACE)
        assert {(row.start_sec, row.end_sec) for row in rows} == {(6.0, 12.0)}


async def test_a_recording_without_speech_is_kept_by_its_sound_and_says_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ()
    async with open_library() as library:
        result = await embed_audio(library, recording.name)
    assert {c.embedding_option for c in result.embedding_counts} == {"audio"}
    assert "No speech was recognised" in result.to_text()


async def test_what_the_engine_warns_of_is_told_with_the_task(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.warnings = ("the speech sounds like another language", "Of 2 tracks the first was heard.")
    async with open_library() as library:
        result = await embed_audio(library, recording.name)
    assert result.notes == ["The speech sounds like another language.", "Of 2 tracks the first was heard."]


async def test_a_recording_cut_short_keeps_what_was_decoded_and_says_so(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.duration = 7.0
    async with open_library() as library:
        result = await embed_audio(library, recording.name)
        assert "Only the sound up to 7.0 of 12.0 seconds" in result.to_text()
        assert (await list_audio(library)).assets[0].audio_seconds == 7.0


@pytest.mark.parametrize("is_task", [False, True])
async def test_what_the_platform_says_went_wrong_reaches_the_caller_with_a_next_step(
    is_task: bool, open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    if is_task:
        platform.task_failure = "The embedding service is temporarily unstable. Please try again later."
    else:
        platform.asset_failure = "The file is not audio."
    async with open_library(longest_sync_sec=10.0) as library:
        with pytest.raises(ToolProblem, match="temporarily unstable" if is_task else "not audio") as problem:
            await embed_audio(library, recording.name)
        assert problem.value.next_step
        assert (await list_audio(library)).total_assets == 0
        [failed] = await (await library.ledger()).list_tasks()
        task = await get_task(library, failed.task_id)
        assert task.status == "failed"
        assert task.error
        assert task.next_step


async def test_a_failed_task_does_not_stand_in_the_way_of_another_try(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.problems["POST embed-v2"] = [httpx.Response(400, json={"code": "parameter_invalid", "message": "No."})]
    async with open_library() as library:
        with pytest.raises(ToolProblem, match="No"):
            await embed_audio(library, recording.name)
        assert (await embed_audio(library, recording.name)).status == "ready"


async def test_an_upload_is_used_again_while_the_platform_has_it(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library(file_urls=False) as library:
        await embed_audio(library, recording.name)
        await embed_audio(library, recording.name, end_sec=6.0)
        assert platform.calls["POST assets"] == 1
        platform.assets.clear()
        await embed_audio(library, recording.name, start_sec=6.0)
        assert platform.calls["POST assets"] == 2


async def test_uploads_are_deleted_when_they_are_not_kept(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library(file_urls=False, keep_assets=False) as library:
        await embed_audio(library, recording.name)
        assert platform.assets == {}
        await embed_audio(library, recording.name, end_sec=6.0)
    assert platform.calls["DELETE assets/id"] == 2


async def test_an_asset_of_the_platform_is_embedded_by_its_id(
    open_library: OpenLibrary, platform: ScriptedPlatform
) -> None:
    platform.assets["6298d673f1090f1100476d4c"] = {"_id": "6298d673f1090f1100476d4c", "filename": "talk.mp3"}
    async with open_library() as library:
        result = await embed_audio(library, asset_id="6298d673f1090f1100476d4c")
    assert (result.status, result.asset_id, result.title) == ("ready", "6298d673f1090f1100476d4c", "talk")
    assert platform.calls["POST assets"] == 0


async def test_an_asset_nobody_knows_is_refused(open_library: OpenLibrary) -> None:
    async with open_library() as library:
        with pytest.raises(ToolProblem, match="list_audio"):
            await embed_audio(library, asset_id="6298d673f1090f1100476d4c")


async def test_a_start_past_the_end_is_refused_before_anything_is_sent(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        with pytest.raises(ToolProblem, match=r"past the end: the recording is 12\.00"):
            await embed_audio(library, recording.name, start_sec=12.0)
    assert not platform.requests


@pytest.mark.parametrize("given", [{"start_sec": 12.0}, {"end_sec": 11.0}], ids=str)
async def test_what_is_refused_is_no_recording_of_the_library(
    given: dict[str, float], open_library: OpenLibrary, recording: Path, tmp_path: Path
) -> None:
    sound = base64.b64encode(recording.read_bytes()).decode()
    async with open_library(longest_audio_sec=10.0) as library:
        with pytest.raises(ToolProblem):
            await embed_audio(library, base64_string=sound, **given)
        with pytest.raises(ToolProblem, match=r'^"inline audio \w+" can\'t be read as audio: it is not'):
            await embed_audio(library, base64_string=base64.b64encode(b"no sound at all").decode())
        assert (await list_audio(library)).total_assets == 0
    assert not list((tmp_path / "home" / "inline").iterdir())


async def test_an_unknown_task_is_an_error_that_names_the_tool_that_lists_them(open_library: OpenLibrary) -> None:
    async with open_library() as library:
        with pytest.raises(ToolProblem, match="list_audio"):
            await get_task(library, "t_unknown")


async def test_the_detail_of_a_task_is_what_the_guide_prints_a_page_at_a_time(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        detailed = await get_task(library, task.task_id, detail="embeddings")
        past = await get_task(library, task.task_id, detail="embeddings", page=10**20)
    assert [(e.embedding_option, e.embedding_scope, e.start_sec, e.end_sec) for e in detailed.embeddings[:2]] == [
        ("audio", "clip", 0.0, 6.0),
        ("transcription", "clip", 0.0, 6.0),
    ]
    assert len(detailed.embeddings) == 6
    assert all(len(each.first_values) == 10 for each in detailed.embeddings)
    assert "past the last" in past.to_text()


async def test_a_task_whose_embeddings_were_made_again_says_where_they_are(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        first = await embed_audio(library, recording.name, embedding_option=["audio"])
        await embed_audio(library, recording.name)
        told = (await get_task(library, first.task_id, detail="embeddings")).notes
    assert told == ["3 of its embeddings belong to a later task, which embedded the same segments again."]
