"""What the guide says embeddings are for, through the tools an agent calls (rows S46, S48 to S52, S55)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from soundbite_engine.audio.encode import cut
from soundbite_server import Settings, build_server

SAMPLES = Path(__file__).parents[2] / "samples"
Connect = Callable[[], Client]


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def embedded(client: Client, path: Path) -> dict[str, Any]:
    """The ready task of a recording."""
    task = await called(client, "embed_audio", source=str(path), wait_seconds=20)
    while task["status"] == "processing":
        task = await called(client, "get_task", task_id=task["task_id"], wait_seconds=20)
    assert task["status"] == "ready"
    return task


@pytest.fixture(scope="module")
def connect_library(media: Any, tmp_path_factory: pytest.TempPathFactory) -> Connect:
    """Connects to a server over three recordings: a log that ends with rain, a doctor's advice, and beeps."""
    home, folder = tmp_path_factory.mktemp("library"), media.folder
    advice = folder / "advice.wav"
    advice.write_bytes(cut(lambda _: None, str(SAMPLES / "memos.mp3"), 7.7, 13.0, "wav"))

    def connect() -> Client:
        return Client(build_server(Settings(home=home, roots=(folder,), workers=1)))

    async def fill() -> None:
        async with connect() as client:
            for path in (folder / "spoken.wav", advice, folder / "beeps.wav"):
                await embedded(client, path)

    anyio.run(fill)
    return connect


@pytest.mark.guide("S46")
async def test_s46_a_task_is_summed_up_as_the_guide_prints_it(connect_library: Connect, media: Any) -> None:
    async with connect_library() as client:
        task = await embedded(client, media.folder / "spoken.wav")
        summary = await called(client, "get_task", task_id=task["task_id"], detail="embeddings")
    counts = {
        (each["embedding_option"], each["embedding_scope"]): each["count"] for each in summary["embedding_counts"]
    }
    assert set(counts) == {(option, scope) for option in ("audio", "transcription") for scope in ("clip", "asset")}
    assert sum(counts.values()) == summary["embedding_count"] == len(summary["embeddings"])
    assert (summary["time_range"], summary["dimension"]) == ("00:00-00:12", 512)
    for each in summary["embeddings"]:
        assert len(each["first_values"]) == 10
        assert 0 <= each["start_sec"] < each["end_sec"] <= 12


@pytest.mark.guide("S48")
@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("the north river station", "spoken"),
        ("medical advice about sleeping and caffeine", "advice"),
        ("quiet", "beeps"),
    ],
    ids=["words", "meaning", "sound"],
)
async def test_s48_what_is_similar_is_found(query: str, title: str, connect_library: Connect) -> None:
    async with connect_library() as client:
        found = await called(client, "search_clips", query=query)
    assert found["clips"][0]["title"] == title


@pytest.mark.guide("S49")
async def test_s49_clips_are_classified_by_labels(connect_library: Connect) -> None:
    async with connect_library() as client:
        found = await called(
            client, "classify_clips", labels=["advice of a doctor", "a river and its water"], modality="speech"
        )
    labels = {each["title"]: each["label"] for each in found["clips"] if each["label"] != "none of these"}
    assert labels == {"advice": "advice of a doctor", "spoken": "a river and its water"}


@pytest.mark.guide("S50")
async def test_s50_clips_are_clustered_by_what_they_are_about(connect_library: Connect) -> None:
    async with connect_library() as client:
        found = await called(client, "cluster_clips", clusters=2, modality="speech")
    assert {each["representative"]["title"] for each in found["clusters"]} == {"advice", "spoken"}
    assert sum(each["clips"] for each in found["clusters"]) == found["clips_clustered"]


@pytest.mark.guide("S51")
async def test_s51_more_like_a_clip_is_recommended(connect_library: Connect) -> None:
    async with connect_library() as client:
        first = (await called(client, "search_clips", query="the north river station"))["clips"][0]
        found = await called(client, "search_clips", like=first["clip_id"])
    assert found["clips"]
    assert first["clip_id"] not in {each["clip_id"] for each in found["clips"]}


@pytest.mark.guide("S52")
async def test_s52_an_answer_cites_words_and_where_they_are_said(connect_library: Connect) -> None:
    async with connect_library() as client:
        clip = (await called(client, "search_clips", query="what does the doctor say"))["clips"][0]
        played = await called(client, "get_clip", clip_id=clip["clip_id"])
    assert clip["title"] == "advice"
    assert "doctor" in clip["text"].lower()
    assert 0 <= clip["start_sec"] < clip["end_sec"] <= 5.3
    assert Path(played["path"]).stat().st_size == played["audio_bytes"]


@pytest.mark.guide("S55")
async def test_s55_seconds_are_counted_and_those_saved_as_well(connect_library: Connect, media: Any) -> None:
    async with connect_library() as client:
        before = (await called(client, "list_audio"))["notes"][0]
        again = await embedded(client, media.folder / "beeps.wav")
        after = (await called(client, "list_audio"))["notes"][0]
    assert again["is_reused"]
    assert (again["seconds_embedded"], again["seconds_saved"] >= 13) == (13, True)
    assert before != after
    assert after.startswith(before.partition(" seconds")[0])
