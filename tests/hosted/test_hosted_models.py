"""Marengo 3.5 on the hosted platform: a space of its own, asked otherwise, with uncertainties and counts of tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from tool_calls import correct_transcript, embed_audio, get_clip, get_task, search_clips
from twelvelabs import AsyncTwelveLabs
from twelvelabs.types import (
    AsyncAudioInputRequest,
    AsyncTemporalSegmentation,
    MediaSource,
    MultiInputMediaSource,
    MultiInputRequest,
    TemporalSegmentation_Dynamic,
    TemporalSegmentation_Fixed,
    TemporalSegmentationDynamicDynamic,
    TemporalSegmentationFixedFixed,
)

from soundbite_api import HOSTED_MODEL, MARENGO_35, AudioInput, PlatformClient, RequestRefused
from soundbite_api import MediaSource as OurSource
from soundbite_server.settings import Settings, SettingsError
from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import ToolProblem

Open = Callable[..., Any]
Tone = Callable[..., Path]
LONGEST_SEC = 240
SPACES = {name: Space(name, 512) for name in (HOSTED_MODEL, MARENGO_35)}


async def embedded(library: Any, source: str, **parameters: Any) -> Any:
    begun = await embed_audio(library, source, wait_seconds=0, **parameters)
    await library.jobs.wait(begun.task_id, LONGEST_SEC)
    task = await get_task(library, begun.task_id)
    assert task.status == "ready"
    return task if begun.status == "processing" else begun


async def rows(library: Any, model: str, asset_id: str) -> list[Any]:
    return list(await (await library.store()).embeddings(SPACES[model], ClipFilter(asset_ids=(asset_id,)), limit=100))


async def test_a_recording_has_clips_of_its_own_in_the_space_of_each_model(open_library: Open, tone: Tone) -> None:
    async with open_library() as library:
        older = await embedded(library, tone(14).name)
        assert older.space == HOSTED_MODEL
    async with open_library(model_name=MARENGO_35) as library:
        task = await embedded(library, "tone.wav")
        assert (task.space, task.dimension, task.is_reused) == (MARENGO_35, 512, False)
        assert (await embedded(library, "tone.wav")).is_reused
        clips = await rows(library, MARENGO_35, task.asset_id)
        assert {(clip.embedding_option, clip.embedding_scope) for clip in clips} == {("audio", "clip")}
        assert {json.loads(clip.metadata_json)["uncertainty"] for clip in clips} == {0.25}
        assert "Tokens the platform counted: 350 of audio." in task.notes
        # What is said is in the words of its clips, though the model has no vector for it alone.
        found = await search_clips(library, "word7")
        assert (found.clips[0].asset_id, found.clips_searched) == (task.asset_id, 3)
        assert "word7" in found.clips[0].text
        assert "an uncertainty of 0.25" in " ".join((await get_clip(library, found.clips[0].clip_id)).detail.notes)
        assert {row.embedding_option for row in await rows(library, HOSTED_MODEL, task.asset_id)} == {
            "audio",
            "transcription",
        }


async def test_a_correction_changes_the_words_of_the_one_row_that_has_them(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(model_name=MARENGO_35) as library:
        task = await embedded(library, tone(8).name)
        before, asked = await rows(library, MARENGO_35, task.asset_id), len(platform.bodies)
        place = {"asset_id": task.asset_id, "start_sec": 3, "end_sec": 4}
        await correct_transcript(library, **place, old_text="word3", new_text="kettle")
        after = await rows(library, MARENGO_35, task.asset_id)
        assert len(platform.bodies) == asked
        assert (await search_clips(library, "kettle")).clips[0].asset_id == task.asset_id
    words = [sorted(row.transcript for row in clips) for clips in (before, after)]
    assert words[1] == [text.replace("word3", "kettle") for text in words[0]]
    assert {row.clip_id: row.vector.tolist() for row in before} == {row.clip_id: row.vector.tolist() for row in after}


async def test_a_model_is_asked_in_the_words_of_the_official_sdk(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library(model_name=MARENGO_35) as library:
        await embedded(library, tone(8).name, segmentation="fixed", segment_sec=4)
        await embedded(library, "tone.wav", segmentation="natural", embedding_scope=["clip", "asset"])
        await search_clips(library, "a tone")
        await search_clips(library, like=tone(6, "other.wav", hz=700).name)
    ours, platform.bodies = [body for body in platform.bodies if "sound" not in str(body.get("multi_input"))], []
    asset_id = next(iter(platform.assets))
    fixed = TemporalSegmentation_Fixed(fixed=TemporalSegmentationFixedFixed(duration_sec=4))
    dynamic = TemporalSegmentation_Dynamic(dynamic=TemporalSegmentationDynamicDynamic(min_duration_sec=2))
    async with platform.http() as http:
        sdk = AsyncTwelveLabs(api_key="tlk_TESTKEY", base_url=str(http.base_url), httpx_client=http)
        model: dict[str, Any] = {"model_name": MARENGO_35, "embedding_dimension": 512}
        for cut, scope, more in (
            (fixed, ["clip"], {"embedding_uncertainty": True}),
            (dynamic, ["clip", "asset"], {}),
        ):
            audio = AsyncAudioInputRequest(
                media_source=MediaSource(asset_id=asset_id),
                start_sec=0,
                segmentation=AsyncTemporalSegmentation(temporal=cut),
                embedding_option=["audio"],
                embedding_scope=scope,
            )
            await sdk.embed.v_2.tasks.create(input_type="audio", audio=audio, **model, **more)
        text = MultiInputRequest(input_text="a tone")
        await sdk.embed.v_2.create(input_type="multi_input", multi_input=text, **model)
        sound = MultiInputRequest(media_sources=[MultiInputMediaSource(media_type="audio", asset_id=asset_id)])
        answer = await sdk.embed.v_2.create(input_type="multi_input", multi_input=sound, **model)
    assert answer.usage is not None
    assert [_without_ids(body) for body in ours] == [_without_ids(body) for body in platform.bodies]


def _without_ids(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    ids = {part for part in text.split('"') if len(part) == 24 and part.startswith("0000")}
    for asset_id in ids:
        text = text.replace(asset_id, "ID")
    return text


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"embedding_option": ["audio", "transcription"]}, "marengo3.5 has no transcription"),
        ({"embedding_type": ["fused_embedding"]}, "marengo3.5 fuses only with timed texts"),
        ({"end_sec": 3}, "marengo3.5 embeds recordings of 4 seconds and more"),
    ],
)
async def test_what_a_model_does_not_take_is_refused_before_anything_is_sent(
    open_library: Open, tone: Tone, platform: Any, parameters: dict[str, Any], reason: str
) -> None:
    async with open_library(model_name=MARENGO_35) as library:
        with pytest.raises(ToolProblem, match=reason):
            await embedded(library, tone(8).name, **parameters)
        audio = AudioInput(media_source=OurSource(asset_id="a"))
        with pytest.raises(RequestRefused, match="no transcription"):
            await library.client.create_task(audio)
    assert not platform.assets
    assert not platform.tasks


async def test_a_long_sound_to_compare_with_is_refused_before_it_is_embedded(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(model_name=MARENGO_35) as library:
        await embedded(library, tone(8).name)
        with pytest.raises(ToolProblem, match="sounds of at most 30 seconds; that one has 40"):
            await search_clips(library, like=tone(40, "long.wav").name)
    assert not [body for body in platform.bodies if "media_sources" in body.get("multi_input", {})]


async def test_a_task_of_one_model_is_not_taken_for_one_of_the_other(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.task_polls = 1 << 30
    async with open_library() as library:
        begun = await embed_audio(library, tone().name, wait_seconds=0)
        await platform.is_polled.wait()
    platform.task_polls = 0
    for task in platform.tasks.values():
        task.polls_left = 0
    async with open_library(model_name=MARENGO_35) as library:
        await library.jobs.wait(begun.task_id, LONGEST_SEC)
        task = await (await library.ledger()).get_task(begun.task_id)
        assert (task.status, task.error_code) == ("failed", "other_model")
        with pytest.raises(ToolProblem, match=r"made with marengo3.0.*SOUNDBITE_MODEL=marengo3.0"):
            await embed_audio(library, f"task:{platform.make_task('b.wav', tone().read_bytes())}", wait_seconds=25)
        await embedded(library, "tone.wav")
    newer = platform.make_task("c.wav", tone().read_bytes(), model_name=MARENGO_35, embedding_dimension=512)
    async with open_library() as library:
        with pytest.raises(ToolProblem, match=r"made with marengo3\.5.*SOUNDBITE_MODEL=marengo3\.5"):
            await embed_audio(library, f"task:{newer}", wait_seconds=25)


async def test_an_engine_refuses_a_model_that_it_does_not_play(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SOUNDBITE_MODEL=marengo3.5 .*TWELVELABS_API_KEY"):
        Settings.from_environment({"SOUNDBITE_MODEL": "marengo3.5"})
    with pytest.raises(SettingsError, match=r"SOUNDBITE_MODEL must be one of marengo3\.0, marengo3\.5"):
        Settings.from_environment({"SOUNDBITE_MODEL": "marengo4", "TWELVELABS_API_KEY": "k"})
    settings = Settings.from_environment({"SOUNDBITE_MODEL": "Marengo3.5", "TWELVELABS_API_KEY": "k"})
    assert settings.hosted_model == MARENGO_35


async def test_vectors_of_another_length_than_asked_for_are_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["embedding_dimension"] == 512
        return httpx.Response(200, json={"data": [{"embedding": [0.5] * 256}]})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://platform") as http:
        client = PlatformClient(http, api_key=SecretStr("k"), model_name=MARENGO_35)
        with pytest.raises(Exception, match=r"256 numbers came, where space marengo3\.5 has 512"):
            await client.embed_text("a tone")
