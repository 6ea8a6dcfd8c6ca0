"""The tools, called with keyword arguments as a client calls them."""

from __future__ import annotations

from typing import Any

from running_library import RunningLibrary

from soundbite_tools.embed import embed_audio as embedding
from soundbite_tools.embed import get_task as looking
from soundbite_tools.embed import remove_audio as removing
from soundbite_tools.results import RemovalResult, TaskResult


async def embed_audio(library: RunningLibrary, source: str = "", **arguments: Any) -> TaskResult:
    return await embedding.embed_audio(library.jobs, source, **arguments)


async def get_task(library: RunningLibrary, task_id: str, **arguments: Any) -> TaskResult:
    return await looking.get_task(library.jobs, task_id, **arguments)


async def remove_audio(library: RunningLibrary, asset_id: str) -> RemovalResult:
    return await removing.remove_audio(library.jobs, asset_id)
