"""Answer a question from recordings, as an agent does: an MCP client, the tools of the server, a prompt for any model.

    python examples/rag.py samples/standup.flac "who gets her money back?"

Prints the prompt with the passages; pass it to the model of your choice in place of `print`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured answer."""
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise SystemExit(" ".join(getattr(part, "text", "") for part in result.content))
    return dict(result.structured_content or {})


async def passages(client: Client, recording: str, question: str) -> list[str]:
    """Embed the recording if need be, and return what in it answers the question."""
    task = await call(client, "embed_audio", source=recording)
    while task["status"] == "processing":
        task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=20)
    found = await call(client, "search_clips", query=question, asset_ids=[task["asset_id"]], top_k=3)
    return [f"[{clip['title']}, {clip['time_range']}] {clip.get('text', '(no speech)')}" for clip in found["clips"]]


async def main(recording: str, question: str) -> None:
    """Print a prompt that answers the question from the recording."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "soundbite_server", "serve"], env=dict(os.environ)
    )
    async with Client(server) as client:
        context = "\n".join(await passages(client, recording, question)) or "(nothing was found)"
    print(f"Answer from these passages only, and cite title and time.\n\n{context}\n\nQuestion: {question}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
