"""The one place that speaks both languages: domain results become MCP results, domain errors become `ToolError`.

It also asks the user, where the client can, before something is done that can't be undone (elicitation).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import (
    AudioContent,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ResourceLink,
    TextContent,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from soundbite_server.http.callers import LOCAL, LimitReached, principal
from soundbite_server.http.sessions import SESSION_HEADER
from soundbite_server.lifespan import Services
from soundbite_tools import ToolProblem, WorkFailed

if TYPE_CHECKING:
    from soundbite_server.http.callers import AudioAllowance
    from soundbite_tools import ClipDetail, Jobs, Library, PlayableClip, Result

T = TypeVar("T")
_LIMIT_REACHED = -32029
_LINKS_SINCE = "2025-06-18"
"""The first edition of the protocol with links; a client of an earlier one can't read an answer that holds one."""
_MOST_INLINE_BYTES = 1024 * 1024
ToolContext = Context[Services, Any]
_CONFIRMATION_KEY = "confirmation"
# A form without fields: to accept it is to agree.
_EMPTY_FORM = {"type": "object", "properties": {}}
_LONGEST_QUESTION_S = 120.0


async def library_of(ctx: ToolContext) -> Library:
    """Return the library that this server serves.

    Raises:
        WorkFailed: it can't be opened.
    """
    return await ctx.request_context.lifespan_context.library()


async def jobs_of(ctx: ToolContext) -> Jobs:
    """Return what runs the jobs of the library that this server serves.

    Raises:
        WorkFailed: it can't be opened.
    """
    return await ctx.request_context.lifespan_context.jobs()


async def answer(
    call: Callable[[], Awaitable[Result | CallToolResult | InputRequiredResult]],
) -> CallToolResult | InputRequiredResult:
    """Run a tool and return its result, the same facts as text and as structured content, or what it asks the user.

    Raises:
        ToolError: it can't be done; the text says why and what to do next.
    """
    result = await guarded(call)
    return result if isinstance(result, CallToolResult | InputRequiredResult) else as_result(result)


async def guarded(call: Callable[[], Awaitable[T]]) -> T:
    """Return what the call returns.

    Raises:
        ToolError: it can't be done; the text says why and what to do next.
    """
    try:
        return await call()
    except ToolProblem as exc:
        raise ToolError(str(exc)) from exc


def as_result(result: Result) -> CallToolResult:
    """Return a result as MCP sends it; clients show their model either the text or the structured content."""
    return CallToolResult(
        content=[TextContent(type="text", text=result.to_text())],
        structured_content=result.model_dump(mode="json"),
    )


def reporter(ctx: ToolContext) -> Callable[[float, str], Awaitable[None]]:
    """Return a listener that forwards a job's progress to the client that asked for it."""
    sent = -1.0

    async def report(fraction: float, stage: str) -> None:
        nonlocal sent
        if fraction > sent:  # the protocol wants progress that rises
            sent = fraction
            await ctx.report_progress(fraction, 1.0, stage or None)

    return report


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


class CallCount:
    """Counts all that callers over HTTP ask, not only their tool calls: those tell the agent of a limit themselves.

    What is done for a call takes turns with that of others under the name of its caller.
    """

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass the request on.

        Raises:
            MCPError: this principal called too often.
        """
        from soundbite_api.turns import claimed  # in here: the start of a server loads nothing of the platform

        http = getattr(ctx.lifespan_context, "http", None)
        if http and ctx.method != "tools/call" and not ctx.method.startswith("notifications/"):
            try:
                http.limits.count_call(principal())
            except LimitReached as exc:
                raise MCPError(code=_LIMIT_REACHED, message=str(exc)) from exc
        with claimed(caller=_claimant(ctx)):
            return await call_next(ctx)


def _claimant(ctx: ServerRequestContext[Any, Any]) -> str:
    caller, request = principal(), ctx.request
    if caller != LOCAL or request is None:
        return caller
    # Without tokens the sessions are told apart, and where there are none the addresses.
    return request.headers.get(SESSION_HEADER) or (request.client.host if request.client else caller)


def with_sound(ctx: ToolContext, clip: PlayableClip) -> CallToolResult:
    """Return the facts of a clip with its sound, unless that is too much to be returned inline, and links to both."""
    if len(clip.sound) > _MOST_INLINE_BYTES:
        note = (
            f"{len(clip.sound) / 2**20:.1f} MB of sound is more than the 1 MB that is returned inline; "
            "ask for a shorter range, or for audio_format mp3 or opus."
        )
        facts = as_result(clip.detail.model_copy(update={"notes": [*clip.detail.notes, note]}))
        return facts.model_copy(update={"content": [*facts.content, *_links(ctx, clip.detail)]})
    data = base64.b64encode(clip.sound).decode("ascii")
    facts = as_result(clip.detail)
    sound = AudioContent(type="audio", data=data, mime_type=clip.mime_type)
    return facts.model_copy(update={"content": [*facts.content, sound, *_links(ctx, clip.detail)]})


def _links(ctx: ToolContext, clip: ClipDetail) -> list[ResourceLink]:
    """Return links to the sound and the transcript, for clients that know links.

    Only whoever asks for sound gets them: LangChain makes a file for the model's provider of each, which refuses it.
    """
    if (ctx.protocol_version or "") < _LINKS_SINCE:
        return []
    sound = ResourceLink(
        name="clip", title="Sound of the clip", uri=f"soundbite://clips/{clip.clip_id}", mime_type="audio/mpeg"
    )
    words = ResourceLink(
        name="transcript",
        title="Transcript of the recording",
        uri=f"soundbite://transcripts/{clip.asset_id}",
        mime_type="text/plain",
    )
    return [*([sound] if clip.clip_id else []), words]


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
        with anyio.move_on_after(_LONGEST_QUESTION_S):
            answer = await ctx.session.elicit_form(question, _EMPTY_FORM, related_request_id=ctx.request_id)
    else:
        # Answers to a question about something else count for nothing: the state, which nobody else can make, has it.
        answer = (ctx.input_responses or {}).get(_CONFIRMATION_KEY) if ctx.request_state == question else None
        if not isinstance(answer, ElicitResult):
            asked = ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=_EMPTY_FORM))
            return InputRequiredResult(input_requests={_CONFIRMATION_KEY: asked}, request_state=question)
    if answer is None or answer.action != "accept":
        raise WorkFailed(
            "The user did not agree, and nothing was done.",
            "Ask the user what they want instead.",
            code="not_confirmed",
        )
    return None
