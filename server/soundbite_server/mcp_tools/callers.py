"""Whether a caller may call once more, and have more audio embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.principals import principal

if TYPE_CHECKING:
    from soundbite_server.mcp_tools.boundary import ToolContext
    from soundbite_tools.results import TaskResult


async def count_call(ctx: ToolContext) -> None:
    """Count a call.

    Raises:
        LimitReached: this principal called too often.
    """
    if http := ctx.request_context.lifespan_context.http:
        http.limits.count_call(principal())


def check_audio(ctx: ToolContext) -> None:
    """Look whether this principal may have more audio embedded.

    Raises:
        LimitReached: not now.
    """
    if http := ctx.request_context.lifespan_context.http:
        http.limits.check_audio(principal())


def count_audio(ctx: ToolContext, task: TaskResult) -> None:
    """Count the audio that a task takes on; what is answered from the store is free."""
    http = ctx.request_context.lifespan_context.http
    if http and not task.is_reused:
        http.limits.count_audio(principal(), task.audio_seconds)
