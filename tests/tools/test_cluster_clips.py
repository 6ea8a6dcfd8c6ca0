"""cluster_clips over a scripted platform: groups with their words, the same every time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import classify_clips, cluster_clips, embed_audio

from soundbite_tools.errors import EmptyLibrary, QuestionProblem
from soundbite_tools.groups import clips
from soundbite_tools.groups.clips import clip_points
from soundbite_tools.text import fits

OpenLibrary = Callable[..., Any]


@pytest.fixture
def topics(platform: ScriptedPlatform) -> ScriptedPlatform:
    """A recording in which two things are talked about in turns."""
    platform.duration, platform.segment_sec = 48.0, 6.0
    platform.says = ("river bridge water", "cake oven butter") * 4
    return platform


async def test_topics_become_clusters_with_their_words_and_a_representative(
    open_library: OpenLibrary, recording: Path, topics: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name, title="Both")
        listing = await cluster_clips(library, modality="speech", detail="detailed")
    assert sorted(tuple(sorted(each.words)) for each in listing.clusters) == [
        ("bridge", "river", "water"),
        ("butter", "cake", "oven"),
    ]
    for cluster in listing.clusters:
        assert (cluster.clips, cluster.recordings, cluster.seconds, cluster.share) == (4, 1, 24.0, 0.5)
        assert cluster.words[0] in cluster.representative.text
        assert cluster.representative.time_range
        assert len(cluster.members) == 3
    assert listing.clips_clustered == 8


async def test_the_same_library_gives_the_same_clusters(
    open_library: OpenLibrary, recording: Path, topics: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        first, second = [await cluster_clips(library) for _ in range(2)]
    async with open_library() as library:
        third = await cluster_clips(library)
    assert first == second == third


async def test_more_clusters_than_there_can_be_are_said(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        listing = await cluster_clips(library, clusters=9, modality="speech")
    assert len(listing.clusters) == 2
    assert "Of the 9 clusters asked for there are 2" in listing.notes[0]


async def test_a_library_without_speech_has_no_topics_to_group(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ()
    async with open_library() as library:
        with pytest.raises(EmptyLibrary):
            await cluster_clips(library)
        await embed_audio(library, recording.name)
        with pytest.raises(QuestionProblem, match="None of these clips has speech"):
            await cluster_clips(library, modality="speech")
        assert len((await cluster_clips(library, modality="sound")).clusters) >= 1


async def test_many_clusters_of_long_texts_fit_an_answer(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.duration, platform.segment_sec = 600.0, 6.0
    platform.says = tuple(f"word{number} " * 80 for number in range(100))
    async with open_library() as library:
        await embed_audio(library, recording.name)
        listing = await cluster_clips(library, clusters=20, detail="detailed")
    assert fits(listing)


async def test_of_more_clips_than_are_compared_a_sample_of_all_recordings_is(
    open_library: OpenLibrary,
    recording: Path,
    topics: ScriptedPlatform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clips, "MOST_CLIPS", 60)
    topics.duration, topics.says = 300.0, ("river bridge water", "cake oven butter") * 25
    async with open_library() as library:
        for number in range(4):
            copy = recording.with_name(f"copy{number}.wav")
            copy.write_bytes(recording.read_bytes() + bytes([number]))
            await embed_audio(library, copy.name)
        listing = await cluster_clips(library, modality="speech")
        classified = await classify_clips(library, ["river", "cake"], per="asset", modality="speech")
        points = await clip_points(library, 60)
    assert 50 <= listing.clips_clustered <= 60
    assert [each.recordings for each in listing.clusters] == [4, 4]
    assert "spread evenly over all" in listing.notes[0]
    assert len(classified.assets) == 4
    assert "spread evenly over all" in classified.notes[0]
    assert 50 <= len(points.clips) <= 60
    assert points.left_out == 200 - len(points.clips)


async def test_of_many_clips_that_are_embedded_as_one_vector_a_sample_is_taken_too(
    open_library: OpenLibrary, recording: Path, topics: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "MOST_CLIPS", 30)
    topics.duration, topics.says = 600.0, ("river bridge water", "cake oven butter") * 50
    async with open_library() as library:
        await embed_audio(library, recording.name, embedding_type=["fused_embedding"], embedding_scope=["clip"])
        listing = await cluster_clips(library)
    assert 20 <= listing.clips_clustered <= 30
    assert "spread evenly over all" in listing.notes[0]
