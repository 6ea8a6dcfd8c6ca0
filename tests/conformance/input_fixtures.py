"""Fixtures of the scenarios in which a result asks the client for input, and the call comes again with the answers."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, ListRoots, Resolve, Sample
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

Asking = Context[Any, Any]
T = TypeVar("T")


def question(message: str, **fields: str) -> InputRequest:
    """Return a form with these fields, each with its type."""
    properties = {name: {"type": kind} for name, kind in fields.items()}
    schema = {"type": "object", "properties": properties, "required": list(fields)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(text: str, max_tokens: int) -> InputRequest:
    """Return a question to the client's model."""
    asked = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[asked], max_tokens=max_tokens))


NAME = question("What is your name?", name="string")
CONFIRM = question("Please confirm", ok="boolean")
CONTEXT = question("What context should the prompt use?", context="string")


def answer_of(ctx: Asking, key: str, kind: type[T]) -> T | None:
    """Return what the client answered to one question, None if it has not."""
    found = (ctx.input_responses or {}).get(key)
    return found if isinstance(found, kind) else None


def asking(state: str = "", **requests: InputRequest) -> InputRequiredResult:
    """Return the questions; `state` comes back with the answers, sealed by the SDK on its way."""
    return InputRequiredResult(input_requests=requests, request_state=state or None)


def add_input_tools(server: MCPServer[Any]) -> None:
    """Add the tools that ask, and the prompt."""
    ours = (_elicitation, _request_state, _tampered_state, _multiple_inputs, _multi_round, _capabilities)
    for one in (*ours, _sampling, _list_roots):
        server.tool(f"test_input_required_result{one.__name__}", structured_output=False)(one)
    server.tool("test_missing_capability", structured_output=False)(_missing_capability)
    server.prompt("test_input_required_result_prompt")(_prompt)


async def _elicitation(ctx: Asking) -> str | InputRequiredResult:
    """Ask for a name."""
    given = answer_of(ctx, "user_name", ElicitResult)
    return f"Hello, {(given.content or {}).get('name')}!" if given else asking(user_name=NAME)


async def _request_state(ctx: Asking) -> str | InputRequiredResult:
    """Ask, and look whether the state comes back."""
    if answer_of(ctx, "confirm", ElicitResult) and ctx.request_state == "asked":
        return "state-ok"
    return asking("asked", confirm=CONFIRM)


async def _tampered_state(ctx: Asking) -> str | InputRequiredResult:
    """Ask; a state that was changed on its way never gets here."""
    return "confirmed" if ctx.request_state == "asked" else asking("asked", confirm=CONFIRM)


async def _multiple_inputs(ctx: Asking) -> str | InputRequiredResult:
    """Ask three things at once."""
    requests = {
        "user_name": NAME,
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    return "all answered" if requests.keys() <= (ctx.input_responses or {}).keys() else asking("asked", **requests)


async def _multi_round(ctx: Asking) -> str | InputRequiredResult:
    """Ask two things one after the other."""
    if ctx.request_state == "second" and answer_of(ctx, "step2", ElicitResult):
        return "both answered"
    if ctx.request_state == "first" and answer_of(ctx, "step1", ElicitResult):
        return asking("second", step2=question("Step 2: What is your favorite color?", color="string"))
    return asking("first", step1=question("Step 1: What is your name?", name="string"))


async def _capabilities(ctx: Asking) -> str | InputRequiredResult:
    """Ask for what this client can answer."""
    can = ctx.client_capabilities
    requests: dict[str, InputRequest] = {}
    if can and can.sampling is not None:
        requests["greeting"] = sampling("Generate a greeting", 50)
    if can and can.elicitation is not None:
        requests["user_name"] = NAME
    return asking(**requests) if requests and not ctx.input_responses else "done"


async def _prompt(ctx: Asking) -> list[UserMessage] | InputRequiredResult:
    """Ask what the prompt is to use."""
    given = answer_of(ctx, "user_context", ElicitResult)
    return [UserMessage(f"Use {(given.content or {}).get('context')}.")] if given else asking(user_context=CONTEXT)


# These two, and what is asked of a client that can't answer, are left to the SDK's own questions.
def _capital() -> Sample:
    asked = TextContent(type="text", text="What is the capital of France?")
    return Sample([SamplingMessage(role="user", content=asked)], max_tokens=100)


def _roots() -> ListRoots:
    return ListRoots()


async def _sampling(said: Annotated[CreateMessageResult, Resolve(_capital)]) -> str:
    """Ask the client's model."""
    return str(getattr(said.content, "text", ""))


async def _list_roots(roots: Annotated[ListRootsResult, Resolve(_roots)]) -> str:
    """Ask for the client's folders."""
    return ", ".join(str(root.uri) for root in roots.roots)


async def _missing_capability(said: Annotated[CreateMessageResult, Resolve(_capital)]) -> str:
    """Need what the client has not declared."""
    return str(getattr(said.content, "text", ""))
