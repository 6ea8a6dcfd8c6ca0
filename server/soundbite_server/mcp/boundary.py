"""The one place that speaks both languages: domain results become MCP results, domain errors become `ToolError`.

Tools declare short schemas here, and mistakes in the arguments are told in plain words. It also asks the user, where
the client can, before something is done that can't be undone (elicitation).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import (
    AudioContent,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ResourceLink,
    TextContent,
    ToolAnnotations,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError, create_model

from soundbite_server.http.callers import LOCAL, LimitReached, principal
from soundbite_server.http.middleware import SESSION_HEADER
from soundbite_server.lifespan import Services
from soundbite_tools import Request, Result, ToolProblem, WorkFailed, plain_text

if TYPE_CHECKING:
    from soundbite_server.http.callers import AudioAllowance
    from soundbite_tools import ClipDetail, Jobs, Library, PlayableClip

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
# Field titles repeat the names; what else describes answers is read by few hosts and paid for by all.
# Lengths no model has ever come near, and defaults that say "nothing", are checked and not told.
_INPUT_NOISE = frozenset({"title", "additionalProperties", "maxLength", "maxItems"})
_OUTPUT_NOISE = frozenset({"title", "default", "additionalProperties", "description", "required"})
_MOST_MISTAKES = 5
_LONGEST_NAME = 60
_UNEXPECTED = "Something unexpected went wrong. Try once more; the server's log says what happened."


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


class DeclaredTool(Tool):
    """A tool that counts its calls, and whose argument errors name the arguments and nothing else."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool.

        Raises:
            ToolError: too many calls, arguments that do not fit, or something the tool can't do.
        """
        await guarded(lambda: count_call(context))
        known = list(self.parameters["properties"])
        unknown = sorted(name for name, value in arguments.items() if name not in known and value is not None)
        if unknown and self.annotations and self.annotations.destructive_hint:
            # What was meant to hold it back ("dry_run") must not be left out.
            raise ToolError(_unknown(self.name, unknown, known))
        try:
            result = await super().run(
                {name: value for name, value in arguments.items() if name in known}, context, convert_result
            )
            return _with_note(result, _left_out(self.name, unknown, known)) if unknown else result
        except UnexpectedToolError as exc:
            # The failure's own text stays in the log; the agent still has to know what to do.
            exc.args = (f"{exc}. {_UNEXPECTED}",)
            raise
        except ToolError as exc:
            if isinstance(exc.__cause__, ValidationError):
                raise ToolError(_mistakes(self.name, exc.__cause__)) from exc.__cause__
            if unknown:
                # What failed may be for want of it: "question" instead of "query".
                raise ToolError(f"{exc} {_left_out(self.name, unknown, known)}") from exc
            raise


@dataclass(frozen=True)
class Declaration:
    """A tool: what calls it, what it is asked, what it answers, and what it says."""

    name: str
    call: Callable[[ToolContext, Any], Awaitable[Result | CallToolResult | InputRequiredResult]]
    request: type[Request]
    result: type[Result]
    title: str
    description: str
    is_read_only: bool
    is_destructive: bool = False
    is_open_world: bool = False
    meta: dict[str, Any] | None = None

    def tool(self) -> Tool:
        """Return the tool as the protocol has it: the inputs are the fields of the request."""
        bases: Any = (ArgModelBase, self.request)
        arguments: Any = create_model(self.request.__name__, __base__=bases)
        metadata = FuncMetadata(arg_model=arguments, output_model=self.result)
        assert metadata.output_schema
        metadata.output_schema = _without(metadata.output_schema, _OUTPUT_NOISE)

        async def run(ctx: ToolContext, **given: Any) -> CallToolResult | InputRequiredResult:
            # Validated already, by the same fields.
            return await answer(lambda: self.call(ctx, self.request.model_construct(**given)))

        return DeclaredTool(
            fn=run,
            name=self.name,
            title=self.title,
            description=self.description,
            parameters=_inputs(arguments.model_json_schema()),
            fn_metadata=metadata,
            is_async=True,
            context_kwarg="ctx",
            annotations=ToolAnnotations(
                read_only_hint=self.is_read_only,
                destructive_hint=self.is_destructive,
                idempotent_hint=True,
                open_world_hint=self.is_open_world,
            ),
            meta=self.meta,
        )


def _inputs(schema: dict[str, Any]) -> dict[str, Any]:
    short = _without(schema, _INPUT_NOISE)
    for inner in short["properties"].values():
        if not inner.get("default", True):
            del inner["default"]
    return short


def _without(schema: dict[str, Any], noise: frozenset[str]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            # The keys in here are names of ours, not words of JSON Schema.
            rest[key] = {name: _without(inner, noise) for name, inner in value.items()}
        elif key == "items" and noise is _OUTPUT_NOISE and value.keys() == {"type"}:
            continue  # of texts or numbers, as anyone would guess
        elif key not in noise:
            rest[key] = _without(cast("dict[str, Any]", value), noise) if isinstance(value, dict) else value
    return rest


def _unknown(name: str, given: Sequence[str], known: Sequence[str]) -> str:
    return (
        f"{name} was called with arguments that it does not have: {_named(given, known)}. "
        f"It has {', '.join(known)}. Mend them and call {name} again."
    )


def _left_out(name: str, given: Sequence[str], known: Sequence[str]) -> str:
    return (
        f"Note: {name} does not have the arguments {_named(given, known)}, which were left out. "
        f"It has {', '.join(known)}."
    )


def _named(given: Sequence[str], known: Sequence[str]) -> str:
    import difflib

    names = []
    for argument in given[:_MOST_MISTAKES]:
        near = difflib.get_close_matches(argument, known, n=1)
        names.append(plain_text(argument, _LONGEST_NAME) + (f" (did you mean {near[0]}?)" if near else ""))
    return ", ".join(names)


def _with_note(result: CallToolResult, note: str) -> CallToolResult:
    """The result with a note first, in its text and in its structured form: hosts show a model either."""
    structured = result.structured_content
    if structured is not None:
        structured = {**structured, "notes": [note, *structured.get("notes", ())]}
    content = [TextContent(type="text", text=note), *result.content]
    return result.model_copy(update={"content": content, "structured_content": structured})


def _mistakes(name: str, error: ValidationError) -> str:
    # The values are the caller's own, and may be long: the places and the rules are enough.
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    mistakes = [
        ": ".join(filter(None, [".".join(str(part) for part in mistake["loc"]), mistake["msg"]]))
        for mistake in errors[:_MOST_MISTAKES]
    ]
    return f"{name} was called with arguments that do not fit: {'; '.join(mistakes)}. Mend them and call {name} again."
