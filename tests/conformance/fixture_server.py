"""The product's server with the fixtures that the conformance tool asks for by name, over HTTP on a port of its own."""

from __future__ import annotations

import base64
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

from asking_fixtures import add_asking_tools
from input_fixtures import add_input_tools
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from stream_fixtures import add_stream_tools
from task_fixtures import TASK_TOOLS, MemoryTasks, add_task_tools

from soundbite_server import Settings, build_server


def png() -> str:
    """Return a red dot."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + image).decode()


def wav() -> str:
    """Return a hundredth of a second of silence."""
    frames = bytes(160)
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + head + b"data" + struct.pack("<I", len(frames)) + frames
    return base64.b64encode(b"RIFF" + struct.pack("<I", len(body)) + body).decode()


IMAGE = ImageContent(type="image", data=png(), mime_type="image/png")
SOUND = AudioContent(type="audio", data=wav(), mime_type="audio/wav")


def embedded(uri: str, text: str) -> EmbeddedResource:
    """Return a text as an embedded resource."""
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type="text/plain", text=text))


def add_tools(server: MCPServer[Any]) -> None:
    """Add the tools of the tool scenarios."""

    @server.tool(structured_output=False)
    async def test_simple_text() -> str:
        """Serve the scenario simple text."""
        return "This is a simple text response for testing."

    @server.tool(structured_output=False)
    async def test_image_content() -> list[ImageContent]:
        """Serve the scenario image content."""
        return [IMAGE]

    @server.tool(structured_output=False)
    async def test_audio_content() -> list[AudioContent]:
        """Serve the scenario audio content."""
        return [SOUND]

    @server.tool(structured_output=False)
    async def test_embedded_resource() -> list[EmbeddedResource]:
        """Serve the scenario embedded resource."""
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(structured_output=False)
    async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Serve the scenario multiple content types."""
        text = TextContent(type="text", text="Multiple content types test:")
        return [text, IMAGE, embedded("test://mixed-content-resource", '{"test":"data","value":123}')]

    @server.tool(structured_output=False)
    async def test_error_handling() -> str:
        """Serve the scenario error handling."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(structured_output=False)
    async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
        """Serve the scenario tool with progress."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        return "done"


def add_resources(server: MCPServer[Any]) -> None:
    """Add the resources of the resource scenarios."""

    @server.resource("test://static-text", mime_type="text/plain")
    async def static_text() -> str:
        """Serve the scenario static text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def static_binary() -> bytes:
        """Serve the scenario static binary."""
        return base64.b64decode(png())

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:  # noqa: A002 - the scenario's name
        """Serve the scenario template."""
        return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'


def add_prompts(server: MCPServer[Any]) -> None:
    """Add the prompts of the prompt scenarios."""

    @server.prompt()
    async def test_simple_prompt() -> str:
        """Serve the scenario simple prompt."""
        return "This is a simple prompt for testing."

    @server.prompt()
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Serve the scenario prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the scenario's
        """Serve the scenario prompt with embedded resource."""
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt()
    async def test_prompt_with_image() -> list[UserMessage]:
        """Serve the scenario prompt with image."""
        return [UserMessage(IMAGE), UserMessage("Please analyze the image above.")]


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), roots=(), workers=1, log_level="WARNING")
        server = build_server(settings, more_tasks=dict.fromkeys(TASK_TOOLS, MemoryTasks()))
        fixtures = (add_asking_tools, add_input_tools, add_stream_tools, add_task_tools, add_resources, add_prompts)
        for add in (add_tools, *fixtures):
            add(server)
        server.run("streamable-http", port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
