"""Who calls, and whether they may call once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.auth.middleware.auth_context import get_access_token

if TYPE_CHECKING:
    from soundbite_server.mcp_tools.boundary import ToolContext
    from soundbite_tools.results import TaskResult


def principal() -> str:
    """Return whose call this is; everybody on stdio, and over HTTP without tokens, is `local`."""
    token = get_access_token()
    return f"{token.client_id}/{token.subject or ''}" if token else "local"


async def count_call(ctx: ToolContext) -> None:
    """Count a call.

    Raises:
        LimitReached: this principal called too often.
    """
    if limits := ctx.request_context.lifespan_context.limits:
        limits.count_call(principal())


def check_audio(ctx: ToolContext) -> None:
    """Look whether this principal may have more audio embedded.

    Raises:
        LimitReached: not now.
    """
    if limits := ctx.request_context.lifespan_context.limits:
        limits.check_audio(principal())


def count_audio(ctx: ToolContext, task: TaskResult) -> None:
    """Count the audio that a task takes on; what is answered from the store is free."""
    limits = ctx.request_context.lifespan_context.limits
    if limits and not task.is_reused:
        limits.count_audio(principal(), task.audio_seconds)
