"""Fixtures of the scenarios about transport: a tool that closes its stream, and an argument that is in a header too."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import Field


def add_stream_tools(server: MCPServer[Any]) -> None:
    """Add the tools."""

    @server.tool(structured_output=False)
    async def test_reconnection(ctx: Context[Any, Any]) -> str:
        """Serve the scenario SSE polling, which calls as a client of 2025-03-26: the SDK keeps its stream open."""
        await ctx.close_sse_stream()
        return "Reconnection test completed"

    @server.tool(structured_output=False)
    async def test_header_argument(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "",
    ) -> str:
        """Serve the scenario of custom headers."""
        return region
