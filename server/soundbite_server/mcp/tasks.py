"""The Tasks extension of the protocol (SEP-2663): a call that takes long answers at once with a task to be asked about.

Only clients that declare the extension meet it; to others a tool answers as ever. What a task is and where it lives is
the affair of the tool's source of tasks: for embed_audio the ledger, whose ids are the protocol's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp_types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams, TextContent
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from soundbite_server.mcp.boundary import as_result

if TYPE_CHECKING:
    from soundbite_store import Task
    from soundbite_tools import Jobs, Library


TASKS = "io.modelcontextprotocol/tasks"
_VERSIONS = frozenset({"2026-07-28"})
_POLL_MS = 1000
_HEADER_MISMATCH = -32020

Context = ServerRequestContext[Any, Any]
_CANCELLED = "cancelled"


@dataclass(frozen=True)
class TaskState:
    """A task as the protocol tells of it."""

    task_id: str
    status: Literal["working", "completed", "failed", "cancelled"]
    created_at: datetime
    updated_at: datetime
    message: str = ""
    result: CallToolResult | None = None
    """Of a completed task; a tool that reports an error has completed too."""
    error: Mapping[str, Any] | None = None
    """The JSON-RPC error of a failed one."""

    def to_wire(self) -> dict[str, Any]:
        """Return the state as it is sent."""
        wire: dict[str, Any] = {
            "taskId": self.task_id,
            "status": self.status,
            "createdAt": _stamp(self.created_at),
            "lastUpdatedAt": _stamp(self.updated_at),
            "ttlMs": None,
            "pollIntervalMs": _POLL_MS,
        }
        if self.message:
            wire["statusMessage"] = self.message
        if self.result is not None:
            wire["result"] = self.result.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.error is not None:
            wire["error"] = dict(self.error)
        return wire


class TaskSource(Protocol):
    """Where the tasks of a tool are."""

    async def begin(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> TaskState | HandlerResult:
        """Start the call; return its task, or its result where there is one already."""
        ...

    async def get(self, task_id: str, ctx: Context) -> TaskState | None:
        """Return a task as it stands, None if there is none that this caller may know of."""
        ...

    async def cancel(self, task_id: str, ctx: Context) -> None:
        """Stop a task, if it can still be stopped."""
        ...


class TaskParams(RequestParams):
    """What tasks/get, tasks/update and tasks/cancel name."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    task_id: str


class TasksExtension(Extension):
    """Serves the tasks of some tools, each from its source."""

    identifier = TASKS

    def __init__(self, sources: Mapping[str, TaskSource]) -> None:
        self._sources = sources

    def methods(self) -> list[MethodBinding]:
        """Return the methods that clients ask about tasks with."""
        served = {"tasks/get": self._get, "tasks/update": self._update, "tasks/cancel": self._cancel}
        return [MethodBinding(name, TaskParams, handler, _VERSIONS) for name, handler in served.items()]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """Answer with a task where the tool makes some and the client knows what they are."""
        source = self._sources.get(params.name)
        if source is None or ctx.protocol_version not in _VERSIONS or not _is_declared(ctx):
            return await call_next(ctx)
        begun = await source.begin(params, ctx, call_next)
        return {"resultType": "task", **begun.to_wire()} if isinstance(begun, TaskState) else begun

    async def _get(self, ctx: Context, params: TaskParams) -> HandlerResult:
        _, state = await self._found(ctx, params)
        return {"resultType": "complete", **state.to_wire()}

    async def _update(self, ctx: Context, params: TaskParams) -> HandlerResult:
        await self._found(ctx, params)  # no task of ours waits for input: there is nothing to update
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Context, params: TaskParams) -> HandlerResult:
        source, state = await self._found(ctx, params)
        if state.status == "working":
            await source.cancel(params.task_id, ctx)
        return {"resultType": "complete"}

    async def _found(self, ctx: Context, params: TaskParams) -> tuple[TaskSource, TaskState]:
        require_client_extension(ctx, TASKS)
        headers = getattr(ctx.request, "headers", None) or {}
        if headers.get("mcp-name", params.task_id) != params.task_id:
            raise MCPError(code=_HEADER_MISMATCH, message="The header Mcp-Name must be the taskId.")
        for source in dict.fromkeys(self._sources.values()):
            if state := await source.get(params.task_id, ctx):
                return source, state
        raise MCPError(code=INVALID_PARAMS, message="There is no such task.")


def _is_declared(ctx: Context) -> bool:
    capabilities = ctx.session.client_capabilities
    return bool(capabilities and capabilities.extensions and TASKS in capabilities.extensions)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EmbeddingTasks:
    """The tasks of embed_audio, in the library of whoever asks."""

    async def begin(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> TaskState | HandlerResult:
        """Start embedding without waiting; what needs no work, or can't be done, is answered as a result."""
        params.arguments = {**(params.arguments or {}), "wait_seconds": 0}
        result = await call_next(ctx)
        task = (result.structured_content or {}) if isinstance(result, CallToolResult) else {}
        if task.get("status") != "processing":
            return result
        return await self.get(task["task_id"], ctx) or result

    async def get(self, task_id: str, ctx: ServerRequestContext[Any, Any]) -> TaskState | None:
        """Return a task of the ledger."""
        library = await _library(ctx)
        task = await (await library.ledger()).get_task(task_id)
        return None if task is None else await _state(task, library)

    async def cancel(self, task_id: str, ctx: ServerRequestContext[Any, Any]) -> None:
        """Stop the job; its task has failed then, and embedding again starts another."""
        jobs: Jobs = await ctx.lifespan_context.jobs()
        await jobs.stop(task_id)
        ledger = await jobs.library.ledger()
        task = await ledger.get_task(task_id)
        if task and task.status == "processing":
            await ledger.update_task(
                task_id,
                status="failed",
                stage="",
                error_code=_CANCELLED,
                error_message="The task was cancelled.",
                error_hint="Call embed_audio again to embed the recording after all.",
            )
            jobs.notify(task_id)


async def _library(ctx: ServerRequestContext[Any, Any]) -> Library:
    library: Library = await ctx.lifespan_context.library()
    return library


async def _state(task: Task, library: Library) -> TaskState:
    from soundbite_tools import task_result

    if task.status == "processing":
        message = f"{task.stage or 'queued'}, {task.progress:.0%}"
        return TaskState(task.task_id, "working", task.created_at, task.updated_at, message)
    if task.error_code == _CANCELLED:
        return TaskState(task.task_id, "cancelled", task.created_at, task.updated_at, task.error_message)
    asset = await (await library.ledger()).get_asset(task.asset_id)
    result = as_result(task_result(task, asset))
    if task.status == "failed":
        reason = TextContent(type="text", text=f"{task.error_message} {task.error_hint}".strip())
        result = CallToolResult(content=[reason], is_error=True)
    return TaskState(task.task_id, "completed", task.created_at, task.updated_at, result=result)
