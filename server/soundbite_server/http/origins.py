"""Which Host and Origin headers are taken, and what the pages of other origins are told (CORS)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Probes of an orchestrator and a client that looks for the issuer come by whatever name they have.
_OPEN_TO_ANY_HOST = ("/healthz", "/readyz", "/.well-known/")
_ANY_PORT = ":*"
_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id"
)
_ANSWER_HEADERS = "Mcp-Session-Id, Mcp-Protocol-Version, Retry-After, WWW-Authenticate"


@dataclass(frozen=True)
class Origins:
    """The names this server answers to, and the origins whose pages may call it; `:*` at the end is any port."""

    hosts: Sequence[str]
    origins: Sequence[str]
    named: Sequence[str] = ()
    """Of the origins those whose scripts may read the answers too, as the settings name them."""

    def takes_host(self, host: str) -> bool:
        """Whether a request for this host is answered."""
        return any(_fits(host, allowed) for allowed in self.hosts)

    def takes_origin(self, origin: str) -> bool:
        """Whether a page of this origin may call; without an origin it is no page."""
        return not origin or any(_fits(origin, allowed) for allowed in (*self.origins, *self.named))

    def is_named(self, origin: str) -> bool:
        """Whether scripts of this origin may read the answers."""
        return bool(origin) and any(_fits(origin, allowed) for allowed in self.named)


def _fits(given: str, allowed: str) -> bool:
    if not allowed.endswith(_ANY_PORT):
        return given == allowed
    # The whole rest must be a port: `127.0.0.1:1@evil.example` would lead elsewhere in a link.
    return re.fullmatch(re.escape(allowed.removesuffix(_ANY_PORT)) + r":[0-9]{1,5}", given) is not None


class OriginChecks:
    """Refuses wrong hosts and origins, answers preflight requests, and takes the endpoint with a slash at its end."""

    def __init__(self, app: ASGIApp, origins: Origins, endpoint: str) -> None:
        self._app = app
        self._origins = origins
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == f"{self._endpoint}/":
            # A redirect would lose the body of a POST with some clients, and the token with others.
            scope = {**scope, "path": self._endpoint, "raw_path": self._endpoint.encode()}
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if refusal := self._refusal(scope["path"], headers.get("host", ""), origin):
            await refusal(scope, receive, send)
        elif not self._origins.is_named(origin):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            preflight = {
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                "Access-Control-Max-Age": "600",
            }
            await Response(status_code=204, headers={**_opened_to(origin), **preflight})(scope, receive, send)
        else:
            await self._app(scope, receive, _naming(origin, send))

    def _refusal(self, path: str, host: str, origin: str) -> Response | None:
        if path.startswith(_OPEN_TO_ANY_HOST):
            return None
        if not self._origins.takes_host(host):
            return PlainTextResponse("Invalid Host header", 421)
        return None if self._origins.takes_origin(origin) else PlainTextResponse("Invalid Origin header", 403)


def _opened_to(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _ANSWER_HEADERS,
        "Vary": "Origin",
    }


def _naming(origin: str, send: Send) -> Send:
    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_opened_to(origin))
        await send(message)

    return named
