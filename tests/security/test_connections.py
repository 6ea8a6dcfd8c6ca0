"""Connections that send nothing: they keep nobody out, and the log stays short."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from server_process import server_process
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from soundbite_server.http.connections import Connection, ConnectionLimits, Server, listen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are limited on POSIX only")
PROBES = {"serve": "/healthz", "engine": "/v1.3/assets"}


@pytest.mark.parametrize("command", list(PROBES))
@pytest.mark.parametrize("descriptors", [128, 256])
def test_silent_connections_keep_nobody_out(command: str, descriptors: int, tmp_path: Path) -> None:
    with server_process(command, tmp_path, descriptors) as server:
        silent = server.silent(descriptors + 50)
        try:
            for _ in range(5):
                answer = httpx.get(server.url + PROBES[command], headers={"x-api-key": "any"}, timeout=30)
                assert answer.status_code == 200, answer.text
            assert sys.platform != "linux" or server.descriptors < descriptors
        finally:
            for connection in silent:
                connection.close()
        assert httpx.get(server.url + PROBES[command], headers={"x-api-key": "any"}, timeout=30).status_code == 200
        assert server.log.stat().st_size < 20_000, server.log.read_text()[:2000]


async def test_a_caller_that_is_silent_too_long_is_put_down(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def echo(request: Request) -> Response:
        if request.method == "POST":
            with suppress(ClientDisconnect):
                await request.body()
        else:
            await release.wait()
        return Response("done")

    limits = ConnectionLimits(in_all=6, by_address=5, headers_s=1.0, stalled_s=1.0)
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    server = Server(uvicorn.Config(app, http=Connection, ws="none", log_config=None, timeout_keep_alive=60), limits)
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve_on(listening))
    writers: list[asyncio.StreamWriter] = []
    try:
        begun = time.monotonic()
        texts = {
            "says nothing": b"",
            "half of its headers": b"POST / HTTP/1.1\r\nHost: x\r\n",
            "half of its body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
            "waits for its answer": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        }
        answers = {}
        for name, text in texts.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text)
            writers.append(writer)
            answers[name] = (asyncio.create_task(reader.read(16)), writer)
        patient, _ = answers.pop("waits for its answer")
        for name, (answer, _) in answers.items():
            with suppress(ConnectionError):
                assert await asyncio.wait_for(answer, 60) == b"", name
            assert time.monotonic() - begun > 0.9, name
        assert not patient.done(), "a request that is under way is not cut off"
        release.set()
        assert (await asyncio.wait_for(patient, 60)).startswith(b"HTTP/1.1 200")
    finally:
        for writer in writers:
            writer.close()
        release.set()
        server.should_exit = True
        await asyncio.wait_for(serving, 60)
        listening.close()


async def test_when_all_are_at_work_the_next_is_told_to_come_again(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def wait(_: Request) -> Response:
        await release.wait()
        return Response("done")

    app = Starlette(routes=[Route("/", wait)])
    config = uvicorn.Config(app, http=Connection, ws="none", log_config=None)
    server = Server(config, ConnectionLimits(in_all=4, by_address=3))
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve_on(listening))
    writers: list[asyncio.StreamWriter] = []
    try:
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in streams:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            writers.append(writer)
        async with asyncio.timeout(60):
            while len(server.server_state.tasks) < 3:
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            assert (await reader.read(12)) == b"HTTP/1.1 503"
            release.set()
            for reader, _ in streams:
                assert (await reader.read(12)) == b"HTTP/1.1 200"
    finally:
        release.set()
        for writer in writers:
            writer.close()
        server.should_exit = True
        await asyncio.wait_for(serving, 60)
        listening.close()


def test_limits_leave_half_of_the_descriptors() -> None:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = ConnectionLimits(in_all=10**8).within_descriptors()
    assert limits.in_all == soft // 2
    assert limits.by_address == limits.in_all // 2
    assert ConnectionLimits(in_all=10, by_address=50).within_descriptors().by_address == 10


@pytest.mark.parametrize("code", [errno.EPERM, errno.EIO, errno.EMFILE, errno.EBADF])
async def test_a_server_that_can_take_nobody_pauses_and_runs_in_no_circle(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def failing(_: socket.socket) -> tuple[socket.socket, object]:
        nonlocal tries
        tries += 1
        if tries > 100:
            raise asyncio.CancelledError  # or nobody else would ever have a turn
        raise OSError(code, "no")

    server = Server(uvicorn.Config(Starlette(), http=Connection, ws="none", log_config=None))
    listening = listen("127.0.0.1", 0)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", failing)
    serving = asyncio.create_task(server.serve_on(listening))
    try:
        async with asyncio.timeout(60):
            while not tries:
                await asyncio.sleep(0.01)
        assert tries < 100
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 60)
        listening.close()


async def test_requests_that_are_no_http_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(uvicorn.Config(Starlette(), http=Connection, ws="none", log_config=None))
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve_on(listening))
    try:
        async with asyncio.timeout(60):
            for text in (
                b"\x16\x03\x01 no HTTP\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n",
            ):
                for _ in range(20):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(text)
                    assert (await reader.read(9)).startswith(b"HTTP/1.1")
                    writer.close()
            while not (told := [line for line in caplog.messages if "no HTTP" in line]):
                await asyncio.sleep(0.05)
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 60)
        listening.close()
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == len(told) == 1, caplog.messages
