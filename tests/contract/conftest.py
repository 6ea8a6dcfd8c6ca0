"""Three services under one contract: the engine in this process, the engine on a port, the scripted hosted platform."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import sys
import threading
import wave
from array import array
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from soundbite_api import PlatformClient, PollPolicy
from soundbite_engine import Engine, EngineConfig
from soundbite_engine.profiles import load_profile

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

NAMES = ("engine in process", "engine on a port", "scripted platform")
BOUND_SEC = 60
# A new profile is held to the contract by CONTRACT_PROFILE=NAME pytest tests/contract.
PROFILE = os.environ.get("CONTRACT_PROFILE", "base")
LARGEST_DIRECT_BYTES = 400_000


@dataclass(frozen=True)
class Service:
    """A service and what speaks to it: our client, and plain HTTP."""

    client: PlatformClient
    http: httpx.AsyncClient
    headers: dict[str, str]
    dimension: int
    """Numbers a vector: the platform's 512, and in the engine those of its profile."""
    loop: asyncio.AbstractEventLoop

    def run(self, call: Awaitable[Any]) -> Any:
        """Return what a call answers; all services live in one loop of their own, and start once."""

        async def bounded() -> Any:
            return await asyncio.wait_for(call, BOUND_SEC)

        return asyncio.run_coroutine_threadsafe(bounded(), self.loop).result(BOUND_SEC + 10)

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Return the raw answer of one call."""
        answer: httpx.Response = self.run(self.http.request(method, path, headers=self.headers, **request))
        return answer


hosted = load("hosted_service.platform")


@dataclass
class _Running:
    """What the thread of the services hands over."""

    services: dict[str, Service] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    started: threading.Event = field(default_factory=threading.Event)


async def _serve(home: Path, running: _Running) -> None:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine(EngineConfig(home, profile=PROFILE, workers=1, sweep_s=0.2)))
        port = uvicorn.Server(
            uvicorn.Config(engine.app, lifespan="off", timeout_keep_alive=75, log_level="warning", ws="none")
        )
        # Listening before it serves: whoever connects too early waits in the queue.
        listening = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(port.serve([listening]))
        number = listening.getsockname()[1]
        platform = hosted.HostedPlatform()
        clients = {
            NAMES[0]: httpx.AsyncClient(transport=httpx.ASGITransport(app=engine.app), base_url="http://engine/v1.3"),
            NAMES[1]: httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}/v1.3"),
            NAMES[2]: platform.http(),
        }
        running.loop = asyncio.get_running_loop()
        for name, http in clients.items():
            http.timeout = httpx.Timeout(60)
            await stack.enter_async_context(http)
            key = hosted.KEY if name == NAMES[2] else "tlk_ANY"
            client = PlatformClient(
                http,
                api_key=SecretStr(key),
                polls=PollPolicy(first_s=0.02, longest_s=0.2),
                largest_direct_bytes=LARGEST_DIRECT_BYTES,
            )
            dimension = 512 if name == NAMES[2] else load_profile(PROFILE).dimension
            running.services[name] = Service(client, http, {"x-api-key": key}, dimension, running.loop)
        running.started.set()
        await running.ended.wait()
        port.should_exit = True
        await serving


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """All three, in a thread with a loop of its own."""
    running, home = _Running(), tmp_path_factory.mktemp("contract")
    thread = threading.Thread(target=lambda: asyncio.run(_serve(home, running)), daemon=True)
    thread.start()
    assert running.started.wait(BOUND_SEC)
    assert running.loop
    yield running.services
    running.loop.call_soon_threadsafe(running.ended.set)
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(params=NAMES, ids=[name.replace(" ", "-") for name in NAMES])
def service(request: pytest.FixtureRequest, services: dict[str, Service]) -> Service:
    """One of the three."""
    return services[request.param]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes seconds of a beeping tone."""
    folder = tmp_path_factory.mktemp("sound")

    def write(seconds: float, name: str = "") -> Path:
        path = folder / (name or f"tone{seconds:g}.wav")
        samples = array("h", (int(9000 * math.sin(0.17 * i)) * (i // 3200 % 2) for i in range(int(seconds * 16000))))
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        return path

    return write
