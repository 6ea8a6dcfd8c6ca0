"""What the sockets promise that Soundbite's servers listen on."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

from soundbite_server.http.connections import listen

# A system puts the confirmation of a first small piece off for at least so long.
CONFIRMED_AFTER_S = 0.04


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_small_pieces_are_sent_at_once(host: str) -> None:
    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted: socket.socket = writer.get_extra_info("socket")
        seen.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listen(host, 0)
    async with await asyncio.start_server(accept, sock=listening):
        _, writer = await asyncio.open_connection(host, listening.getsockname()[1])
        assert await asyncio.wait_for(seen, 10)
        writer.close()


@pytest.mark.parametrize("command", [["serve", "--http", "127.0.0.1:0"], ["engine", "--port", "0"]], ids=str)
async def test_an_answer_does_not_wait_for_the_confirmation_of_its_head(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soundbite_server", *command, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert process.stdout
        said = b""
        while not (found := re.search(rb"http://127\.0\.0\.1:\d+", said)):
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, said
            said += line
        if command[0] == "engine":
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert b"set TWELVELABS_BASE_URL to the address above" in line
            assert b"give it any text as its API key" in line
        took = []
        async with httpx.AsyncClient(base_url=found[0].decode()) as client:
            for _ in range(20):
                begun = time.perf_counter()
                await client.get("/nothing-here")
                took.append(time.perf_counter() - begun)
        # The first pieces on a connection are confirmed at once.
        assert min(took[10:]) < CONFIRMED_AFTER_S
    finally:
        process.terminate()
        await process.communicate()


def test_an_address_that_is_taken_is_refused() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])
