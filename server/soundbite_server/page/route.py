"""The player for a person with a browser: the page at `/`, which calls the tools over the MCP endpoint."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from soundbite_server.http.guard import Routes
from soundbite_server.page import player_page, player_policy


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
