"""A server killed in the middle of its work: what was begun is finished by the next one, once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from soundbite_store import ClipFilter, ClipStore

LONGEST_S = 240.0
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}


class StdioServer:
    """A server process, spoken to in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._last_id = 0

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        await self._send({"id": self._last_id, "method": method, "params": params})
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._last_id:
                return dict(message["result"])
        raise AssertionError("The server closed its output")

    async def greet(self) -> None:
        await self.request("initialize", HELLO)
        await self._send({"method": "notifications/initialized"})

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        result = await self.request("tools/call", {"name": name, "arguments": arguments})
        assert not result.get("isError"), result
        return dict(result["structuredContent"])

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def started(home: Path, root: Path, log: Path | None = None, **settings: str) -> AsyncIterator[StdioServer]:
    with (log or Path(os.devnull)).open("ab") as stderr:
        async with _running(home, root, stderr, settings) as server:
            yield server


@asynccontextmanager
async def _running(home: Path, root: Path, stderr: IO[bytes], settings: dict[str, str]) -> AsyncIterator[StdioServer]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "soundbite_server", "serve"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={
            **os.environ,
            "SOUNDBITE_HOME": str(home),
            "SOUNDBITE_ROOTS": str(root),
            "SOUNDBITE_WORKERS": "1",
            **settings,
        },
        limit=2**22,
    )
    server = StdioServer(process)
    try:
        await server.greet()
        yield server
    finally:
        if process.returncode is None:
            assert process.stdin
            process.stdin.close()
            await process.wait()


async def kept(home: Path) -> list[tuple[str, str, float, float]]:
    async with await ClipStore.open(home / "store") as store:
        clips = [
            clip
            for info in await store.spaces()
            for clip in await store.embeddings(info.space, ClipFilter(), limit=10_000, offset=0)
        ]
    return sorted((clip.embedding_option, clip.embedding_scope, clip.start_sec, clip.end_sec) for clip in clips)


async def test_a_task_whose_server_was_killed_is_finished_by_the_next_one_unasked(
    embedded: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    async with asyncio.timeout(LONGEST_S):
        async with started(home, embedded.root) as server:
            task = await server.call("embed_audio", source=str(embedded.recording), end_sec=12, wait_seconds=0)
            assert task["status"] == "processing"
            await server.kill()
        async with started(home, embedded.root) as server:
            begun = await server.call("get_task", task_id=task["task_id"])
            while begun["status"] == "processing" and begun.get("stage") != "embedding":
                begun = await server.call("get_task", task_id=task["task_id"], wait_seconds=0.1)
            assert begun["status"] == "processing", "it was over before it could be killed"
            await server.kill()
        async with started(home, embedded.root) as server:
            # Only the library is looked at: nothing here asks for the task.
            while (listing := await server.call("list_audio"))["assets"][0]["status"] == "processing":
                await asyncio.sleep(0.1)
            assert [asset["status"] for asset in listing["assets"]] == ["ready"]
            finished = await server.call("get_task", task_id=task["task_id"])
    clips = await kept(home)
    assert clips == await kept(embedded.home), "clips were lost or doubled"
    assert finished["embedding_count"] == len(clips)
