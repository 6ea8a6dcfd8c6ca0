"""What a tool says of itself to an agent: short schemas, and mistakes in the arguments told in plain words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ValidationError, create_model

from soundbite_server.mcp.boundary import ToolContext, answer, count_call, guarded
from soundbite_tools import Request, Result, plain_text

# Field titles repeat the names; what else describes answers is read by few hosts and paid for by all.
# Lengths no model has ever come near, and defaults that say "nothing", are checked and not told.
_INPUT_NOISE = frozenset({"title", "additionalProperties", "maxLength", "maxItems"})
_OUTPUT_NOISE = frozenset({"title", "default", "additionalProperties", "description", "required"})
_MOST_MISTAKES = 5
_LONGEST_NAME = 60
_UNEXPECTED = "Something unexpected went wrong. Try once more; the server's log says what happened."


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
