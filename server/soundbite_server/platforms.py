"""The platform behind the tools: the engine in this process, or one over HTTP. One client, one contract for both."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from soundbite_api import PlatformClient, PollPolicy

if TYPE_CHECKING:
    from soundbite_server.local_media import EngineWorkbench
    from soundbite_server.settings import Settings

EMBEDDED_BASE_URL = "http://engine/v1.3"
# Uploads and ten minutes of synchronous embedding take their time; an address that does not answer should not.
_TIMEOUT = httpx.Timeout(600.0, connect=10.0, pool=60.0)


@dataclass(frozen=True)
class Platform:
    """A client of the platform, and what reads media on this machine."""

    client: PlatformClient
    workbench: EngineWorkbench


@asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Open the platform that the settings choose; leaving closes it and ends its worker processes."""
    opening = _open_embedded(settings) if settings.is_embedded else _open_hosted(settings)
    async with opening as platform:
        yield platform


@asynccontextmanager
async def _open_embedded(settings: Settings) -> AsyncIterator[Platform]:
    engine_package = await _import("soundbite_engine.platform.engine")
    workbench_module = await _import("soundbite_server.local_media")
    config_module = await _import("soundbite_engine.config")
    config = config_module.EngineConfig(
        home=settings.home / "engine",
        profile=settings.profile,
        models=settings.models,
        file_urls=True,
        allow_urls=config_module.UrlPolicy.parse(settings.allow_urls),
        **({"workers": settings.workers} if settings.workers else {}),
    )
    async with engine_package.Engine(config) as engine:
        transport = httpx.ASGITransport(app=engine.app)
        async with httpx.AsyncClient(transport=transport, base_url=EMBEDDED_BASE_URL, timeout=_TIMEOUT) as http:
            polls = PollPolicy(first_s=0.1, longest_s=2.0)
            client = PlatformClient(http, polls=polls, include=("progress", "sounds", "transcript"))
            yield Platform(client, workbench_module.EngineWorkbench(engine.pool, engine))


@asynccontextmanager
async def _open_hosted(settings: Settings) -> AsyncIterator[Platform]:
    workers = await _import("soundbite_engine.workers.pool")
    workbench_module = await _import("soundbite_server.local_media")
    async with (
        workers.WorkerPool(size=1) as pool,
        httpx.AsyncClient(base_url=settings.base_url, timeout=_TIMEOUT) as http,
    ):
        client = PlatformClient(http, api_key=settings.api_key, include=("progress", "sounds", "transcript"))
        yield Platform(client, workbench_module.EngineWorkbench(pool))


async def _import(name: str) -> Any:
    # numpy and the engine take a moment to load; the protocol must stay answered meanwhile.
    return await asyncio.to_thread(importlib.import_module, name)
