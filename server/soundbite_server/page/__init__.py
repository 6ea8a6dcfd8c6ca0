"""The player: one HTML page with the clips of a search, inside an agent host or from this server."""

from __future__ import annotations

from soundbite_server.page.document import PLAYER_URI, player_page, player_policy

__all__ = ["PLAYER_URI", "player_page", "player_policy"]
