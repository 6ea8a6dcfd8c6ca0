"""The tools as agents see them: one module a tool, registered in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.mcp_tools import embed_audio, get_clip, get_task, list_audio, search_clips

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from soundbite_server.lifespan import Services

WRITING = (embed_audio,)
READING = (get_task, search_clips, get_clip, list_audio)


def register_tools(server: MCPServer[Services], *, read_only: bool) -> None:
    """Offer the tools; in read-only mode only those that change nothing."""
    for module in READING if read_only else (*WRITING, *READING):
        module.register(server)
