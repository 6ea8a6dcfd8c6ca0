"""The Skills extension: an entry that a host can verify against what it reads."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
from mcp_types import INVALID_PARAMS

from soundbite_server.http.app import build_http_app
from soundbite_server.http.settings import HttpSettings
from soundbite_server.mcp.prompts import SKILL_URI, SKILLS

ROOT = Path(__file__).parents[2]
MODERN = "2026-07-28"


async def ask(http: httpx.AsyncClient, method: str, **params: Any) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {SKILLS: {}}},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
        "mcp-name": params.get("uri", ""),
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    answer = await http.post("/mcp", json=body, headers=headers)
    lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:") and line[5:].strip()]
    return dict(json.loads(lines[-1] if lines else answer.text))


def test_the_skill_is_that_of_the_plugin_and_its_frontmatter_is_plain() -> None:
    text = (ROOT / "plugin/skills/soundbite/SKILL.md").read_text(encoding="utf-8")
    assert (ROOT / "server/soundbite_server/mcp/skill.md").read_text(encoding="utf-8") == text
    block = text.split("---\n", 2)[1].splitlines()
    assert [line.split(": ", 1)[0] for line in block] == ["name", "description"]
    for line in block:
        value = line.split(": ", 1)[1]
        assert ": " not in value
        assert " #" not in value
        assert value[0].isalpha()


async def test_a_host_finds_gets_and_verifies_the_skill(tmp_path: Path) -> None:
    app = build_http_app(HttpSettings(home=tmp_path, roots=(tmp_path,), workers=1))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        asyncio.timeout(120),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as http,
    ):
        capabilities = (await ask(http, "server/discover"))["result"]["capabilities"]
        listed = (await ask(http, "skills/list"))["result"]
        skill = (await ask(http, "skills/get", uri=SKILL_URI))["result"]["skill"]
        (content,) = (await ask(http, "resources/read", uri=SKILL_URI))["result"]["contents"]
        refused = await ask(http, "skills/get", uri="skill://other/SKILL.md")
    assert capabilities["extensions"][SKILLS] == {}
    assert capabilities["resources"] is not None
    assert (listed["resultType"], listed["cacheScope"], listed["skills"]) == ("complete", "public", [skill])
    assert listed["ttlMs"] > 0
    served = content["text"].encode()
    assert content["mimeType"] == "text/markdown"
    digest = f"sha256:{hashlib.sha256(served).hexdigest()}"
    assert skill["resources"] == [{"uri": SKILL_URI, "digest": digest, "size": len(served)}]
    assert skill["uri"].split("/")[-2] == skill["frontmatter"]["name"]
    assert refused["error"]["code"] == INVALID_PARAMS
