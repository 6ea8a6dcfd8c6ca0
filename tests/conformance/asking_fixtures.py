"""Fixtures of the scenarios in which a server asks its client back, and one with a schema of its own."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import SamplingMessage, TextContent

Asking = Context[Any, Any]

USER = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}
DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)]
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": OPTIONS},
        "titledSingle": {"type": "string", "oneOf": TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
        "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
    },
}
ADDRESS = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}
SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": ADDRESS},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_asking_tools(server: MCPServer[Any]) -> None:
    """Add the tools."""

    @server.tool(structured_output=False)
    async def test_sampling(prompt: str, ctx: Asking) -> str:
        """Serve the scenario sampling."""
        asked = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
        answer = await ctx.session.create_message([asked], max_tokens=100, related_request_id=ctx.request_id)
        return f"LLM response: {getattr(answer.content, 'text', '')}"

    @server.tool(structured_output=False)
    async def test_elicitation(message: str, ctx: Asking) -> str:
        """Serve the scenario elicitation."""
        return f"User response: {await _asked(ctx, message, USER)}"

    @server.tool(structured_output=False)
    async def test_elicitation_sep1034_defaults(ctx: Asking) -> str:
        """Serve the scenario elicitation with defaults."""
        return f"Elicitation completed: {await _asked(ctx, 'Who are you?', DEFAULTS)}"

    @server.tool(structured_output=False)
    async def test_elicitation_sep1330_enums(ctx: Asking) -> str:
        """Serve the scenario elicitation with choices."""
        return f"Elicitation completed: {await _asked(ctx, 'What do you choose?', ENUMS)}"

    @server.tool(structured_output=False)
    async def json_schema_2020_12_tool(name: str = "") -> str:
        """Serve the scenario JSON Schema 2020-12."""
        return name

    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool
    tool.parameters = SCHEMA_2020_12


async def _asked(ctx: Asking, message: str, schema: dict[str, Any]) -> str:
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={answer.action}, content={answer.content}"
