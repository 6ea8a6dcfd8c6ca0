"""Clients in Python by others: each function connects one, and imports what only the environment of that client has."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from conversation import Place, StepFailed, shown


class Functions:
    """A session made of two functions."""

    def __init__(self, tools: dict[str, str], call: Callable[[str, dict[str, Any]], Awaitable[str]]) -> None:
        self._tools = tools
        self.call = call

    async def tools(self) -> dict[str, str]:
        return self._tools


def described(tools: list[Any]) -> dict[str, str]:
    return {tool.name: tool.description or "" for tool in tools}


def shown_result(result: Any) -> str:
    return shown(result.model_dump(mode="json", by_alias=True))


@asynccontextmanager
async def mcp(place: Place) -> AsyncIterator[Functions]:
    """The Python SDK of the 1.x line."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamablehttp_client

    started = StdioServerParameters(command=place.command[0], args=place.command[1:], env=place.env)
    async with (
        streamablehttp_client(place.url) if place.url else stdio_client(started) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()

        async def call(name: str, arguments: dict[str, Any]) -> str:
            return shown_result(await session.call_tool(name, arguments))

        yield Functions(described((await session.list_tools()).tools), call)


@asynccontextmanager
async def fastmcp(place: Place) -> AsyncIterator[Functions]:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    where = place.url or StdioTransport(place.command[0], place.command[1:], env=place.env, keep_alive=False)
    async with Client(where) as client:

        async def call(name: str, arguments: dict[str, Any]) -> str:
            result = await client.call_tool(name, arguments)  # raises where the answer is an error
            return "\n".join(getattr(block, "text", f"[{block.type}]") for block in result.content)

        yield Functions(described(await client.list_tools()), call)


@asynccontextmanager
async def langchain(place: Place) -> AsyncIterator[Functions]:
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    stdio = {"transport": "stdio", "command": place.command[0], "args": place.command[1:], "env": place.env}
    http = {"transport": "streamable_http", "url": place.url}
    client = MultiServerMCPClient({"soundbite": http if place.url else stdio})
    async with client.session("soundbite") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}

        async def call(name: str, arguments: dict[str, Any]) -> str:
            asked = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
            message = await tools[name].ainvoke(asked)
            text = message.text if isinstance(message.text, str) else message.text()
            if message.status == "error":
                raise StepFailed(text)
            return text

        yield Functions(described(list(tools.values())), call)


@asynccontextmanager
async def llama_index(place: Place) -> AsyncIterator[Functions]:
    from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

    client = (
        BasicMCPClient(place.url, timeout=60)
        if place.url
        else BasicMCPClient(place.command[0], args=place.command[1:], env=place.env, timeout=60)
    )
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client).to_tool_list_async()}

    async def call(name: str, arguments: dict[str, Any]) -> str:
        output = await tools[name].acall(**arguments)
        if output.is_error:
            raise StepFailed(output.content)
        return output.content

    yield Functions({name: tool.metadata.description for name, tool in tools.items()}, call)


@asynccontextmanager
async def openai_agents(place: Place) -> AsyncIterator[Functions]:
    from agents import Agent, RunContextWrapper
    from agents.mcp import MCPServerStdio, MCPServerStreamableHttp, MCPUtil
    from agents.tool_context import ToolContext

    limits = {"client_session_timeout_seconds": 60}
    server = (
        MCPServerStreamableHttp(params={"url": place.url}, **limits)
        if place.url
        else MCPServerStdio(params={"command": place.command[0], "args": place.command[1:], "env": place.env}, **limits)
    )
    async with server:
        agent = Agent(name="matrix", mcp_servers=[server])
        offered = await MCPUtil.get_all_function_tools([server], False, RunContextWrapper(context=None), agent)
        tools = {tool.name: tool for tool in offered}

        async def call(name: str, arguments: dict[str, Any]) -> str:
            asked = json.dumps(arguments)
            context = ToolContext(context=None, tool_name=name, tool_call_id="1", tool_arguments=asked)
            answer = await tools[name].on_invoke_tool(context, asked)
            return answer if isinstance(answer, str) else json.dumps(answer, default=str)

        yield Functions(described(offered), call)


@asynccontextmanager
async def pydantic_ai(place: Place) -> AsyncIterator[Functions]:
    """An agent whose model is a script: it calls what it is told to, and returns what it was shown."""
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    offered: dict[str, str] = {}
    asked = ("list_audio", {})

    def answer(messages: list[Any], info: Any) -> ModelResponse:
        offered.update(described(info.function_tools))
        last = messages[-1].parts[0]
        if isinstance(last, RetryPromptPart):
            raise StepFailed(last.model_response())
        if isinstance(last, ToolReturnPart):
            return ModelResponse(parts=[TextPart(last.model_response_str())])
        return ModelResponse(parts=[ToolCallPart(*asked)])

    where = place.url or StdioTransport(place.command[0], place.command[1:], env=place.env, keep_alive=False)
    agent = Agent(FunctionModel(answer), toolsets=[MCPToolset(where)])
    async with agent:

        async def call(name: str, arguments: dict[str, Any]) -> str:
            nonlocal asked
            asked = (name, arguments)
            return (await agent.run("Do as you are told.")).output

        await call("list_audio", {})
        yield Functions(offered, call)
