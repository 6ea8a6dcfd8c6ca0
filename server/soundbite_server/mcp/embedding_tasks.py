"""Embedding tasks of the ledger as tasks of the protocol: the same ids, seen either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_types import CallToolRequestParams, CallToolResult, TextContent

from soundbite_server.mcp.boundary import as_result
from soundbite_server.mcp.tasks_extension import TaskState

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

    from soundbite_store import Task
    from soundbite_tools.library import Library

_CANCELLED = "cancelled"


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
        library = await _library(ctx)
        await library.jobs.stop(task_id)
        ledger = await library.ledger()
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
            library.jobs.notify(task_id)


async def _library(ctx: ServerRequestContext[Any, Any]) -> Library:
    library: Library = await ctx.lifespan_context.library()
    return library


async def _state(task: Task, library: Library) -> TaskState:
    from soundbite_tools.embed.task_view import task_result

    if task.status == "processing":
        message = f"{task.stage or 'queued'}, {task.progress:.0%}"
        return TaskState(task.task_id, "working", task.created_at, task.updated_at, message)
    if task.error_code == _CANCELLED:
        return TaskState(task.task_id, "cancelled", task.created_at, task.updated_at, task.error_message)
    asset = await (await library.ledger()).get_asset(task.asset_id)
    result = as_result(task_result(task, asset))
    if task.status == "failed":
        told = TextContent(type="text", text=f"{task.error_message} {task.error_hint}".strip())
        result = CallToolResult(content=[told], is_error=True)
    return TaskState(task.task_id, "completed", task.created_at, task.updated_at, result=result)
