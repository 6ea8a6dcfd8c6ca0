"""The HTTP server on its socket: how many connections it has, how long one may be silent, which ends when it is full.

A connection that waits for its caller (no request, or one that is not whole) is ended for one that comes, the one that
has waited longest first: callers that send nothing keep nobody out. One whose request is under way is never ended so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import socket
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from soundbite_server.settings import SettingsError

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from soundbite_server.http.settings import HttpSettings

MOST_CONNECTIONS = 512
_HEADERS_S = 15.0
# Of a request's body, and of an answer that its caller does not read.
_STALLED_S = 60.0
_SWEEP_S = 1.0
_PAUSE_S = 1.0
_TELL_EVERY_S = 60.0
_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# A caller that has gone before it was taken; there is no need to pause.
_GONE = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EINTR})
# What uvicorn says at each request of a kind that any caller can send as often as it likes.
_CAUSED_BY_CALLERS = ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket")
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
log = logging.getLogger(__name__)
_BACKLOG = 128
# Requests under way get this long to end; embedding goes on at the next start.
_GRACE_S = 10
# Agents think for a while between calls; a connection closed just as they go on costs them the call.
_KEPT_OPEN_S = 75


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections there may be at once, and how long one may be silent, in seconds."""

    in_all: int = MOST_CONNECTIONS
    by_address: int = 0
    """0 is half of all."""
    headers_s: float = _HEADERS_S
    stalled_s: float = _STALLED_S

    def within_descriptors(self) -> ConnectionLimits:
        """Return limits that leave half of this process's descriptors to files, workers and the store."""
        in_all = max(2, min(self.in_all, _descriptors() // 2))
        by_address = min(self.by_address or max(1, in_all // 2), in_all)
        return ConnectionLimits(in_all, by_address, self.headers_s, self.stalled_s)


def _descriptors() -> int:
    try:
        import resource
    except ImportError:  # Windows, where sockets are no descriptors
        return 2 * MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


class Connection(H11Protocol):
    """One connection, and since when its caller has been silent."""

    def __init__(self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.address = ""
        self.heard_at = self.waiting_since = time.monotonic()
        self.is_within_headers = True
        self._full_since = math.inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in H11Protocol
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""

    def data_received(self, data: bytes) -> None:
        """Take what the caller sends."""
        self.heard_at = time.monotonic()
        if self.is_idle and not self.is_within_headers:
            self.is_within_headers, self.waiting_since = True, self.heard_at
        super().data_received(data)
        if not self.is_idle:
            self.is_within_headers = False

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self.waiting_since = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the caller does not read its answer as fast as it comes."""
        self._full_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the caller has read on."""
        self._full_since = math.inf
        super().resume_writing()

    @property
    def is_new(self) -> bool:
        """Whether it has brought no request yet."""
        return self.cycle is None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way; its headers may be arriving."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_arriving(self) -> bool:
        """Whether a request's body is awaited."""
        return not self.is_idle and self.conn.their_state is h11.SEND_BODY

    def is_overdue(self, now: float, limits: ConnectionLimits) -> bool:
        """Whether its caller has been silent, or deaf, for too long."""
        if self.is_idle:
            return self.is_within_headers and now - self.waiting_since > limits.headers_s
        if self.is_arriving and not self.flow.read_paused:
            return now - self.heard_at > limits.stalled_s
        return now - self._full_since > limits.stalled_s

    def end(self) -> None:
        """Close it at once, whatever waits to be sent."""
        if not self.transport.is_closing():
            self.transport.abort()


class Server(uvicorn.Server):
    """A server on one listening socket whose connections are bounded."""

    def __init__(self, config: uvicorn.Config, limits: ConnectionLimits | None = None) -> None:
        super().__init__(config)
        self._limits = (limits or ConnectionLimits()).within_descriptors()
        self._events: Counter[str] = Counter()
        self._told_at = -math.inf
        self._loops: list[asyncio.Task[None]] = []

    async def serve_on(self, listening: socket.socket) -> None:
        """Serve until the process is told to stop, or `should_exit` is set."""
        listening.setblocking(False)
        try:
            await self.serve(sockets=[listening])
        finally:
            listening.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections; asyncio's own way of it runs in circles when descriptors are short."""
        await super().startup(sockets=[])
        logging.getLogger("uvicorn.error").addFilter(self._is_worth_a_line)
        loops = [self._sweep(), *(self._accept(listening) for listening in sockets or ())]
        self._loops = [asyncio.create_task(loop) for loop in loops]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and let requests end."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await super().shutdown(sockets)
        logging.getLogger("uvicorn.error").removeFilter(self._is_worth_a_line)

    @property
    def _connections(self) -> list[Connection]:
        connections = cast("set[Connection]", self.server_state.connections)
        return [connection for connection in connections if not connection.transport.is_closing()]

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as exc:
                if exc.errno in _GONE:
                    continue
                if exc.errno in _SHORT:
                    self._count("times descriptors ran short")
                    self._make_room(self._connections)
                else:
                    self._count(f"times none could be taken ({exc.strerror or type(exc).__name__})")
                await asyncio.sleep(_PAUSE_S)
                continue
            await self._admit(accepted, str(address[0]) if address else "")

    async def _admit(self, accepted: socket.socket, address: str) -> None:
        everybody = self._connections
        neighbours = [connection for connection in everybody if connection.address == address]
        is_admitted = len(neighbours) < self._limits.by_address or self._make_room(neighbours)
        if is_admitted and len(everybody) >= self._limits.in_all:
            is_admitted = self._make_room(everybody)
        if not is_admitted:
            self._count("refused")
            with contextlib.suppress(OSError):
                accepted.send(_BUSY)
            accepted.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._connection, accepted)
        except OSError:
            accepted.close()

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    def _make_room(self, among: list[Connection]) -> bool:
        """End the one that has waited longest, of the address that has most; False where all are at work."""
        silent = [connection for connection in among if connection.is_idle or connection.is_arriving]
        if not silent:
            return False
        by_address = Counter(connection.address for connection in silent)
        longest = min(
            silent,
            key=lambda one: (-by_address[one.address], one.is_arriving, not one.is_new, one.heard_at),
        )
        longest.end()
        self._count("ended to make room")
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = time.monotonic()
            for connection in self._connections:
                if connection.is_overdue(now, self._limits):
                    connection.end()
                    self._count("ended because they were silent")
            self._tell(now)

    def _is_worth_a_line(self, record: logging.LogRecord) -> bool:
        if record.levelno <= logging.WARNING and str(record.msg).startswith(_CAUSED_BY_CALLERS):
            self._count("requests that were no HTTP or asked for another protocol")
            return False
        return True

    def _count(self, event: str) -> None:
        self._events[event] += 1

    def _tell(self, now: float) -> None:
        if self._events and now - self._told_at >= _TELL_EVERY_S:
            counts = ", ".join(f"{count} {event}" for event, count in self._events.items())
            log.warning("Connections: %s; at most %d are held.", counts, self._limits.in_all)
            self._events.clear()
            self._told_at = now


def listen(host: str, port: int) -> socket.socket:
    """Listen on a TCP address; port 0 takes a free one. Clients that come from here on wait instead of being refused.

    Raises: OSError when the address is unknown, taken or not to be had.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    # asyncio sends small pieces at once (TCP_NODELAY) only where a socket says that its protocol is TCP. Else the
    # second piece of each answer waits until the client confirms the first, which it puts off for 40 ms.
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it lets two servers take one address
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


async def serve_http(settings: HttpSettings) -> None:
    """Serve until SIGTERM or SIGINT; requests end, jobs are parked for the next start.

    Raises:
        SettingsError: the address can't be listened on.
    """
    import uvicorn

    from soundbite_server.http.app import ENDPOINT, build_http_app

    listening = _listen(settings)
    config = uvicorn.Config(
        build_http_app(settings),
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=_KEPT_OPEN_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=64 * 1024,
        server_header=False,
    )
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("Serving agents at %s%s, and a page for a person at %s/", address, ENDPOINT, address)
    limits = ConnectionLimits(settings.http_connections, settings.http_connections_per_address)
    await Server(config, limits).serve_on(listening)


def _listen(settings: HttpSettings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as exc:
        raise SettingsError(f"--http: can't listen on {settings.host}:{settings.port}: {exc.strerror or exc}.") from exc
