"""Asking the user before something is done that can't be undone, where the client can ask (elicitation)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from soundbite_tools import WorkFailed

if TYPE_CHECKING:
    from soundbite_server.mcp.boundary import ToolContext

_KEY = "confirmation"
# A form without fields: to accept it is to agree.
_SCHEMA = {"type": "object", "properties": {}}
_LONGEST_WAIT_S = 120.0


async def confirmation(ctx: ToolContext, question: str) -> InputRequiredResult | None:
    """Return what has the client ask its user, None once the user has agreed, and where the client can't ask.

    Raises:
        WorkFailed: the user did not agree.
    """
    can = ctx.client_capabilities
    if can is None or can.elicitation is None:
        return None
    if ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        answer = None
        with anyio.move_on_after(_LONGEST_WAIT_S):
            answer = await ctx.session.elicit_form(question, _SCHEMA, related_request_id=ctx.request_id)
    else:
        # Answers to a question about something else count for nothing: the state, which nobody else can make, has it.
        answer = (ctx.input_responses or {}).get(_KEY) if ctx.request_state == question else None
        if not isinstance(answer, ElicitResult):
            asked = ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=_SCHEMA))
            return InputRequiredResult(input_requests={_KEY: asked}, request_state=question)
    if answer is None or answer.action != "accept":
        raise WorkFailed(
            "The user did not agree, and nothing was done.",
            "Ask the user what they want instead.",
            code="not_confirmed",
        )
    return None
