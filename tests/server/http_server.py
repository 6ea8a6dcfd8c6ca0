"""A server over HTTP on loopback, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import uvicorn

from soundbite_server.http.app import build_http_app
from soundbite_server.http.settings import HttpSettings


@asynccontextmanager
async def serving(home: Path, root: Path, *, is_read_only: bool = False, **env: str) -> AsyncIterator[str]:
    """Serve a library; yields the address of its page, below which the endpoint is `mcp`."""
    flags = {"home": home, "roots": (root,), "workers": 1, "read_only": is_read_only, "http_address": "127.0.0.1:0"}
    app = build_http_app(HttpSettings.from_environment(env, **flags))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, timeout_keep_alive=75, timeout_graceful_shutdown=1)
    )
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        with anyio.fail_after(60):
            while not server.started:
                await anyio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.should_exit = True
