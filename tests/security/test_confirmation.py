"""Removing a recording is confirmed by the user where the client can ask, and goes on as ever where it can't."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from soundbite_server import Settings, build_server

TITLE = 'tone" is kept. Nothing is removed. "'


def client_of(
    tmp_path: Path, mode: Any, action: Literal["accept", "decline", "cancel"] | None
) -> tuple[Client, list[str]]:
    """Return a client whose user answers so, None for one that can't be asked, and what the user was asked."""
    asked: list[str] = []

    async def ask(_: ClientRequestContext, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        asked.append(params.message)
        assert action
        return ElicitResult(action=action, content={} if action == "accept" else None)

    server = build_server(Settings(home=tmp_path / "home", roots=(tmp_path,), workers=1))
    return Client(server, mode=mode, elicitation_callback=ask if action else None), asked


async def embedded(client: Client, tmp_path: Path) -> str:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join((3000 * (-1) ** (n // 9)).to_bytes(2, "little", signed=True) for n in range(16000)))
    wanted = {"source": str(path), "title": TITLE, "embedding_option": ["audio"]}
    result = await client.call_tool("embed_audio", wanted)
    while (task := result.structured_content or {}).get("status") == "processing":
        result = await client.call_tool("get_task", {"task_id": task["task_id"], "wait_seconds": 25})
    assert not result.is_error, result.content
    return str(task["asset_id"])


async def total(client: Client) -> int:
    return int(((await client.call_tool("list_audio", {})).structured_content or {})["total_assets"])


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_user_is_asked_by_title_and_what_is_declined_stays(tmp_path: Path, mode: str) -> None:
    client, asked = client_of(tmp_path, mode, "decline")
    async with client:
        asset_id = await embedded(client, tmp_path)
        refused = await client.call_tool("remove_audio", {"asset_id": asset_id})
        assert refused.is_error
        assert "did not agree" in str(refused.content)
        assert await total(client) == 1
        gone = await client.call_tool("remove_audio", {"asset_id": "a_none"})
        assert not gone.is_error, "there is nothing to ask about"
    [question] = asked
    assert question.startswith('Remove the recording "tone')
    assert question.count('"') == 2, "the title can't end its quotes"


@pytest.mark.parametrize(
    ("mode", "action"), [("legacy", "accept"), ("2026-07-28", "accept"), ("legacy", None), ("2026-07-28", None)]
)
async def test_what_is_confirmed_is_removed_and_a_client_that_can_not_ask_removes_as_ever(
    tmp_path: Path, mode: str, action: Literal["accept"] | None
) -> None:
    client, asked = client_of(tmp_path, mode, action)
    async with client:
        asset_id = await embedded(client, tmp_path)
        removed = await client.call_tool("remove_audio", {"asset_id": asset_id})
        assert (removed.structured_content or {})["is_removed"]
        assert await total(client) == 0
    assert len(asked) == (1 if action else 0)


async def test_an_answer_to_another_question_confirms_nothing(tmp_path: Path) -> None:
    client, _ = client_of(tmp_path, "2026-07-28", "accept")
    async with client:
        asset_id = await embedded(client, tmp_path)
        arguments = {"asset_id": asset_id}
        first = await client.session.call_tool("remove_audio", arguments, allow_input_required=True)
        assert isinstance(first, InputRequiredResult)
        yes = {name: ElicitResult(action="accept", content={}) for name in first.input_requests or {}}
        await client.call_tool("name_speaker", {"asset_id": asset_id, "speaker": "1"})
        unasked = await client.session.call_tool(
            "remove_audio", arguments, input_responses=yes, allow_input_required=True
        )
        assert not isinstance(unasked, CallToolResult), "answers without the question's own state count for nothing"
        assert await total(client) == 1
