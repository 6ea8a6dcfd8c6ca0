"""The tools as a client meets them, on real sound, in both protocol eras."""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from mcp_types import AudioContent, CallToolResult, ResourceLink, TextContent

from soundbite_server import Settings, build_server
from soundbite_server.mcp.boundary import with_sound
from soundbite_tools import ClipDetail, PlayableClip

if TYPE_CHECKING:
    from mcp import Client

MOST_TOKENS = 8000


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def call(client: Client, name: str, /, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, text_of(result)
    return result.structured_content or {}


async def refused(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    assert result.structured_content is None
    return text_of(result)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_whole_conversation_goes_from_the_library_to_the_sound(connect: Any, embedded: Any, mode: str) -> None:
    async with connect(mode) as client:
        listing = await call(client, "list_audio")
        assert [asset["asset_id"] for asset in listing["assets"]] == [embedded.asset_id]
        found = await call(client, "search_clips", query="the sky is still dark")
        best = found["clips"][0]
        assert "dark" in best["text"]
        assert best["start_sec"] < 6
        clip = await call(client, "get_clip", clip_id=best["clip_id"])
        assert Path(clip["path"]).stat().st_size == clip["audio_bytes"] > 1000


TURNS = (
    "WEBVTT\n\n00:00.500 --> 00:03.000\n<v Ann>How much is the ticket to Leicester?\n\n"
    "00:03.300 --> 00:05.000\n<v Bob>The ticket is thirty pounds.\n"
)


async def test_who_says_what_is_told_by_a_search_and_by_the_clip_that_it_names(connect: Any, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "call.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000 * 6))
    async with connect(home=tmp_path / "own", roots=(tmp_path,)) as client:
        source = str(tmp_path / "call.wav")
        task = await call(client, "embed_audio", source=source, transcript=TURNS, wait_seconds=25)
        while task["status"] == "processing":
            task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=25)
        found = await call(client, "search_clips", query="how much is the ticket to Leicester?")
        clip = await call(client, "get_clip", clip_id=found["clips"][0]["clip_id"])
    words = "Ann: How much is the ticket to Leicester? Bob: The ticket is thirty pounds."
    assert (found["clips"][0]["text"], found["clips"][0]["speaker"]) == (words, "Ann, Bob")
    assert (clip["text"], clip["speaker"]) == (words, "Ann, Bob")


FORMATS = {"mp3": ("audio/mpeg", b"\xff"), "opus": ("audio/ogg", b"OggS"), "wav": ("audio/wav", b"RIFF")}


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_sound_itself_comes_besides_its_facts(connect: Any, embedded: Any, mode: str) -> None:
    async with connect(mode) as client:
        for audio_format, (mime_type, beginning) in FORMATS.items():
            wanted = {"asset_id": embedded.asset_id, "end_sec": 6, "audio_format": audio_format, "include_audio": True}
            result = await client.call_tool("get_clip", wanted)
            said, sound, *links = result.content
            assert isinstance(said, TextContent)
            assert isinstance(sound, AudioContent)
            assert (result.structured_content or {})["asset_id"] == embedded.asset_id
            assert "river" in said.text
            assert embedded.asset_id in said.text
            assert sound.mime_type == mime_type
            assert beginning in base64.b64decode(sound.data)[:100]
            await check_links(client, links)


async def check_links(client: Client, links: Sequence[Any]) -> None:
    """Both links lead to what they say they are."""
    assert [(link.type, link.mime_type) for link in links] == [
        ("resource_link", "audio/mpeg"),
        ("resource_link", "text/plain"),
    ]
    sound, words = [(await client.read_resource(link.uri)).contents[0] for link in links]
    assert b"\xff" in base64.b64decode(sound.blob)[:100]
    assert "river" in words.text


@pytest.mark.parametrize(
    ("edition", "links"), [("2025-03-26", []), ("2025-06-18", ["soundbite://clips/c_1", "soundbite://transcripts/a_1"])]
)
def test_links_go_to_clients_whose_protocol_has_them(edition: str, links: list[str]) -> None:
    place = {"clip_id": "c_1", "asset_id": "a_1", "start_sec": 0, "end_sec": 1, "time_range": "00:00-00:01"}
    clip = PlayableClip(ClipDetail(title="Talk", **place), b"sound", "audio/mpeg")
    result = with_sound(SimpleNamespace(protocol_version=edition), clip)
    assert [block.uri for block in result.content if isinstance(block, ResourceLink)] == links


async def test_the_server_has_a_name_and_an_icon(connect: Any) -> None:
    async with connect() as client:
        assert client.server_info.title == "Soundbite"
        (icon,) = client.server_info.icons
        assert unquote(icon.src).startswith("data:image/svg+xml,<svg ")
        assert re.fullmatch(r"[!-~]+", icon.src)  # an address has no spaces


async def test_sound_too_large_to_return_is_said_and_kept_as_a_file(connect: Any, embedded: Any) -> None:
    wanted = {"asset_id": embedded.asset_id, "end_sec": 50, "audio_format": "wav", "include_audio": True}
    async with connect() as client:
        result = await client.call_tool("get_clip", wanted)
    clip = result.structured_content or {}
    assert [block.type for block in result.content] == ["text", "resource_link", "resource_link"]
    assert Path(clip["path"]).stat().st_size > 2**20
    assert "shorter range" in clip["notes"][0]


async def test_embedding_the_same_again_computes_nothing_and_says_so(connect: Any, embedded: Any) -> None:
    async with connect() as client:
        again = await call(client, "embed_audio", source=str(embedded.recording), end_sec=12)
    assert again["is_reused"]
    assert (again["status"], again["task_id"]) == ("ready", embedded.task_id)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_audio", {}),
        ("search_clips", {"query": "rain and the river", "detail": "detailed", "top_k": 50}),
        ("search_clips", {"query": "rain", "modality": "sound"}),
        ("get_task", {"task_id": "TASK", "detail": "embeddings"}),
        ("get_clip", {"asset_id": "ASSET", "start_sec": 1, "end_sec": 5}),
        ("read_transcript", {"asset_id": "ASSET"}),
        ("classify_clips", {"labels": ["speech", "the sky"], "page_limit": 50}),
        ("classify_clips", {"labels": ["rain", "the sky"], "per": "asset"}),
        ("cluster_clips", {"clusters": 2, "detail": "detailed"}),
        ("name_speaker", {"asset_id": "ASSET", "speaker": "1", "name": "Ann"}),
        ("list_speakers", {}),
        ("correct_transcript", {"asset_id": "ASSET", "old_text": "still dark", "new_text": "still bright"}),
        ("teach_words", {"words": ["Starke: bright, dark"], "dry_run": True}),
        ("remove_audio", {"asset_id": "ASSET"}),
    ],
    ids=str,
)
async def test_text_and_structured_content_carry_the_same_facts(
    connect: Any, embedded: Any, name: str, arguments: dict[str, Any]
) -> None:
    named = {"TASK": embedded.task_id, "ASSET": embedded.asset_id}
    arguments = {key: named.get(str(value), value) for key, value in arguments.items()}
    async with connect() as client:
        result = await client.call_tool(name, arguments)
    text, structured = text_of(result), result.structured_content
    assert structured
    missing = [fact for fact in facts(structured) if fact not in text]
    assert not missing
    for form in (text, json.dumps(structured)):
        assert len(form) / 3.5 < MOST_TOKENS
        assert not re.search(r"(-?0\.\d+,\s*){11}", form), "a vector was shown"


def facts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [fact for inner in value.values() for fact in facts(inner)]
    if isinstance(value, list):
        return [fact for inner in value for fact in facts(inner)]
    if isinstance(value, bool) or value in ("", 1):  # said as a sentence, or by a plural
        return []
    return [f"{value:g}" if isinstance(value, int | float) else str(value)]


BAD_SOURCES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.wav": (lambda path: None, "no file"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "empty.wav": (lambda path: path.touch(), "is empty"),
    "words.mp3": (lambda path: path.write_text("These are words and no sound. " * 50), "can't be read as audio"),
    "../elsewhere.wav": (lambda path: silence(path), "outside the folders"),
    "escape.wav": (lambda path: (silence(path.parent.parent / "e.wav"), path.symlink_to("../e.wav")), "outside"),
}


def silence(path: Path, seconds: float = 1.0) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * math.ceil(16000 * seconds)))


@pytest.mark.parametrize("name", BAD_SOURCES)
async def test_a_bad_source_is_refused_with_its_reason_and_the_library_stays(
    connect: Any, tmp_path: Path, name: str
) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    make, reason = BAD_SOURCES[name]
    make(root / name)
    async with connect(roots=(root,)) as client:
        assert reason in await refused(client, "embed_audio", source=str(root / name))
        assert (await call(client, "list_audio"))["total_assets"] == 1


BAD_CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("embed_audio", {}, "No audio was named"),
    ("embed_audio", {"source": "a.wav", "url": "https://example.com/b.wav"}, "2 sources were given"),
    ("embed_audio", {"base64_string": "not base64!"}, "can't be decoded"),
    ("embed_audio", {"url": "http://127.0.0.1/a.wav"}, "Only https"),
    ("embed_audio", {"source": "file://[music/a.wav"}, "can't be read"),
    ("embed_audio", {"source": "RECORDING", "start_sec": 500}, "500"),
    ("embed_audio", {"source": "RECORDING", "start_sec": 9, "end_sec": 3}, "end_sec"),
    ("embed_audio", {"source": "RECORDING", "segment_sec": 11}, "segment_sec"),
    ("embed_audio", {"source": "RECORDING", "embedding_option": ["smell"]}, "embedding_option.0"),
    ("embed_audio", {"source": "RECORDING", "wait_seconds": 60}, "wait_seconds"),
    ("get_task", {"task_id": "t_unknown"}, "There is no task"),
    ("get_task", {}, "task_id: Field required"),
    ("search_clips", {"query": "  "}, "The question is empty"),
    ("correct_transcript", {"asset_id": "a_1", "old_text": "cake"}, "do not fit: new_text is missing"),
    ("correct_transcript", {"asset_id": "a_1", "old_text": "cake", "new_text": None}, "new_text is missing"),
    ("search_clips", {"query": "a", "like": "b"}, "no clip and no recording"),
    ("search_clips", {"query": "a", "top_k": 0}, "top_k"),
    ("search_clips", {"query": "a", "added_after": "0001-01-01T00:00:00+14:00"}, "is not a date"),
    ("search_clips", {"query": "a", "asset_ids": ["nothing"]}, "There is no recording"),
    ("search_clips", {"query": "a", "tags": ["nothing"]}, "Tags in the library: field"),
    ("search_clips", {"question": "a"}, "does not have the arguments question"),
    ("remove_audio", {"asset_id": "ASSET", "dry_run": True}, "dry_run"),
    ("get_clip", {}, "No clip was named"),
    ("get_clip", {"clip_id": "c_unknown"}, "There is no clip"),
    ("get_clip", {"asset_id": "ASSET", "start_sec": 5, "end_sec": 4}, "There is no sound"),
    ("read_transcript", {"asset_id": "a_unknown"}, "There is no recording"),
    ("read_transcript", {"asset_id": "ASSET", "start_sec": 500}, "There is nothing from"),
    ("list_audio", {"page": 0}, "page"),
    (
        "correct_transcript",
        {"asset_id": "ASSET", "old_text": "nobody said this", "new_text": "x"},
        "is not written there",
    ),
    ("correct_transcript", {"asset_id": "ASSET"}, "words to correct were not given"),
    ("teach_words", {"words": [": nothing"]}, "is no name"),
]


async def test_a_bad_call_is_refused_with_its_reason_and_what_to_do(connect: Any, embedded: Any) -> None:
    named = {"RECORDING": str(embedded.recording), "ASSET": embedded.asset_id}
    async with connect() as client:  # one server for all: starting one takes longer than refusing them all
        for name, given, reason in BAD_CALLS:
            arguments = {key: named.get(str(value), value) for key, value in given.items()}
            told = await refused(client, name, **arguments)
            assert reason in told
            assert "Traceback" not in told
            assert "pydantic" not in told
            assert told.count(". ") >= 1, f"no next step: {told}"
        assert (await call(client, "list_audio"))["total_assets"] == 1


async def test_what_models_write_for_nothing_is_the_default(connect: Any, embedded: Any) -> None:
    async with connect() as client:
        needed: dict[str, dict[str, Any]] = {
            "embed_audio": {"source": str(embedded.recording)},
            "get_task": {"task_id": embedded.task_id},
            "search_clips": {"query": "dark"},
            "classify_clips": {"labels": ["weather", "food"]},
            "get_clip": {"asset_id": embedded.asset_id, "end_sec": 2},
            "read_transcript": {"asset_id": embedded.asset_id},
            "name_speaker": {"asset_id": embedded.asset_id, "speaker": "1"},
        }
        changing = ("remove_audio", "erase_span", "correct_transcript", "forget_voice")
        tools = [tool for tool in (await client.list_tools()).tools if tool.name not in changing]
        assert len(tools) > len(needed)
        for tool in tools:
            given = needed.get(tool.name, {})
            usual = await call(client, tool.name, **given)
            for nothing in (None, "", " "):
                optional = {name: nothing for name in tool.input_schema["properties"] if name not in given}
                answer = await call(client, tool.name, **optional, **given)
                for part in ("clips", "assets", "lines", "asset_id"):
                    assert answer.get(part) == usual.get(part)


async def test_a_text_where_a_list_is_wanted_is_a_list_of_one(connect: Any, embedded: Any) -> None:
    async with connect() as client:
        alone = await call(client, "search_clips", query="dark", asset_ids=embedded.asset_id)
        assert alone == await call(client, "search_clips", query="dark", asset_ids=[embedded.asset_id])


async def test_an_argument_that_a_tool_does_not_have_is_named_and_left_out(connect: Any, embedded: Any) -> None:
    async with connect() as client:
        result = await client.call_tool("search_clips", {"query": "dark", "asset_id": embedded.asset_id, "reason": "x"})
        first = text_of(result).splitlines()[0]
        assert "asset_id (did you mean asset_ids?), reason" in first
        assert result.structured_content is not None
        assert result.structured_content["notes"][0] == first
        listing = await client.call_tool("list_audio", {"limit": 5, "x" * 1000: 1})
        assert not listing.is_error
        assert "limit" in text_of(listing).splitlines()[0]
        assert len(text_of(listing).splitlines()[0]) < 400


async def test_an_unexpected_failure_says_what_to_do_and_not_what_it_was(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        Settings.model_validate({"workers": "a secret"})

    monkeypatch.setattr("soundbite_tools.list_audio", fails)
    async with connect() as client:
        told = await refused(client, "list_audio")
    assert "Try once more; the server's log says what happened." in told
    assert "arguments" not in told
    assert "secret" not in told


async def test_an_empty_library_says_what_to_call_first(tmp_path: Path) -> None:
    from mcp import Client

    async with Client(build_server(Settings(home=tmp_path / "home", roots=(), workers=1))) as client:
        assert "Call embed_audio" in await refused(client, "search_clips", query="anything")
        assert (await call(client, "list_audio"))["total_assets"] == 0


async def test_a_truncated_recording_is_kept_as_far_as_it_goes_and_says_so(connect: Any, tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    whole = root / "whole.wav"
    silence(whole, 30)
    (root / "cut.wav").write_bytes(whole.read_bytes()[: 16000 * 2 * 8])
    async with connect(roots=(root,)) as client:
        task = await call(client, "embed_audio", source=str(root / "cut.wav"), embedding_option=["audio"])
    assert task["status"] == "ready"
    assert task["audio_seconds"] < 9


async def test_a_recording_that_is_gone_still_gives_its_words(connect: Any, embedded: Any, tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    moved = root / "gone.flac"
    shutil.copyfile(embedded.recording, moved)
    # In a library of its own: where the same content lies in another place too, that is the recording's.
    async with connect(home=tmp_path / "own", roots=(root,)) as client:
        task = await call(client, "embed_audio", source=str(moved), end_sec=12, wait_seconds=25)
        while task["status"] == "processing":
            task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=25)
        moved.unlink()
        clip = await call(client, "get_clip", asset_id=embedded.asset_id, end_sec=6)
    assert "river" in clip["text"]
    assert "path" not in clip
    assert any("gone" in note for note in clip["notes"])
