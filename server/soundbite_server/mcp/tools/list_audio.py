"""list_audio, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, library_of
from soundbite_server.mcp.declaration import declare
from soundbite_tools.results import LibraryListing

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
List the recordings in the library, newest first: title, length, tags, status, asset_id and task_id.

Call it to see what can be searched, to find the asset_id of a recording someone names, or to find an earlier task."""


def tool() -> Tool:
    """Return the tool."""
    return declare(list_audio, title="List audio", description=DESCRIPTION, is_read_only=True)


async def list_audio(
    ctx: ToolContext,
    title: Annotated[str, Field(description="Only titles that hold this", max_length=200)] = "",
    tags: Annotated[list[str], Field(description="Only recordings with any of these", max_length=20)] = [],  # noqa: B006
    page: Annotated[int, Field(description="Which page", ge=1)] = 1,
    page_limit: Annotated[int, Field(description="Recordings a page", ge=1, le=50)] = 20,
) -> Annotated[CallToolResult, LibraryListing]:
    """Return one page of the library."""

    async def call() -> LibraryListing:
        from soundbite_tools.read.list_audio import list_audio as listing

        return await listing(await library_of(ctx), title=title, tags=tags, page=page, page_limit=page_limit)

    return await answer(call)
