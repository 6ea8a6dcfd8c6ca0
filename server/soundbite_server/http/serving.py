"""Running the HTTP server: on a socket, until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

from soundbite_server.settings import SettingsError

if TYPE_CHECKING:
    from soundbite_server.http.settings import HttpSettings


_BACKLOG = 128
# Requests under way get this long to end; embedding goes on at the next start.
_GRACE_S = 10
# Agents think for a while between calls; a connection closed just as they go on costs them the call.
_KEPT_OPEN_S = 75
log = logging.getLogger(__name__)


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
    from soundbite_server.http.connections import Connection, ConnectionLimits, Server

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
