"""Long work: its progress, and a call that is given up while its job goes on; both eras, both transports."""

from __future__ import annotations

import math
import struct
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from http_server import serving
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client


@asynccontextmanager
async def over_stdio(home: Path, root: Path, mode: str) -> AsyncIterator[Client]:
    env = {"SOUNDBITE_HOME": str(home), "SOUNDBITE_ROOTS": str(root), "SOUNDBITE_WORKERS": "1"}
    started = StdioServerParameters(command=sys.executable, args=["-m", "soundbite_server"], env=env)
    async with Client(stdio_client(started), mode=mode) as client:
        yield client


@asynccontextmanager
async def over_http(home: Path, root: Path, mode: str) -> AsyncIterator[Client]:
    async with serving(home, root) as url, Client(f"{url}mcp", mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("opened", [over_stdio, over_http], ids=["stdio", "http"])
async def test_progress_is_told_and_a_call_given_up_leaves_its_job_alone(
    tmp_path: Path, opened: object, mode: str
) -> None:
    path = tmp_path / "sweep.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        values = (round(6000 * math.sin(n * n / 300_000)) for n in range(8000 * 90))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in values))
    told: list[float] = []
    heard = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)
        heard.set()

    with anyio.fail_after(100):
        async with opened(tmp_path / "home", tmp_path, mode) as client:  # type: ignore[operator]
            async with anyio.create_task_group() as group:

                async def embed() -> None:
                    await client.call_tool("embed_audio", {"source": str(path)}, progress_callback=hear)

                group.start_soon(embed)
                await heard.wait()
                group.cancel_scope.cancel()  # what a person does who presses stop
            listing = (await client.call_tool("list_audio", {})).structured_content or {}
            task_id, status = listing["assets"][0]["task_id"], "processing"
            while status == "processing":
                result = await client.call_tool("get_task", {"task_id": task_id, "wait_seconds": 20})
                status = (result.structured_content or {})["status"]
            assert status == "ready"
    assert told == sorted(told)
