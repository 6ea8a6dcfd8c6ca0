"""The tools as agents see them: one module a tool, offered in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.mcp.tools import (
    classify_clips,
    cluster_clips,
    embed_audio,
    get_clip,
    get_task,
    list_audio,
    read_transcript,
    remove_audio,
    search_clips,
)

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

# The order is part of what clients cache.
ALL = (
    embed_audio,
    get_task,
    search_clips,
    get_clip,
    read_transcript,
    list_audio,
    classify_clips,
    cluster_clips,
    remove_audio,
)
WRITING = frozenset({embed_audio, remove_audio})


def offered_tools(*, read_only: bool) -> list[Tool]:
    """Return the tools; in read-only mode only those that change nothing."""
    return [module.tool() for module in ALL if not (read_only and module in WRITING)]
