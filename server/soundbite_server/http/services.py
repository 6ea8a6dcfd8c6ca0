"""What serving over HTTP adds to the tools: callers told apart, their limits, and links that are signed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jwt
from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from soundbite_server.http.callers import Limits, LinkRefused, check_caller

if TYPE_CHECKING:
    from mcp.server import MCPServer

Handler = Callable[[Request], Awaitable[Response]]

LinkKind = Literal["upload", "clip", "recording"]
_ALGORITHM = "HS256"
_MIB = 1024 * 1024
# Room is held in steps of this where nobody says how large a file is, and looked at again after as much.
_AHEAD_BYTES = 16 * _MIB


class UploadRefused(Exception):
    """A file is not taken; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class _Reservation:
    caller: str
    most_bytes: int
    """What it may take yet, or has taken."""
    written_bytes: int = 0
    checked_bytes: int = 0
    """So much was written when the disk was looked at."""


class UploadSpace:
    """The room that uploads take while they arrive, counted over all of them."""

    def __init__(self, left_free_bytes: int = 1024 * _MIB, most_by_caller_bytes: int = 0) -> None:
        self._left_free = left_free_bytes
        self._most_by_caller = most_by_caller_bytes
        self._arriving: list[_Reservation] = []

    @contextmanager
    def reserved(
        self, folder: Path, caller: str, waiting_bytes: int, expected_bytes: int
    ) -> Iterator[Callable[[int], None]]:
        """Hold room for one upload; what it gives is called with the size so far, before each write.

        `waiting_bytes` is what the caller has sent before; `expected_bytes` is 0 where nobody knows.

        Raises:
            UploadRefused: 507, the disk or the caller's share would be too small.
        """
        mine = _Reservation(caller, 0)

        def take(size: int) -> None:
            if size > mine.most_bytes:
                self._hold(folder, mine, waiting_bytes, size - mine.most_bytes + _AHEAD_BYTES)
            mine.written_bytes = size
            if size - mine.checked_bytes >= _AHEAD_BYTES:
                mine.checked_bytes = size
                self._check_disk(folder, 0)  # others write to it as well

        self._arriving.append(mine)
        try:
            self._hold(folder, mine, waiting_bytes, expected_bytes or _AHEAD_BYTES)
            yield take
        finally:
            self._arriving.remove(mine)

    def _hold(self, folder: Path, mine: _Reservation, waiting_bytes: int, more_bytes: int) -> None:
        own = sum(upload.most_bytes for upload in self._arriving if upload.caller == mine.caller)
        if self._most_by_caller and waiting_bytes + own + more_bytes - _AHEAD_BYTES > self._most_by_caller:
            raise UploadRefused(
                f"Your uploads may take {self._most_by_caller // _MIB} MB together; remove recordings first.", 507
            )
        self._check_disk(folder, more_bytes)
        mine.most_bytes += more_bytes

    def _check_disk(self, folder: Path, more_bytes: int) -> None:
        awaited = sum(max(0, upload.most_bytes - upload.written_bytes) for upload in self._arriving)
        if shutil.disk_usage(folder).free < awaited + more_bytes + self._left_free:
            raise UploadRefused("There is too little room on the server's disk.", 507)


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
    links: SignedLinks = field(default_factory=SignedLinks)
    public_url: str = ""
    """This server's address without a path; empty means the one that the caller used."""
    has_own_libraries: bool = False
    """Whether each principal has a library of its own."""
    shows_paths: bool = True
    """Whether callers are on this machine, so that paths of files mean something to them."""
    most_upload_bytes: int = 512 * _MIB
    space: UploadSpace = field(default_factory=UploadSpace)

    def address(self, host: str, path: str) -> str:
        """Return the address of a path of this server, for a caller that reached it as `host`."""
        return f"{self.public_url or f'http://{host}'}{path}"

    def link_facts(self, kind: LinkKind, request: Request) -> dict[str, Any]:
        """Return the facts of the link that a request came by, its `principal` among them, and count the call.

        Raises:
            LinkRefused: the link was not made here, is too old, or comes with the token of somebody else.
            LimitReached: its owner called too often.
        """
        facts = self.links.read(kind, request.path_params["link"])
        check_caller(facts["principal"])
        self.limits.count_call(facts["principal"])
        return facts


class Routes:
    """Adds routes to a server; `scopes` are those that a caller's token must have, None where callers need no token."""

    def __init__(self, server: MCPServer[Any], scopes: Sequence[str] | None) -> None:
        self._server = server
        self._scopes = scopes

    def add(self, path: str, methods: list[str], handler: Handler) -> None:
        """Answer requests for a path; Host and Origin were checked before."""
        self._server.custom_route(path, methods=methods)(handler)

    def add_for_callers(self, path: str, methods: list[str], handler: Handler) -> None:
        """Answer requests for a path like those to the endpoint: with a token where callers need one."""

        async def checked(request: Request) -> Response:
            if self._scopes is not None:
                token = get_access_token()
                if token is None:
                    return JSONResponse({"error": "This needs a token."}, 401, {"WWW-Authenticate": "Bearer"})
                if not set(self._scopes) <= set(token.scopes):
                    return JSONResponse({"error": "The token does not allow this."}, 403)
            return await handler(request)

        self.add(path, methods, checked)
