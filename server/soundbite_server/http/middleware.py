"""What stands before the MCP endpoint: the hosts and origins that are taken (CORS), and the sessions that are kept.

So many sessions of each caller and in all; the one that was idle longest goes first.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response

from soundbite_server.http.callers import LimitReached, principal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from soundbite_server.http.callers import Limits

MOST_BY_CALLER = 100
MOST_IN_ALL = 2000
SESSION_HEADER, _VERSION = "mcp-session-id", "mcp-protocol-version"
_INVALID_REQUEST = -32600
# Probes of an orchestrator and a client that looks for the issuer come by whatever name they have.
_OPEN_TO_ANY_HOST = ("/healthz", "/readyz", "/.well-known/")
_ANY_PORT = ":*"
_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id"
)
_ANSWER_HEADERS = "Mcp-Session-Id, Mcp-Protocol-Version, Retry-After, WWW-Authenticate"


@dataclass
class _Session:
    caller: str
    scope: Scope
    """Of the request that opened it: whoever ends it must be the same caller."""
    used_at: int = 0
    """Rises with each use of any session."""
    requests: int = 0
    """Under way, the stream for what the server sends on its own left out."""


class SessionLimits:
    """Stands before the endpoint that keeps the sessions."""

    def __init__(
        self, app: ASGIApp, limits: Limits, by_caller: int = MOST_BY_CALLER, in_all: int = MOST_IN_ALL
    ) -> None:
        self._app = app
        self._limits = limits
        self._by_caller = by_caller
        self._in_all = in_all
        self._sessions: dict[str, _Session] = {}
        self._uses = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["type"] != "http" or headers.get(_VERSION, "2025-11-25") not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._app(scope, receive, send)  # later versions of the protocol have no sessions
            return
        if session_id := headers.get(SESSION_HEADER):
            await self._go_on(session_id, scope, receive, send)
        elif scope["method"] == "POST":
            await self._open(scope, receive, send)
        else:
            await _refused(400, "Bad Request: Missing session ID")(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = principal()
        try:
            self._limits.check_calls(caller)
        except LimitReached as exc:
            await _refused(429, str(exc), {"Retry-After": "60"})(scope, receive, send)
            return
        opened: list[str] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                opened.extend(filter(None, [Headers(raw=message["headers"]).get(SESSION_HEADER)]))
            await send(message)

        await self._app(scope, receive, watched)
        for session_id in opened:
            self._sessions[session_id] = _Session(caller, scope, next(self._uses))
            await self._make_room(caller)

    async def _go_on(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._sessions.get(session_id)
        if scope["method"] == "GET" and "last-event-id" in Headers(scope=scope):
            # No events are kept here to be sent again: the stream begins anew.
            headers = MutableHeaders(raw=list(scope["headers"]))
            del headers["last-event-id"]
            scope = {**scope, "headers": headers.raw}
        if session is None or session.caller != principal():
            await self._app(scope, receive, send)  # it answers that there is no such session
            return
        is_call = scope["method"] == "POST"
        session.used_at, session.requests = next(self._uses), session.requests + is_call
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            session.used_at, session.requests = next(self._uses), session.requests - is_call
        if status == 404 or (scope["method"] == "DELETE" and status < 400):
            self._sessions.pop(session_id, None)

    async def _make_room(self, caller: str) -> None:
        counts = Counter(session.caller for session in self._sessions.values())
        if counts[caller] > self._by_caller:
            await self._end_oldest(caller)
        elif len(self._sessions) > self._in_all:
            await self._end_oldest(counts.most_common(1)[0][0])

    async def _end_oldest(self, caller: str) -> None:
        own = {key: session for key, session in self._sessions.items() if session.caller == caller}
        session_id = min(own, key=lambda key: (own[key].requests > 0, own[key].used_at))
        session = self._sessions.pop(session_id)
        kept = [(name, value) for name, value in session.scope["headers"] if name in (b"host", b"authorization")]
        scope = {
            **session.scope,
            "method": "DELETE",
            "headers": [*kept, (SESSION_HEADER.encode(), session_id.encode())],
        }

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def unheard(_: Message) -> None:
            return None

        await self._app(scope, nothing, unheard)


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    error = {"code": _INVALID_REQUEST, "message": message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)


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
