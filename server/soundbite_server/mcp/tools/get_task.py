"""get_task, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, jobs_of, reporter
from soundbite_server.mcp.declaration import declare
from soundbite_tools.results import TaskResult

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Say how an embedding task stands: processing, ready or failed, how far it is, and what it made.

Call it with the task_id that embed_audio gave. `wait_seconds` waits until it has ended, so a few calls are enough. \
When it is ready, call search_clips. detail="embeddings" also lists the time range and the first ten values of each \
vector; whole vectors are never returned."""


def tool() -> Tool:
    """Return the tool."""
    return declare(get_task, title="Get an embedding task", description=DESCRIPTION, is_read_only=True)


async def get_task(
    ctx: ToolContext,
    task_id: Annotated[str, Field(description="From embed_audio or list_audio", max_length=100)],
    wait_seconds: Annotated[float, Field(description="Wait this long for it to finish", ge=0, le=25)] = 0.0,
    detail: Annotated[Literal["summary", "embeddings"], Field(description="How much to say")] = "summary",
    page: Annotated[int, Field(description="Page of the embeddings", ge=1)] = 1,
) -> Annotated[CallToolResult, TaskResult]:
    """Return a task as it stands."""

    async def call() -> TaskResult:
        from soundbite_tools.embed.get_task import get_task as look

        return await look(
            await jobs_of(ctx),
            task_id,
            wait_seconds=wait_seconds,
            detail=detail,
            page=page,
            on_progress=reporter(ctx),
        )

    return await answer(call)
