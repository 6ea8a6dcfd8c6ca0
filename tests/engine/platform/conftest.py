"""Real sound, a real engine on a loopback port, and engines opened for one test."""

from __future__ import annotations

import asyncio
import io
import math
import threading
import wave
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import av
import httpx
import numpy as np
import pytest
import uvicorn

from soundbite_engine import Engine, EngineConfig, UrlPolicy
from soundbite_engine.workers.media import cut
from soundbite_engine.workers.pool import WorkerPool

GRACE_S = 60.0  # a busy machine must not turn "ready" into "processing"


def write_tone(path: Path, seconds: float, rate_hz: int = 16000, hz: float = 440.0) -> Path:
    """A beeping tone: half a second on, as long off."""
    beep = (int(12000 * math.sin(2 * math.pi * hz * i / rate_hz)) for i in range(rate_hz // 2))
    second = array("h", [*beep, *([0] * (rate_hz // 2))])
    samples = (second * math.ceil(seconds))[: int(seconds * rate_hz)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Makes WAV files of a few seconds, each length once."""
    folder = tmp_path_factory.mktemp("sounds")

    def sound(seconds: float) -> Path:
        path = folder / f"tone{seconds:g}.wav"
        return path if path.exists() else write_tone(path, seconds)

    return sound


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of speech from a sample of this repository."""
    sample = Path(__file__).parents[3] / "samples" / "standup.flac"

    async def cut_out() -> bytes:
        async with WorkerPool(size=1) as pool:
            return await cut(sample, 0.0, 6.0, "wav", pool)

    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    path.write_bytes(asyncio.run(cut_out()))
    return path


class _Unseekable(io.RawIOBase):
    """Where a recorder writes as it records: it can't go back to say how long the whole was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def writable(self) -> bool:
        return True


def _streamed_webm(path: Path, seconds: int) -> Path:
    with path.open("wb") as file, av.open(_Unseekable(file), "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=48_000)
        stream.codec_context.layout = "mono"
        for at in range(0, seconds * 48_000, 48_000):
            frame = av.AudioFrame.from_ndarray(np.full((1, 48_000), at % 7, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def streamed_webm() -> Callable[[Path, int], Path]:
    """Writes seconds of sound as browsers record them: the file does not say how long it is."""
    return _streamed_webm


class _Files(BaseHTTPRequestHandler):
    """Plays the internet; `files` maps a path to (status, headers, body)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        files: dict[str, Any] = self.server.files  # type: ignore[attr-defined]  # set by the fixture
        gate = self.server.gates.get(self.path)  # type: ignore[attr-defined]
        if gate is not None:
            gate.wait(20)
        status, headers, body = files.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """A web server on loopback: what it serves, and events that hold an answer back."""

    netloc: str
    files: dict[str, tuple[int, dict[str, str], bytes]]
    gates: dict[str, threading.Event]

    def url(self, path: str) -> str:
        return f"http://{self.netloc}{path}"


@pytest.fixture(scope="session")
def site(sounds: Callable[[float], Path]) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    wav = sounds(5).read_bytes()
    netloc = f"127.0.0.1:{server.server_port}"
    files = {
        "/tone.wav": (200, {"Content-Type": "audio/wav"}, wav),
        "/named": (200, {"Content-Disposition": 'attachment; filename="my tone.wav"'}, wav),
        "/moved": (302, {"Location": "/tone.wav"}, b""),
        "/moved-inside": (302, {"Location": "http://127.0.0.1:9/secret.wav"}, b""),
        "/circle": (302, {"Location": "/circle"}, b""),
        "/page": (200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>hello</html>"),
        "/disguised.wav": (200, {"Content-Type": "audio/wav"}, b"\n<!DOCTYPE html><html>"),
        "/live": (200, {"Content-Type": "audio/wav"}, b"#EXTM3U\n#EXT-X-VERSION:3\n"),
        "/huge.wav": (200, {"Content-Length": str(5 * 2**30)}, b"RIFF"),
        "/cut.wav": (200, {"Content-Length": str(len(wav) + 10)}, wav),
        "/empty.wav": (200, {}, b""),
        "/text.wav": (200, {"Content-Type": "audio/wav"}, b"not sound at all " * 50),
        "/held.wav": (200, {"Content-Type": "audio/wav"}, wav),
    }
    gates: dict[str, threading.Event] = {}
    server.files, server.gates = files, gates  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Site(netloc, files, gates)
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def serving(config: EngineConfig) -> Iterator[str]:
    """An engine on a loopback port, in a thread with an event loop of its own; gives its address."""
    started = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with Engine(config) as engine:
            server = uvicorn.Server(
                uvicorn.Config(
                    engine.app, port=0, lifespan="off", timeout_keep_alive=75, log_level="warning", ws="none"
                )
            )
            found["server"] = server
            running = asyncio.create_task(server.serve())
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            found["port"] = server.servers[0].sockets[0].getsockname()[1]
            started.set()
            await running

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(30)
    yield f"http://127.0.0.1:{found['port']}"
    found["server"].should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[str]:
    """The address of an engine that the tests of one process share."""
    policy = UrlPolicy(is_public=False, hosts=frozenset({site.netloc}))
    with serving(EngineConfig(tmp_path_factory.mktemp("engine"), allow_urls=policy, grace_s=GRACE_S)) as url:
        yield url


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    """A plain HTTP client of the shared engine, under the version prefix."""
    with httpx.Client(base_url=f"{address}/v1.3", timeout=60) as http:
        yield http


@pytest.fixture(scope="session")
def asset_id(client: httpx.Client, sounds: Callable[[float], Path]) -> str:
    """A ready asset of twelve seconds."""
    return upload(client, sounds(12))["_id"]


def upload(client: httpx.Client, path: Path, **fields: str) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = client.post("assets", data={"method": "direct", **fields}, files={"file": (path.name, file)})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture(scope="session")
def uploaded(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Uploads a file to the shared engine and gives its asset."""
    return lambda path, **fields: upload(client, path, **fields)


Opened = AbstractAsyncContextManager[tuple[Engine, httpx.AsyncClient]]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Opened]:
    """Opens an engine of its own, by default in a fresh home, and a client in the same process."""

    @asynccontextmanager
    async def open_engine(home: Path | None = None, **config: Any) -> AsyncIterator[tuple[Engine, httpx.AsyncClient]]:
        settings = {"grace_s": GRACE_S, **config}
        async with Engine(EngineConfig(home or tmp_path / "home", **settings)) as engine:
            transport = httpx.ASGITransport(app=engine.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://engine/v1.3", timeout=60) as http:
                yield engine, http

    return open_engine


def audio_request(source: dict[str, str], **audio: Any) -> dict[str, Any]:
    return {"input_type": "audio", "model_name": "marengo3.0", "audio": {"media_source": source, **audio}}


@pytest.fixture(scope="session")
def asking() -> Callable[..., dict[str, Any]]:
    """Builds the body of an audio embedding request."""
    return audio_request


async def _finished(http: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            task = (await http.get(f"embed-v2/tasks/{task_id}")).json()
            if task["status"] != "processing":
                return task
            await asyncio.sleep(0.05)


@pytest.fixture
def finished() -> Callable[..., Any]:
    """Waits, at most two minutes, until a task is ready or failed."""
    return _finished


@pytest.fixture(scope="session")
def serve() -> Callable[[EngineConfig], AbstractContextManager[str]]:
    """Serves an engine of its own on a loopback port."""
    return serving
