"""What serving over HTTP adds to the tools: callers told apart, their limits, and links that are signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response

from soundbite_server.http.callers import Limits

if TYPE_CHECKING:
    from mcp.server import MCPServer

Handler = Callable[[Request], Awaitable[Response]]

LinkKind = Literal["upload", "clip"]
_SIGNATURE_BYTES = 32
_MIB = 1024 * 1024


class LinkRefused(Exception):
    """A link is not one of ours, or its time is over; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignedLinks:
    """Makes and reads links. The key lives as long as the process: a restart ends all links, which are short-lived."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def made(self, kind: LinkKind, lifetime_s: float, facts: dict[str, Any]) -> str:
        """Return the last part of an address, which holds the facts and their signature."""
        said = json.dumps({"kind": kind, "until": round(self._clock() + lifetime_s), "facts": facts}).encode()
        return f"{_encoded(said)}.{_encoded(self._signature(said))}"

    def read(self, kind: LinkKind, text: str) -> dict[str, Any]:
        """Return the facts of a link.

        Raises:
            LinkRefused: it was not made here, or is too old.
        """
        said, _, signature = text.partition(".")
        try:
            payload, given = _decoded(said), _decoded(signature)
        except (binascii.Error, ValueError):
            payload, given = b"", b""
        if not hmac.compare_digest(given, self._signature(payload)):
            raise LinkRefused("There is no such link.", 404)
        link = json.loads(payload)
        if link["kind"] != kind:
            raise LinkRefused("There is no such link.", 404)
        if link["until"] < self._clock():
            raise LinkRefused("This link is no longer valid.", 410)
        return dict(link["facts"])

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


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
