"""The player as an MCP App: a `ui://` page that hosts show in place of a search's text, those that can."""

from __future__ import annotations

from mcp.server.apps import Apps, ResourceCsp

from soundbite_server.page.document import PLAYER_URI, player_page


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
