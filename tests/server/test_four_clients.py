"""One conversation through four clients, in both eras of the protocol: all are told the same."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from http_server import serving
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from soundbite_server import Settings, build_server

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
REPOSITORY = Path(__file__).parents[2]
TOOLS = Path(os.environ.get("SOUNDBITE_NODE_TOOLS", REPOSITORY / ".venv" / "conformance")) / "node_modules"
INSPECTOR, NODE = TOOLS / ".bin" / "mcp-inspector", TOOLS / "node" / "bin"
ERAS = {"legacy": "legacy", "modern": "2026-07-28"}


def calls_of(client: Client) -> Call:
    async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content or {}

    return call


@asynccontextmanager
async def in_memory(home: Path, root: Path, era: str) -> AsyncIterator[Call]:
    async with Client(build_server(Settings(home=home, roots=(root,), workers=1)), mode=ERAS[era]) as client:
        yield calls_of(client)


@asynccontextmanager
async def over_stdio(home: Path, root: Path, era: str) -> AsyncIterator[Call]:
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "soundbite_server"],
        env={"SOUNDBITE_HOME": str(home), "SOUNDBITE_ROOTS": str(root), "SOUNDBITE_WORKERS": "1"},
    )
    async with Client(stdio_client(started), mode=ERAS[era]) as client:
        yield calls_of(client)


@asynccontextmanager
async def over_http(home: Path, root: Path, era: str) -> AsyncIterator[Call]:
    async with serving(home, root) as url, Client(f"{url}mcp", mode=ERAS[era]) as client:
        yield calls_of(client)


@asynccontextmanager
async def by_inspector(home: Path, root: Path, era: str) -> AsyncIterator[Call]:
    async with serving(home, root) as page:
        url = f"{page}mcp"

        async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            process = await asyncio.create_subprocess_exec(
                *(str(INSPECTOR), "--cli", "--protocol-era", era, "--server-url", url, "--transport", "http"),
                *("--method", "tools/call", "--tool-name", name, "--tool-args-json", json.dumps(arguments)),
                *("--format", "json", "-q"),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"},
            )
            async with asyncio.timeout(60):
                said, _ = await process.communicate()
            result = json.loads(said)
            result = result.get("result", result)
            assert not result.get("isError"), result
            return dict(result["structuredContent"])

        yield call


CLIENTS = {"memory": in_memory, "stdio": over_stdio, "http": over_http, "inspector": by_inspector}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_conversation_from_embedding_to_the_sound_goes_the_same_way(
    embedded: Any, tmp_path: Path, name: str, era: str
) -> None:
    if name == "inspector" and not INSPECTOR.exists():
        pytest.skip("no MCP inspector here: tests/conformance/run.sh installs it")
    home = tmp_path / "home"
    shutil.copytree(embedded.home, home)
    async with CLIENTS[name](home, embedded.root, era) as call:
        task = await call("embed_audio", {"source": str(embedded.recording), "end_sec": 12})
        assert (task["task_id"], task["status"]) == (embedded.task_id, "ready")
        found = await call("search_clips", {"query": "the sky is still dark", "top_k": 2})
        best = found["clips"][0]
        assert (best["title"], best["asset_id"]) == ("field-log", embedded.asset_id)
        assert "dark" in best["text"]
        clip = await call("get_clip", {"clip_id": best["clip_id"]})
        assert "dark" in clip["text"]
        assert Path(clip["path"]).stat().st_size == clip["audio_bytes"]
        read = await call("read_transcript", {"asset_id": embedded.asset_id})
        assert any("dark" in line["text"] for line in read["lines"])
