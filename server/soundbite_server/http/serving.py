"""Running the HTTP server: on a socket, until it is told to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from soundbite_server.http.app import ENDPOINT, build_http_app
from soundbite_server.http.config import HttpConfig
from soundbite_server.http.listening import listen
from soundbite_server.settings import SettingsError

if TYPE_CHECKING:
    import socket

    from soundbite_server.settings import Settings

# Requests under way get this long to end; embedding goes on at the next start.
_GRACE_S = 10
# Agents think for a while between calls; a connection closed just as they go on costs them the call.
_KEPT_OPEN_S = 75

log = logging.getLogger(__name__)


async def serve_http(settings: Settings, http: HttpConfig) -> None:
    """Serve until SIGTERM or SIGINT; requests end, jobs are parked for the next start.

    Raises:
        SettingsError: the address can't be listened on.
    """
    import uvicorn

    listening = _listen(http)
    config = uvicorn.Config(
        build_http_app(settings, http),
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
    await uvicorn.Server(config).serve(sockets=[listening])


def _listen(http: HttpConfig) -> socket.socket:
    try:
        return listen(http.host, http.port)
    except OSError as exc:
        raise SettingsError(f"--http: can't listen on {http.host}:{http.port}: {exc.strerror or exc}.") from exc
