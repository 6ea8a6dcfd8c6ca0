"""What serving over HTTP adds to the tools: callers told apart, their limits, and links that are signed."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import jwt
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response

from soundbite_server.http.callers import Limits

if TYPE_CHECKING:
    from mcp.server import MCPServer

Handler = Callable[[Request], Awaitable[Response]]

LinkKind = Literal["upload", "clip"]
_ALGORITHM = "HS256"
_MIB = 1024 * 1024


class LinkRefused(Exception):
    """A link is not one of ours, or its time is over; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignedLinks:
    """Makes and reads links, each a JWT. The key lives as long as the process: a restart ends all links."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def made(self, kind: LinkKind, lifetime_s: float, facts: dict[str, Any]) -> str:
        """Return the last part of an address, which holds the facts and their signature."""
        ends = datetime.now(UTC) + timedelta(seconds=lifetime_s)
        return jwt.encode({"aud": kind, "exp": ends, "facts": facts}, self._key, _ALGORITHM)

    def read(self, kind: LinkKind, text: str) -> dict[str, Any]:
        """Return the facts of a link.

        Raises:
            LinkRefused: it was not made here, or is too old.
        """
        try:
            claims = jwt.decode(text, self._key, [_ALGORITHM], audience=kind, options={"require": ["aud", "exp"]})
        except jwt.ExpiredSignatureError as exc:
            raise LinkRefused("This link is no longer valid.", 410) from exc
        except jwt.InvalidTokenError as exc:
            raise LinkRefused("There is no such link.", 404) from exc
        return dict(claims["facts"])


@dataclass(frozen=True)
class HttpServices:
    """How callers over HTTP are served."""

    limits: Limits
    security: TransportSecuritySettings
    """Which Host and Origin headers are taken."""
    links: SignedLinks = field(default_factory=SignedLinks)
    public_url: str = ""
    """This server's address without a path; empty means the one that the caller used."""
    has_own_libraries: bool = False
    """Whether each principal has a library of its own."""
    shows_paths: bool = True
    """Whether callers are on this machine, so that paths of files mean something to them."""
    most_upload_bytes: int = 512 * _MIB

    def address(self, host: str, path: str) -> str:
        """Return the address of a path of this server, for a caller that reached it as `host`."""
        return f"{self.public_url or f'http://{host}'}{path}"


class Routes:
    """Adds routes to a server, each behind the checks."""

    def __init__(self, server: MCPServer[Any], settings: TransportSecuritySettings) -> None:
        self._server = server
        self._checks = TransportSecurityMiddleware(settings)

    def add(self, path: str, methods: list[str], handler: Handler) -> None:
        """Answer requests for a path; those with a wrong Host or Origin get 421 or 403."""

        async def checked(request: Request) -> Response:
            return await self._checks.validate_request(request) or await handler(request)

        self._server.custom_route(path, methods=methods)(checked)
