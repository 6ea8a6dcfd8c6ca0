"""The Host and Origin checks of the MCP endpoint, for the other addresses that this server answers on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from soundbite_server.lifespan import Services

Handler = Callable[[Request], Awaitable[Response]]


class Routes:
    """Adds routes to a server, each behind the checks."""

    def __init__(self, server: MCPServer[Services], settings: TransportSecuritySettings) -> None:
        self._server = server
        self._checks = TransportSecurityMiddleware(settings)

    def add(self, path: str, methods: list[str], handler: Handler) -> None:
        """Answer requests for a path; those with a wrong Host or Origin get 421 or 403."""

        async def checked(request: Request) -> Response:
            return await self._checks.validate_request(request) or await handler(request)

        self._server.custom_route(path, methods=methods)(checked)
