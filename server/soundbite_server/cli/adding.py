"""Recordings going into the library from the command line: some at a time, with how far they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from soundbite_server.cli.render.progress import AddProgress
from soundbite_server.taking_in import Labels, add_one
from soundbite_tools.results import TaskResult

if TYPE_CHECKING:
    from soundbite_server.named_media import Named
    from soundbite_tools.library import Library

_AT_ONCE = 2


@dataclass
class Outcome:
    """How many recordings there were, and how many of them failed."""

    count: int = 0
    failed: int = 0
    audio_seconds: float = 0.0
    """Of what was embedded, not of what was there already."""
    present: int = 0
    """Found in the library as they are."""


Tell = Callable[["Named", TaskResult], None]
"""Called with every recording once it is in the library or has failed."""


async def add_all(
    library: Library, named: Sequence[Named], labels: Labels, progress: AddProgress, tell: Tell
) -> Outcome:
    """Add recordings, some at a time, whatever becomes of one of them."""
    outcome = Outcome(len(named))
    made: set[str] = set()
    slots = anyio.CapacityLimiter(_AT_ONCE)

    async def add(each: Named) -> None:
        async with slots:
            with progress.of(each) as show:
                result = await add_one(library, each, labels, show)
            if result.status == "ready" and result.task_id in made:
                # Two files of equal content at once share a task; it counts once.
                result = result.model_copy(update={"is_reused": True})
            made.add(result.task_id)
            outcome.failed += result.status == "failed"
            outcome.present += result.is_reused
            outcome.audio_seconds += 0.0 if result.is_reused else result.audio_seconds
            progress.ended(each, result)
            tell(each, result)

    async with anyio.create_task_group() as group:
        for each in named:
            group.start_soon(add, each)
    return outcome
