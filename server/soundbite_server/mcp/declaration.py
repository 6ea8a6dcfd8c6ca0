"""What a tool says of itself to an agent: short schemas, and mistakes in the arguments told in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from soundbite_server.mcp.boundary import count_call, guarded
from soundbite_tools.text import plain_text

# Field titles repeat the names; what else describes answers is read by few hosts and paid for by all.
_INPUT_NOISE = frozenset({"title"})
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
        if unknown := arguments.keys() - self.parameters["properties"].keys():
            # Left out in silence, a filter that is only spelled wrong would let everything through.
            raise ToolError(_unknown(self.name, sorted(unknown), list(self.parameters["properties"])))
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as exc:
            # The failure's own text stays in the log; the agent still has to know what to do.
            exc.args = (f"{exc}. {_UNEXPECTED}",)
            raise
        except ToolError as exc:
            if isinstance(exc.__cause__, ValidationError):
                raise ToolError(_mistakes(self.name, exc.__cause__)) from exc.__cause__
            raise


def declare(
    function: Callable[..., Any],
    *,
    title: str,
    description: str,
    is_read_only: bool,
    is_destructive: bool = False,
    is_open_world: bool = False,
    meta: dict[str, Any] | None = None,
) -> Tool:
    """Return the tool that a function is; its name is the function's, its schemas come from the annotations."""
    tool = DeclaredTool.from_function(
        function,
        title=title,
        description=description,
        annotations=ToolAnnotations(
            read_only_hint=is_read_only,
            destructive_hint=is_destructive,
            idempotent_hint=True,
            open_world_hint=is_open_world,
        ),
        meta=meta,
    )
    tool.parameters = _without(tool.parameters, _INPUT_NOISE)
    if tool.fn_metadata.output_schema:
        schema = _without(tool.fn_metadata.output_schema, _OUTPUT_NOISE)
        tool.fn_metadata.output_schema = schema
    return tool


def _without(schema: dict[str, Any], noise: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            # The keys in here are names of ours, not words of JSON Schema.
            kept[key] = {name: _without(inner, noise) for name, inner in value.items()}
        elif key not in noise:
            kept[key] = _without(cast("dict[str, Any]", value), noise) if isinstance(value, dict) else value
    return kept


def _unknown(name: str, given: Sequence[str], known: Sequence[str]) -> str:
    import difflib

    told = []
    for argument in given[:_MOST_MISTAKES]:
        near = difflib.get_close_matches(argument, known, n=1)
        told.append(plain_text(argument, _LONGEST_NAME) + (f" (did you mean {near[0]}?)" if near else ""))
    return (
        f"{name} was called with arguments that it does not have: {', '.join(told)}. "
        f"It has {', '.join(known)}. Mend them and call {name} again."
    )


def _mistakes(name: str, error: ValidationError) -> str:
    # The values are the caller's own, and may be long: the places and the rules are enough.
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found[:_MOST_MISTAKES]]
    return f"{name} was called with arguments that do not fit: {'; '.join(told)}. Mend them and call {name} again."
