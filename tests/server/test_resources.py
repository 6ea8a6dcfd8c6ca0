"""Resources, completions and prompts, through a client."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from mcp import MCPError
from mcp_types import (
    BlobResourceContents,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from soundbite_store import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from mcp import Client


async def read(client: Client, uri: str) -> TextResourceContents:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_host_reads_the_library_down_to_the_sound(connect: Any, embedded: Any, mode: str) -> None:
    async with connect(mode) as client:
        listed = await client.list_resources()
        assert [str(each.uri) for each in listed.resources] == [
            "ui://soundbite/player",
            "skill://soundbite/SKILL.md",
            "soundbite://library",
        ]
        index = json.loads((await read(client, "soundbite://library")).text)
        recording = json.loads((await read(client, index["assets"][0]["uri"])).text)
        assert (recording["asset_id"], recording["status"]) == (embedded.asset_id, "ready")
        said = await read(client, index["assets"][0]["transcript_uri"])
        assert said.text.startswith("[00:00] ")
        assert "dark" in said.text
        subrip = await read(client, f"soundbite://transcripts/{embedded.asset_id}.srt")
        notes = await read(client, f"soundbite://transcripts/{embedded.asset_id}.md")
        assert (subrip.text[:12], notes.text[:10]) == ("1\n00:00:00,0", "---\ntitle:")
        subtitles = await read(client, f"soundbite://transcripts/{embedded.asset_id}.vtt")
        assert subtitles.mime_type == "text/vtt"
        assert subtitles.text.startswith("WEBVTT\n\n00:00:0")
        found = await client.call_tool("search_clips", {"query": "sky"})
        clip_id = (found.structured_content or {})["clips"][0]["clip_id"]
        [sound] = (await client.read_resource(f"soundbite://clips/{clip_id}")).contents
        assert isinstance(sound, BlobResourceContents)
        assert sound.mime_type == "audio/mpeg"
        assert len(base64.b64decode(sound.blob)) > 1000


async def test_a_recording_stays_ready_when_a_later_task_of_it_fails(
    connect: Any, embedded: Any, tmp_path: Path
) -> None:
    async with await Ledger.open(tmp_path / "home" / "ledger.sqlite") as ledger:
        task = await ledger.create_task(asset_id=embedded.asset_id, space="", platform="embedded")
        await ledger.update_task(task.task_id, status="failed")
    async with connect() as client:
        recording = json.loads((await read(client, f"soundbite://assets/{embedded.asset_id}")).text)
        listed = (await client.call_tool("list_audio", {})).structured_content
    assert (recording["status"], recording["task_id"]) == ("ready", task.task_id)
    assert listed
    assert listed["assets"][0]["status"] == "ready"


async def test_what_is_not_there_is_refused_and_paths_lead_nowhere(connect: Any) -> None:
    async with connect() as client:
        for uri in (
            "soundbite://assets/a_unknown",
            "soundbite://transcripts/a_unknown",
            "soundbite://transcripts/a_unknown.vtt",
            "soundbite://clips/c_unknown",
            "soundbite://clips/..%2F..%2Fetc%2Fpasswd",
            "soundbite://assets/../../etc/passwd",
            "soundbite://assets/%00",
            "soundbite://elsewhere/x",
            "file:///etc/passwd",
        ):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert "Traceback" not in str(refused.value)


async def test_ids_are_completed_by_title_and_tags_by_use(connect: Any, embedded: Any) -> None:
    template = ResourceTemplateReference(type="ref/resource", uri="soundbite://assets/{asset_id}")
    prompt = PromptReference(type="ref/prompt", name="answer_from_library")
    async with connect() as client:
        assert "completions" in client.server_capabilities.model_dump(exclude_none=True)

        async def completed(ref: Any, name: str, value: str) -> list[str]:
            return (await client.complete(ref, {"name": name, "value": value})).completion.values

        assert await completed(template, "asset_id", embedded.asset_id[:6]) == [embedded.asset_id]
        assert await completed(template, "asset_id", "Field") == [embedded.asset_id]
        assert await completed(template, "asset_id", "nothing like it") == []
        assert await completed(prompt, "tag", "fi") == ["field"]
        assert await completed(prompt, "question", "wh") == []


async def test_clips_are_completed_by_id_and_by_the_title_of_their_recording(connect: Any, embedded: Any) -> None:
    template = ResourceTemplateReference(type="ref/resource", uri="soundbite://clips/{clip_id}")
    async with connect() as client:
        found = await client.call_tool("search_clips", {"query": "sky"})
        clip_id = (found.structured_content or {})["clips"][0]["clip_id"]

        async def completed(value: str) -> list[str]:
            return (await client.complete(template, {"name": "clip_id", "value": value})).completion.values

        assert await completed(clip_id[:8]) == [clip_id]
        of_recording = await completed("field")
        assert clip_id in of_recording
        assert len(of_recording) == len(set(of_recording))
        assert await completed("c_nothing") == await completed("nothing like it") == []


async def test_prompts_name_the_tools_and_ask_for_cited_time_ranges(connect: Any) -> None:
    async with connect() as client:
        prompts = (await client.list_prompts()).prompts
        assert [each.name for each in prompts] == ["answer_from_library", "summarise_recording", "compare_recordings"]
        assert all(each.title and each.description for each in prompts)
        for each in prompts:
            given = {argument.name: f"<{argument.name}>" for argument in each.arguments or []}
            [message] = (await client.get_prompt(each.name, given)).messages
            assert isinstance(message.content, TextContent)
            assert "time range" in message.content.text
            assert all(value in message.content.text for value in given.values())
