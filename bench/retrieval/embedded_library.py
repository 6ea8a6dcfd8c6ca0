"""Embeds the recordings of a folder as one library and asks it questions, through the tools an agent would call."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine.models import chosen_models
from mcp import Client

from soundbite_server import Settings

CALLS_AT_ONCE = 4  # enough to keep every worker of the engine busy
WAIT_SEC = 20
LONGEST_SEC = 3600


class ToolCallError(Exception):
    """A tool answered with an error; the message is what it said."""


@dataclass
class Library:
    """The recordings that were embedded: which asset each path became, and what went wrong."""

    asset_ids: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    wall_seconds: float = 0.0


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured answer.

    Raises:
        ToolCallError: the tool says that it could not do it.
    """
    result = await client.call_tool(tool, arguments)
    if result.is_error or not isinstance(result.structured_content, dict):
        raise ToolCallError(" ".join(getattr(part, "text", "") for part in result.content))
    return result.structured_content


async def embed_all(
    client: Client, folder: Path, paths: Sequence[str], on_done: Callable[[int], None] = lambda count: None
) -> Library:
    """Embed recordings a few at a time; `on_done` hears after each one how many are finished."""
    library = Library()
    slots = asyncio.Semaphore(CALLS_AT_ONCE)

    async def embed(path: str) -> None:
        async with slots:
            try:
                library.asset_ids[path] = await _embedded(client, folder / path)
            except ToolCallError as exc:
                library.failures[path] = str(exc)
            on_done(len(library.asset_ids) + len(library.failures))

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(embed(path))
    library.wall_seconds = time.perf_counter() - started
    return library


async def _embedded(client: Client, path: Path) -> str:
    task = await call(client, "embed_audio", source=str(path), wait_seconds=WAIT_SEC)
    async with asyncio.timeout(LONGEST_SEC):
        while task["status"] == "processing":
            task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=WAIT_SEC)
    if task["status"] != "ready":
        raise ToolCallError(task.get("error", task["status"]))
    return str(task["asset_id"])


def settings_for(home: Path, root: Path, profile: str) -> Settings:
    """Settings of a library in `home` over the recordings below `root`."""
    return Settings(
        home=home, roots=(root,), log_level="WARNING", profile=profile, models_folder=chosen_models().folder
    )
