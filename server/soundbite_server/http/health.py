"""Two addresses for whoever looks after an HTTP server: is it there, and can it work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from soundbite_server.lifespan import Services


def register_health(server: MCPServer[Services], running: Callable[[], Services | None]) -> None:
    """Offer /healthz (the process answers) and /readyz (the library is open); stdio has neither."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        services = running()
        if services is not None and services.is_ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting"}, status_code=503, headers={"Retry-After": "1"})

    server.custom_route("/healthz", methods=["GET"])(healthz)
    server.custom_route("/readyz", methods=["GET"])(readyz)
