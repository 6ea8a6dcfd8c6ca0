"""Fixtures of the scenarios of the Tasks extension: tools whose calls become tasks, kept in memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, require_client_extension
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import INTERNAL_ERROR, CallToolRequestParams, CallToolResult

from soundbite_server.mcp.tasks import TASKS, TaskState

TASK_TOOLS = ("slow_compute", "failing_job", "protocol_error_job", "test_tool_with_task")


class MemoryTasks:
    """Calls that go on in the background."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[asyncio.Task[HandlerResult], datetime]] = {}

    async def begin(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> TaskState | HandlerResult:
        task_id = f"f_{len(self._running) + 1:08}"
        self._running[task_id] = (asyncio.ensure_future(call_next(ctx)), datetime.now(UTC))
        return await self.get(task_id, ctx)

    async def get(self, task_id: str, ctx: ServerRequestContext[Any, Any]) -> TaskState | None:
        if task_id not in self._running:
            return None
        job, created = self._running[task_id]
        now = datetime.now(UTC)
        if not job.done():
            return TaskState(task_id, "working", created, now)
        if job.cancelled():
            return TaskState(task_id, "cancelled", created, now)
        if isinstance(failure := job.exception(), MCPError):
            error = {"code": failure.error.code, "message": failure.error.message}
            return TaskState(task_id, "failed", created, now, failure.error.message, error=error)
        result = job.result()
        assert isinstance(result, CallToolResult)
        return TaskState(task_id, "completed", created, now, result=result)

    async def cancel(self, task_id: str, ctx: ServerRequestContext[Any, Any]) -> None:
        self._running[task_id][0].cancel()


def add_task_tools(server: MCPServer[Any]) -> None:
    """Add the tools."""

    @server.tool(structured_output=False)
    async def greet(name: str = "world") -> str:
        """Serve the scenario of a tool without tasks."""
        return f"Hello, {name}!"

    @server.tool(structured_output=False)
    async def slow_compute(seconds: float = 1.0, label: str = "") -> str:
        """Serve the scenario slow compute."""
        await asyncio.sleep(min(seconds, 30))
        return f"computed {label}".strip()

    @server.tool(structured_output=False)
    async def test_tool_with_task() -> str:
        """Serve the scenario tool with task."""
        await asyncio.sleep(0.5)
        return "done"

    @server.tool(structured_output=False)
    async def failing_job(ctx: Context[Any, Any]) -> str:
        """Serve the scenario of a tool that reports an error, and is offered as a task only."""
        require_client_extension(ctx.request_context, TASKS)
        raise ToolError("This job fails on purpose")

    @server.tool(structured_output=False)
    async def protocol_error_job() -> str:
        """Serve the scenario of a protocol error."""
        raise MCPError(code=INTERNAL_ERROR, message="This job breaks on purpose")
