"""Whether a caller may call once more, and have more audio embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.http.principals import principal

if TYPE_CHECKING:
    from soundbite_server.http.limits import AudioAllowance
    from soundbite_server.mcp.boundary import ToolContext


async def count_call(ctx: ToolContext) -> None:
    """Count a call.

    Raises:
        LimitReached: this principal called too often.
    """
    if http := ctx.request_context.lifespan_context.http:
        http.limits.count_call(principal())


def allowance(ctx: ToolContext) -> AudioAllowance | None:
    """Return what this principal may have embedded; None where nothing limits that."""
    http = ctx.request_context.lifespan_context.http
    return http.limits.audio_of(principal()) if http else None
