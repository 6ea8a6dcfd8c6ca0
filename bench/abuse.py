"""One caller who does its worst beside a quiet one: how long the quiet one waits, and what the server spends.

    nice python bench/abuse.py --json abuse.json

Starts `soundbite serve --http` on loopback with two tokens, at 1,024 and at 256 descriptors. The quiet caller searches,
lists, plays clips and embeds a minute of speech now and then; beside it come connections that send nothing or no HTTP,
sessions and uploads without end, and sounds of four hours in some kilobytes. All is bounded in count and time. Exits
with 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import shlex
import statistics
import sys
import tempfile
import time
import wave
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import httpx2
import numpy as np
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SAMPLES = Path(__file__).parents[1] / "samples"
QUIET, LOUD = "the-token-of-a-quiet-caller", "the-token-of-a-loud-caller"
QUESTIONS = ("the oven", "the river is rising", "two bottles of milk", "the wrong street", "a street", "a kitchen")
MOST_TIMES_QUIET, MOST_LOG_BYTES, MOST_SERVER_MB, MOST_TREE_MB = 5.0, 1_000_000, 900, 3000
SILENT, JUNK, SESSIONS, UPLOADS, UPLOAD_BYTES, BOMBS = 1150, 2000, 3000, 60, 8 << 20, 4
CALLS, MINUTES, LONGEST_S = 40, 8, 600.0
PAUSE_S = 1.5  # as an agent thinks, and below the calls a minute
RATE_HZ, BOMB_RATE_HZ, HOURS = 16_000, 8_000, 4


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    pid: int
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def descriptors(self) -> int:
        return len([*Path(f"/proc/{self.pid}/fd").iterdir()])

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the server, and of it with its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        own, *others = [_resident_mb(pid) for pid in (str(self.pid), *children)]
        return own, own + sum(others)


def _resident_mb(pid: str) -> float:
    with suppress(OSError):
        if match := re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()):
            return int(match[1]) / 1024
    return 0.0


@asynccontextmanager
async def running(home: Path, root: Path, descriptors: int) -> AsyncIterator[Server]:
    log = home.with_suffix(".log")
    command = shlex.join([sys.executable, "-m", "soundbite_server", "serve", "--http", "127.0.0.1:0"])
    environment = {
        **os.environ,
        "SOUNDBITE_HOME": str(home),
        "SOUNDBITE_ROOTS": str(root),
        "SOUNDBITE_HTTP_TOKENS": f"quiet={QUIET}, loud={LOUD}",
        "SOUNDBITE_HTTP_UPLOADS_MB_PER_CALLER": "256",
    }
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"ulimit -n {descriptors}; exec {command}"), stdout=stream, stderr=stream, env=environment
        )
        try:
            while not (address := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
            yield Server(address[0], process.pid, log)
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def caller(server: Server, token: str, mode: str = "2026-07-28") -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@dataclass
class Sounds:
    """Minutes of speech, none of them twice, and long sounds in few bytes."""

    root: Path
    _speech: np.ndarray[Any, np.dtype[np.int16]] = field(init=False)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        parts = []
        for name in ("field-log.flac", "standup.flac", "memos.mp3"):
            with av.open(str(SAMPLES / name)) as container:
                resampler = av.AudioResampler("s16", "mono", RATE_HZ)
                frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            parts += [frame.to_ndarray()[0] for frame in frames]
        self._speech = np.concatenate(parts)

    def minute(self) -> Path:
        number = next(self._count)
        path = self.root / f"minute-{number}.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            # The same seconds of speech each time, so that times can be compared, and no content twice.
            sound.writeframes(
                np.concatenate([self._speech[: 60 * RATE_HZ], np.full(1 + number, 1, np.int16)]).tobytes()
            )
        return path

    def bomb(self, number: int) -> Path:
        path = self.root / f"hours-{number}.flac"
        size = 65_535
        with av.open(str(path), "w") as container:
            stream = container.add_stream("flac", rate=BOMB_RATE_HZ, options={"frame_size": str(size)})
            stream.codec_context.layout = "mono"
            for at in range(0, (HOURS * 3600 - 60 * number) * BOMB_RATE_HZ - size, size):
                frame = av.AudioFrame.from_ndarray(np.full((1, size), 7, np.int16), format="s16", layout="mono")
                frame.sample_rate, frame.pts = BOMB_RATE_HZ, at
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path


@dataclass
class Waits:
    """Seconds that the quiet caller waited, and what went wrong for it."""

    calls_s: list[float] = field(default_factory=list)
    minutes_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def timed(self, times: list[float], call: Callable[[], Awaitable[None]]) -> None:
        begun = time.perf_counter()
        try:
            await call()
        except Exception as exc:
            while isinstance(exc, ExceptionGroup):
                exc = exc.exceptions[0]
            self.errors.append(f"{type(exc).__name__}: {exc}"[:300])
        times.append(time.perf_counter() - begun)

    def figures(self) -> dict[str, float]:
        return {"calls_p95_s": p95(self.calls_s), "minutes_p95_s": p95(self.minutes_s)}


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else sum(times)


async def checked(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    if result.is_error:
        raise AssertionError(f"{name}: {result.content[0]}")
    return result.structured_content or {}


async def embed(client: Client, path: Path) -> dict[str, Any]:
    task = await checked(client, "embed_audio", source=str(path), wait_seconds=25)
    while task["status"] == "processing":
        task = await checked(client, "get_task", task_id=task["task_id"], wait_seconds=25)
    assert task["status"] == "ready", task
    return task


async def quiet_caller(server: Server, sounds: Sounds, asset_id: str, calls: int, minutes: int) -> Waits:
    """Call and embed side by side, each time over a connection of its own."""
    waits = Waits()

    async def one_call(number: int) -> None:
        async with caller(server, QUIET) as client:
            await checked(client, "search_clips", query=QUESTIONS[number % len(QUESTIONS)])
            await checked(client, "list_audio")
            await checked(client, "get_clip", asset_id=asset_id, start_sec=number % 50, end_sec=number % 50 + 3)

    async def one_minute() -> None:
        async with caller(server, QUIET) as client:
            await embed(client, sounds.minute())

    async def call_on() -> None:
        for number in range(calls):
            await waits.timed(waits.calls_s, lambda: one_call(number))  # noqa: B023  (awaited at once)
            await asyncio.sleep(PAUSE_S)

    async def embed_on() -> None:
        for _ in range(minutes):
            await waits.timed(waits.minutes_s, one_minute)

    try:
        async with asyncio.timeout(LONGEST_S):
            await asyncio.gather(call_on(), embed_on())
    except TimeoutError:
        waits.errors.append(f"not done after {LONGEST_S:.0f} s")
    return waits


async def silence(server: Server) -> None:
    """Connections that send nothing, and more for those that the server ends; between them some that send no HTTP."""
    writers: list[asyncio.StreamWriter] = []
    try:
        for number in range(SILENT + JUNK):
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                if number % 2 and number > SILENT:
                    writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")
                writers.append(writer)
            while len(writers) > SILENT:
                writers.pop(0).close()
            if number > SILENT:
                await asyncio.sleep(0.01)
        await asyncio.sleep(LONGEST_S)
    finally:
        for writer in writers:
            writer.close()


async def sessions(server: Server) -> None:
    """Sessions, twenty at a time, which are never used."""
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "loud", "version": "0"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    headers = {"authorization": f"Bearer {LOUD}", "accept": "application/json, text/event-stream"}
    limit = asyncio.Semaphore(20)
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:

        async def one() -> None:
            async with limit:
                with suppress(httpx2.HTTPError):
                    await http.post(f"{server.url}/mcp", json=message)

        await asyncio.gather(*(one() for _ in range(SESSIONS)))


async def uploads(server: Server) -> None:
    """Files by links of the server's own, more than the caller's quota, eight at a time, each fourth cut off."""
    async with caller(server, LOUD) as client, httpx2.AsyncClient(timeout=120) as http:

        async def one(number: int) -> None:
            answer = await client.call_tool("embed_audio", {"source": f"/somewhere/else-{number}.wav"})
            match = re.search(r"http://[^\s']+/uploads/[^\s']+", str(answer.content))
            if match is None:
                return

            async def body() -> AsyncIterator[bytes]:
                for block in range(UPLOAD_BYTES >> 16):
                    if number % 4 == 0 and block == 60:
                        raise ConnectionError
                    yield bytes(1 << 16)

            with suppress(httpx2.HTTPError, ConnectionError):
                assert (await http.post(match[0], content=body())).status_code != 500, "an upload was answered with 500"

        for begin in range(0, UPLOADS, 8):
            await asyncio.gather(*(one(number) for number in range(begin, min(begin + 8, UPLOADS))))


async def bombs(server: Server, sounds: Sounds) -> None:
    """Four hours of nothing in some kilobytes, several at once."""
    async with caller(server, LOUD) as client:
        for number in range(BOMBS):
            await checked(client, "embed_audio", source=str(sounds.root / f"hours-{number}.flac"), wait_seconds=0)
        await asyncio.sleep(LONGEST_S)


async def beside(server: Server, sounds: Sounds, asset_id: str, attack: Awaitable[None] | None) -> dict[str, Any]:
    """What the quiet caller waits, and the server spends, while the attack goes on; None is no attack."""
    peaks = {"server_mb": 0.0, "tree_mb": 0.0, "descriptors": 0.0}

    async def watch() -> None:
        while True:
            own, tree = server.memory_mb()
            now = {"server_mb": own, "tree_mb": tree, "descriptors": float(server.descriptors)}
            peaks.update({name: max(peaks[name], value) for name, value in now.items()})
            await asyncio.sleep(0.25)

    watching = asyncio.ensure_future(watch())
    attacking = asyncio.ensure_future(attack) if attack is not None else None
    await asyncio.sleep(0 if attack is None else 3)
    try:
        waits = await quiet_caller(server, sounds, asset_id, CALLS, MINUTES)
    finally:
        watching.cancel()
        if attacking is not None and not attacking.done():
            attacking.cancel()
    problem = ""
    if attacking is not None:
        with suppress(asyncio.CancelledError):
            if exc := (await asyncio.gather(attacking, return_exceptions=True))[0]:
                problem = "" if isinstance(exc, asyncio.CancelledError) else f"{type(exc).__name__}: {exc}"
    return {**waits.figures(), **peaks, "errors": waits.errors, "attack": problem}


async def run(descriptors: int, attacks: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "recordings"), Path(folder, "home")
        root.mkdir()
        sounds = Sounds(root)
        for number in range(BOMBS if "bombs" in attacks else 0):
            print(f"{descriptors}: {HOURS} hours in {sounds.bomb(number).stat().st_size / 1000:.0f} kB")
        async with running(home, root, descriptors) as server:
            async with caller(server, QUIET) as client:
                asset_id = (await embed(client, sounds.minute()))["asset_id"]
            begin = {
                "quiet": lambda: None,
                "silent": lambda: silence(server),
                "sessions": lambda: sessions(server),
                "uploads": lambda: uploads(server),
                "bombs": lambda: bombs(server, sounds),
            }
            for name in ("quiet", *attacks):
                found[name] = await beside(server, sounds, asset_id, begin[name]())
                found[name]["log_bytes"] = server.log.stat().st_size
                print(f"{descriptors} {name}: {found[name]}", flush=True)
    return found


def problems(found: dict[str, dict[str, Any]], descriptors: int) -> list[str]:
    """What passes a limit."""
    quiet, told = found["quiet"], []
    for name, figures in found.items():
        told += [
            f"{name}: {kind} {figures[kind]:.2f} is {figures[kind] / quiet[kind]:.1f} x the quiet one"
            for kind in ("calls_p95_s", "minutes_p95_s")
            if figures[kind] > MOST_TIMES_QUIET * quiet[kind]
        ]
        limits = {"log_bytes": MOST_LOG_BYTES, "server_mb": MOST_SERVER_MB, "tree_mb": MOST_TREE_MB}
        limits["descriptors"] = descriptors
        told += [
            f"{name}: {kind} {figures[kind]:.0f} of {most}" for kind, most in limits.items() if figures[kind] > most
        ]
        told += [f"{name}: {text}" for text in (*figures["errors"], figures["attack"]) if text]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", default="silent,sessions,uploads,bombs", help="those to run, with commas")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    attacks = tuple(filter(None, arguments.attacks.split(",")))
    found = {1024: asyncio.run(run(1024, attacks))}
    if "silent" in attacks:
        found[256] = asyncio.run(run(256, ("silent",)))
    told = [f"{at} descriptors, {text}" for at, figures in found.items() for text in problems(figures, at)]
    print("\n| descriptors | beside | p95 of calls | p95 of a minute | server | with workers | descriptors | log |")
    print("|---|---|---|---|---|---|---|---|")
    for at, figures in found.items():
        quiet = figures["quiet"]
        for name, row in figures.items():
            calls, minutes = (
                f"{row[kind]:.2f} s ({row[kind] / quiet[kind]:.1f} x)" for kind in ("calls_p95_s", "minutes_p95_s")
            )
            memory = f"{row['server_mb']:.0f} MB | {row['tree_mb']:.0f} MB | {row['descriptors']:.0f}"
            print(f"| {at} | {name} | {calls} | {minutes} | {memory} | {row['log_bytes'] / 1000:.0f} kB |")
    for text in told:
        print(" -", text)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    main()
