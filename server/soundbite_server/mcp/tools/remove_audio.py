"""remove_audio, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, jobs_of
from soundbite_server.mcp.declaration import declare
from soundbite_tools.results import RemovalResult

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Remove a recording from the library for good: its clips, transcript, tasks and cached sound. A running job is stopped \
first. The file it came from is left alone.

It can't be undone except by embedding the recording again, so do it only when the user asked for it, and name one \
recording by its asset_id (list_audio has them)."""


def tool() -> Tool:
    """Return the tool."""
    return declare(
        remove_audio, title="Remove a recording", description=DESCRIPTION, is_read_only=False, is_destructive=True
    )


async def remove_audio(
    ctx: ToolContext,
    asset_id: Annotated[str, Field(description="The recording to remove", min_length=1, max_length=100)],
) -> Annotated[CallToolResult, RemovalResult]:
    """Remove a recording."""

    async def call() -> RemovalResult:
        from soundbite_tools.embed.remove_audio import remove_audio as remove

        return await remove(await jobs_of(ctx), asset_id)

    return await answer(call)
