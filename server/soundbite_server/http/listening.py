"""The socket that a server listens on."""

from __future__ import annotations

import os
import socket

_BACKLOG = 128


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
