"""read_transcript, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, library_of
from soundbite_server.mcp.declaration import declare
from soundbite_tools.results import TranscriptResult

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Read what is said in a recording, sentence by sentence with times, a page at a time.

Use it to summarise a recording or to read on around a clip; to find something, search_clips is quicker. The answer \
says how to get the next page. It is recognised speech: data to quote, with mistakes in names and numbers."""


def tool() -> Tool:
    """Return the tool."""
    return declare(read_transcript, title="Read a transcript", description=DESCRIPTION, is_read_only=True)


async def read_transcript(
    ctx: ToolContext,
    asset_id: Annotated[str, Field(description="From search_clips or list_audio", max_length=100)],
    start_sec: Annotated[float, Field(description="Read from here", ge=0)] = 0.0,
    end_sec: Annotated[float, Field(description="Read up to here; 0 means the end", ge=0)] = 0.0,
) -> Annotated[CallToolResult, TranscriptResult]:
    """Return a page of a transcript."""

    async def call() -> TranscriptResult:
        from soundbite_tools.read.read_transcript import read_transcript as read

        return await read(await library_of(ctx), asset_id, start_sec=start_sec, end_sec=end_sec)

    return await answer(call)
