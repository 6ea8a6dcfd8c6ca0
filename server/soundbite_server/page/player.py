"""The player: one HTML page with the clips of a search, inside an agent host (MCP App) or from this server."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mcp.server.apps import Apps, ResourceCsp
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from soundbite_server.http.services import Routes

PLAYER_URI = "ui://soundbite/player"
Bridge = Literal["host", "http"]
"""host: the tools are called through the page around this one (MCP Apps); http: through this server's endpoint."""

_PARTS = Path(__file__).parent
_SHARED = ("elements.js", "sounds.js", "strip.js", "rows.js", "results.js")
# In this order: each uses what stands before it.
_SCRIPTS: dict[Bridge, tuple[str, ...]] = {
    "host": ("host_bridge.js", *_SHARED, "host.js"),
    "http": (
        "http_bridge.js",
        *_SHARED,
        "notices.js",
        "uploads.js",
        "library.js",
        "timeline.js",
        "transcript.js",
        "erasure.js",
        "details.js",
        "recording_sound.js",
        "recording.js",
        "keys.js",
        "person.js",
    ),
}
_STYLES: dict[Bridge, tuple[str, ...]] = {"host": ("style.css",), "http": ("style.css", "person.css")}
_BODIES: dict[Bridge, str] = {"host": "host.html", "http": "person.html"}


@cache
def player_page(bridge: Bridge) -> str:
    """Return the whole page; it loads nothing, and as an MCP App it may connect to nothing."""
    page = _read("page.html")
    filled = {
        "policy": player_policy(bridge),
        "body": _read(_BODIES[bridge]),
        "style": _style(bridge),
        "script": _script(bridge),
    }
    for name, value in filled.items():
        page = page.replace("{{" + name + "}}", value)
    return page


def player_policy(bridge: Bridge) -> str:
    """Return the page's content security policy."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(_script(bridge))}'",
            f"style-src '{_hash(_style(bridge))}'",
            "img-src data:",
            "media-src data:" if bridge == "host" else "media-src data: 'self'",
            "connect-src 'none'" if bridge == "host" else "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


@cache
def _script(bridge: Bridge) -> str:
    code = "\n".join(_read(name) for name in _SCRIPTS[bridge])
    return f'"use strict";\n(() => {{\n{code}}})();\n'


@cache
def _style(bridge: Bridge) -> str:
    return "\n".join(_read(name) for name in _STYLES[bridge])


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def player_app() -> Apps:
    """Return the extension; search_clips names its page, other hosts show the text."""
    apps = Apps()
    apps.add_html_resource(
        PLAYER_URI,
        player_page("host"),
        name="player",
        title="Clip player",
        description="Shows the clips of a search with their waveforms, and plays them.",
        csp=ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[]),
        prefers_border=True,
    )
    return apps


def register_player_page(routes: Routes) -> None:
    """Serve the page. It holds nothing of the library: what it shows it asks for with the person's own token."""

    async def page(_: Request) -> Response:
        return HTMLResponse(
            player_page("http"),
            headers={
                "Content-Security-Policy": f"{player_policy('http')}; frame-ancestors 'none'",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-cache",
            },
        )

    routes.add("/", ["GET"], page)
