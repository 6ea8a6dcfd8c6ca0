"""What goes up and what comes back: formats, windows, times, transcripts."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tool_calls import embed_audio, erase_span

from soundbite_api import SourceFile
from soundbite_store import ClipFilter, Space
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.uploads import shipment_of
from soundbite_tools.errors import ToolProblem

Open = Callable[..., Any]
Tone = Callable[..., Path]
MARENGO = Space("marengo3.0", 512)


async def embedded(library: Any, source: str, **parameters: Any) -> Any:
    task = await embed_audio(library, source, wait_seconds=25, **parameters)
    assert task.status == "ready"
    return task


async def clips(library: Any, task_id: str) -> list[Any]:
    found = await (await library.store()).embeddings(MARENGO, ClipFilter(task_id=task_id), limit=100)
    return [clip for clip in found if clip.embedding_scope == "clip"]


def times(found: list[Any]) -> set[tuple[float, float]]:
    return {(clip.start_sec, clip.end_sec) for clip in found}


@pytest.mark.parametrize("sound_format", ["opus", "flac"])
async def test_a_format_the_platform_refuses_arrives_as_flac(
    sound_format: Any, open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library() as library:
        path = tone(8)
        other = path.with_suffix(".ogg" if sound_format == "opus" else ".flac")
        other.write_bytes(await library.media_reader.cut(SourceFile.at(path), 0, 8, sound_format))
        task = await embedded(library, other.name)
    (asset,) = platform.assets.values()
    assert asset.content[:4] == b"fLaC"
    assert asset.filename.endswith(".flac")
    assert (asset.content == other.read_bytes()) is (sound_format == "flac")
    assert task.end_sec == pytest.approx(8, abs=0.05)


async def test_a_sound_turned_into_flac_keeps_a_name_that_only_it_has(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library() as library:
        path = tone(8)
        other = path.with_name("talk.v1.the final take")
        other.write_bytes(await library.media_reader.cut(SourceFile.at(path), 0, 8, "opus"))
        task = await embedded(library, other.name)
        kept = await (await library.ledger()).get_asset(task.asset_id)
    (asset,) = platform.assets.values()
    assert asset.filename == f"talk.v1-{kept.content_hash[:12]}.flac"


async def test_windows_that_differ_by_little_are_uploads_of_their_own(open_library: Open, tone: Tone) -> None:
    async with open_library(cut_from_bytes=1) as library:
        task = await embedded(library, tone(8).name)
        asset = await (await library.ledger()).get_asset(task.asset_id)
        asset = replace(asset, duration_sec=14_000.0, size_bytes=10**9)
        keys = {
            shipment_of(asset, EmbedParams(start_sec=start_sec, end_sec=12_350.0), library.config).content_key
            for start_sec in (12_345.66, 12_345.74)
        }
    assert len(keys) == 2


async def test_a_far_window_of_a_huge_file_is_cut_out_before_it_goes_up(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    path = tone(120, rate_hz=32_000)
    async with open_library(cut_from_bytes=1_000_000) as library:
        task = await embedded(library, path.name, start_sec=90, end_sec=102)
        found = await clips(library, task.task_id)
    (asset,) = platform.assets.values()
    assert len(asset.content) < path.stat().st_size / 8
    assert asset.duration == pytest.approx(12, abs=0.05)
    assert times(found) == {(90.0, 96.0), (96.0, 102.0)}
    assert any("Only 01:30-01:42 of the file was uploaded" in note for note in task.notes)
    assert (task.start_sec, task.end_sec) == (90.0, 102.0)
    # Its words are those of the recording's seconds as well.
    assert {clip.transcript.split()[0] for clip in found if clip.transcript} == {"word0", "word6"}


async def test_a_track_goes_up_by_itself_and_only_of_a_file_that_is_here(
    open_library: Open, tmp_path: Path, platform: Any
) -> None:
    path = tmp_path / "audio" / "two.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(2)]
        for stream, seconds in zip(streams, (12, 7), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 8000 * seconds), 9000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    async with open_library() as library:
        task = await embedded(library, path.name, track="2")
        with pytest.raises(ToolProblem, match="chooses the track"):
            await embedded(library, "", asset_id=next(iter(platform.assets)), track="2")
    (asset,) = platform.assets.values()
    assert (asset.filename.endswith("track-2-0-12.flac"), asset.duration) == (True, pytest.approx(7, abs=0.05))
    assert "Only audio track 2 was uploaded." in task.notes
    assert not any("damaged" in note for note in task.notes)


async def test_the_whole_of_a_huge_file_goes_up_as_it_is(open_library: Open, tone: Tone, platform: Any) -> None:
    path = tone(30)
    async with open_library(cut_from_bytes=1000) as library:
        task = await embedded(library, path.name)
    (asset,) = platform.assets.values()
    assert asset.content == path.read_bytes()
    assert not any("uploaded" in note for note in task.notes)


async def test_a_file_over_the_direct_limit_goes_up_in_parts(open_library: Open, tone: Tone, platform: Any) -> None:
    path = tone(30)
    async with open_library(largest_direct_bytes=200_000) as library:
        await embedded(library, path.name)
    (asset,) = platform.assets.values()
    assert asset.content == path.read_bytes()
    assert set(platform.part_puts.values()) == {1}


@pytest.mark.parametrize("has_relative_times", [False, True])
async def test_times_count_from_the_beginning_of_the_recording(
    has_relative_times: bool, open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.has_relative_times = has_relative_times
    async with open_library() as library:
        task = await embedded(library, tone(20).name, start_sec=5, end_sec=17)
        assert times(await clips(library, task.task_id)) == {(5.0, 11.0), (11.0, 17.0)}


async def test_clips_carry_the_words_of_the_platforms_transcript(open_library: Open, tone: Tone) -> None:
    async with open_library() as library:
        task = await embedded(library, tone().name)
        said = {clip.start_sec: clip.transcript for clip in await clips(library, task.task_id) if clip.transcript}
    assert said == {0.0: "word0 word1 word2 word3 word4 word5", 6.0: "word6 word7 word8 word9 word10 word11"}


async def test_without_a_transcript_of_the_platform_the_recogniser_here_is_asked(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.has_transcripts = False
    async with open_library() as library:
        task = await embedded(library, tone().name)
        said = {clip.transcript for clip in await clips(library, task.task_id)}
    assert said == {"recognised here", ""}
    assert any("recognised on this machine" in note for note in task.notes)


async def test_the_recogniser_here_is_not_asked_where_that_is_not_allowed(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.has_transcripts = False
    async with open_library(local_transcripts=False) as library:
        task = await embedded(library, tone().name)
        assert {clip.transcript for clip in await clips(library, task.task_id)} == {""}
    assert not any("recognised" in note for note in task.notes)


async def test_segments_without_speech_have_no_words_and_are_kept(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    platform.speech_until_sec = 6.0
    async with open_library() as library:
        task = await embedded(library, tone(18).name)
        found = await clips(library, task.task_id)
    kinds = {(clip.embedding_option, clip.start_sec) for clip in found}
    assert kinds == {("audio", 0.0), ("audio", 6.0), ("audio", 12.0), ("transcription", 0.0)}


async def test_names_of_uploads_are_cut_by_bytes(open_library: Open, tone: Tone) -> None:
    async with open_library(cut_from_bytes=1) as library:
        task = await embedded(library, tone(8).name)
        asset = await (await library.ledger()).get_asset(task.asset_id)
        named = replace(asset, title="音" * 200, source_kind="url", source_uri="https://a.example/a.wav")
        name = shipment_of(named, EmbedParams(), library.config).filename
    assert 150 < len(name.encode()) <= 255
    assert name.startswith("音音")
    assert name.endswith(".wav")


async def test_what_is_erased_goes_up_as_silence_and_earlier_uploads_are_deleted(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(keep_assets=True) as library:
        task = await embedded(library, tone(8).name)
        (before,) = platform.assets.values()
        await erase_span(library, task.asset_id, 3.0, 5.0)
        assert not platform.assets
        await embedded(library, "tone.wav", segment_sec=4)
        (after,) = platform.assets.values()
        assert "-silent-" in after.filename
        assert after.filename != before.filename
        with av.open(io.BytesIO(after.content)) as container:
            frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
            rate_hz = container.streams.audio[0].rate
        sound = np.concatenate(frames)
        assert np.abs(sound[3 * rate_hz : 5 * rate_hz]).max() == 0
        assert np.abs(sound[5 * rate_hz + 100 :]).max() > 5000
