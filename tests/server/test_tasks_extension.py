"""The Tasks extension over the ledger: the same task by either way of asking."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from soundbite_server.http.app import build_http_app
from soundbite_server.http.settings import HttpSettings

TASKS = "io.modelcontextprotocol/tasks"
MODERN = "2026-07-28"


class Caller:
    """A client of 2026-07-28 that says by itself what it knows."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, method: str, *, declares: bool = True, **params: Any) -> dict[str, Any]:
        capabilities = {"extensions": {TASKS: {}}} if declares else {}
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
            "mcp-name": params.get("name") or params.get("taskId", ""),
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        answer = await self._http.post("/mcp", json=body, headers=headers)
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:") and line[5:].strip()]
        said = json.loads(lines[-1] if lines else answer.text)
        return dict(said)

    async def call(self, name: str, *, declares: bool = True, **arguments: Any) -> dict[str, Any]:
        said = await self.ask("tools/call", declares=declares, name=name, arguments=arguments)
        return dict(said["result"])

    async def finished(self, task_id: str) -> dict[str, Any]:
        while (task := (await self.ask("tasks/get", taskId=task_id))["result"])["status"] == "working":
            await self.call("get_task", task_id=task_id, wait_seconds=5)  # the same task by the other way
        return dict(task)


@asynccontextmanager
async def serving(home: Path, root: Path) -> AsyncIterator[Caller]:
    app = build_http_app(HttpSettings(home=home, roots=(root,), workers=1))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        asyncio.timeout(120),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as http,
    ):
        yield Caller(http)


def sweep(path: Path, seconds: int = 30) -> str:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        values = (round(6000 * math.sin(n * n / 300_000)) for n in range(8000 * seconds))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return str(path)


async def test_a_client_that_knows_tasks_gets_one_and_both_ways_tell_the_same(tmp_path: Path) -> None:
    source = sweep(tmp_path / "sweep.wav")
    async with serving(tmp_path / "home", tmp_path) as caller:
        begun = await caller.call("embed_audio", source=source)
        assert (begun["resultType"], begun["status"], begun["ttlMs"]) == ("task", "working", None)
        done = await caller.finished(begun["taskId"])
        assert (done["resultType"], done["status"]) == ("complete", "completed")
        told = (await caller.call("get_task", task_id=begun["taskId"]))["structuredContent"]
        assert done["result"]["structuredContent"] == told
        again = await caller.call("embed_audio", source=source)
        assert again["structuredContent"]["is_reused"]  # nothing to wait for: no task


async def test_a_client_that_does_not_declare_the_extension_never_meets_it(tmp_path: Path) -> None:
    source = sweep(tmp_path / "sweep.wav", 2)
    async with serving(tmp_path / "home", tmp_path) as caller:
        plain = await caller.call("embed_audio", declares=False, source=source, wait_seconds=0)
        assert plain["resultType"] == "complete"
        task_id = plain["structuredContent"]["task_id"]
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            refused = await caller.ask(method, declares=False, taskId=task_id)
            assert refused["error"]["code"] == -32021, method
            unknown = await caller.ask(method, taskId="t_unknown")
            assert unknown["error"]["code"] == -32602, method


async def test_a_cancelled_task_ends_and_the_recording_can_be_embedded_again(tmp_path: Path) -> None:
    source = sweep(tmp_path / "sweep.wav", 60)
    async with serving(tmp_path / "home", tmp_path) as caller:
        begun = await caller.call("embed_audio", source=source)
        assert (await caller.ask("tasks/cancel", taskId=begun["taskId"]))["result"]["resultType"] == "complete"
        assert (await caller.finished(begun["taskId"]))["status"] == "cancelled"
        again = await caller.call("embed_audio", source=source)
        assert again["taskId"] != begun["taskId"]
        assert (await caller.finished(again["taskId"]))["status"] == "completed"


async def test_a_refused_source_is_a_result_and_no_task(tmp_path: Path) -> None:
    async with serving(tmp_path / "home", tmp_path) as caller:
        refused = await caller.call("embed_audio", source=str(tmp_path / "nothing.wav"))
        assert refused["isError"]
        assert refused["resultType"] == "complete"
