"""What serving over HTTP adds to the tools: callers told apart, their limits, and links to sounds and uploads."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp.server.transport_security import TransportSecuritySettings

from soundbite_server.http.limits import Limits
from soundbite_server.http.links import SignedLinks

_MIB = 1024 * 1024


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
