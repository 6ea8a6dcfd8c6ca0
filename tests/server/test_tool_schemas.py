"""What agents read before they call anything: small, stable, without traps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from soundbite_server import Settings, build_server
from soundbite_server.app import INSTRUCTIONS, READ_ONLY_INSTRUCTIONS
from soundbite_server.mcp.tools import TOOLS
from soundbite_tools import Request

REQUESTS = [declaration.request for declaration in TOOLS]
SNAPSHOTS = Path(__file__).parent / "snapshots"
MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS = 2600, 1500
# Counted apart, one by one.
BY_ITSELF = ("list_speakers", "name_speaker", "correct_transcript", "teach_words", "forget_voice", "erase_span")
MOST_OWN_INPUT_TOKENS, MOST_OWN_OUTPUT_TOKENS = 220, 120


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, roots=())


async def described(settings: Settings) -> list[dict[str, Any]]:
    tools = await build_server(settings).list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]


def inner(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from inner(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from inner(value)


@pytest.mark.parametrize("read_only", [False, True], ids=["all", "read_only"])
async def test_the_tools_are_those_of_the_snapshot(settings: Settings, read_only: bool) -> None:
    """After a wanted change: SOUNDBITE_UPDATE_SNAPSHOTS=1 pytest tests/server/test_tool_schemas.py"""
    tools = await described(settings.model_copy(update={"read_only": read_only}))
    text = json.dumps(tools, indent=1, ensure_ascii=False) + "\n"
    snapshot = SNAPSHOTS / ("tools_list_read_only.json" if read_only else "tools_list.json")
    if os.environ.get("SOUNDBITE_UPDATE_SNAPSHOTS"):
        snapshot.write_text(text, encoding="utf-8")
    assert text == snapshot.read_text(encoding="utf-8")


async def test_all_tools_together_cost_an_agent_little(settings: Settings) -> None:
    tools = await described(settings)
    for tool in tools:
        if tool["name"] in BY_ITSELF:
            count = tokens_of([tool])
            print(f"\n{tool['name']}: inputs {count['inputs']}, outputs {count['outputs']}")
            assert count["inputs"] <= MOST_OWN_INPUT_TOKENS
            assert count["outputs"] <= MOST_OWN_OUTPUT_TOKENS
    count = tokens_of([tool for tool in tools if tool["name"] not in BY_ITSELF])
    print(
        f"\ninputs {count['inputs']} of {MOST_INPUT_TOKENS}, outputs {count['outputs']} of {MOST_OUTPUT_TOKENS} tokens"
    )
    assert count["inputs"] <= MOST_INPUT_TOKENS
    assert count["outputs"] <= MOST_OUTPUT_TOKENS


def tokens_of(tools: list[dict[str, Any]]) -> dict[str, int]:
    """What the tools cost by the byte-pair encoding that comes with the recogniser's weights, which is GPT-2's."""
    from tokenizers import Tokenizer

    encoding = Tokenizer.from_file(str(files("soundbite_engine") / "weights" / "whisper-tiny.en" / "tokenizer.json"))

    def count(part: Any) -> int:
        return len(encoding.encode(json.dumps(part, separators=(",", ":"), ensure_ascii=False)).ids)

    inputs = [{name: tool[name] for name in ("name", "description", "inputSchema")} for tool in tools]
    return {"inputs": count(inputs), "outputs": count([tool["outputSchema"] for tool in tools])}


async def test_no_description_is_cut_off_by_a_client(settings: Settings) -> None:
    for tool in await described(settings):
        assert len(tool["description"].encode()) < 2048, tool["name"]
    assert len((INSTRUCTIONS + READ_ONLY_INSTRUCTIONS).encode()) < 2048


async def test_no_input_is_null_or_a_choice_of_types(settings: Settings) -> None:
    for tool in await described(settings):
        for schema in inner(tool["inputSchema"]):
            assert "anyOf" not in schema, tool["name"]
            assert schema.get("type") != "null", tool["name"]
            assert "title" not in schema or isinstance(schema["title"], dict), tool["name"]


async def test_every_input_says_what_it_is_and_every_number_has_its_limits_in_the_text_too(settings: Settings) -> None:
    for tool in await described(settings):
        for name, schema in tool["inputSchema"]["properties"].items():
            assert schema["description"], (tool["name"], name)
            if schema["type"] in ("number", "integer"):
                assert "minimum" in schema, (tool["name"], name)
            if "maximum" in schema:  # what makes models of schemas leaves it out
                assert str(schema["maximum"]) in schema["description"], (tool["name"], name)


@pytest.mark.parametrize("request_kind", REQUESTS, ids=lambda kind: kind.__name__)
def test_every_text_and_list_is_bounded(request_kind: type[Request]) -> None:
    for name, schema in request_kind.model_json_schema()["properties"].items():
        if schema["type"] == "string" and "enum" not in schema:
            assert "maxLength" in schema, name
        if schema["type"] == "array":
            assert "maxItems" in schema or "enum" in schema["items"], name


async def test_every_tool_has_a_title_and_all_hints(settings: Settings) -> None:
    for tool in await described(settings):
        assert tool["title"]
        assert tool["annotations"].keys() == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert not (tool["annotations"]["readOnlyHint"] and tool["annotations"]["destructiveHint"])


async def test_read_only_offers_only_what_changes_nothing(settings: Settings) -> None:
    tools = await described(settings.model_copy(update={"read_only": True}))
    assert tools
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools)
