"""Recordings going into the library from the command line: some at a time, with how far they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from soundbite_server.cli.progress import AddProgress
from soundbite_tools.embed_audio import embed_audio
from soundbite_tools.errors import ToolProblem
from soundbite_tools.files import is_unchanged
from soundbite_tools.get_task import get_task
from soundbite_tools.params import DEFAULT_SEGMENT_SEC, EmbedParams
from soundbite_tools.results import TaskResult
from soundbite_tools.reuse import finished_before
from soundbite_tools.task_view import task_result
from soundbite_tools.untrusted import plain_tags

if TYPE_CHECKING:
    from soundbite_server.cli.sources import Named
    from soundbite_store import Asset
    from soundbite_tools.library import Library

_AT_ONCE = 2
_WAIT_S = 25.0


@dataclass(frozen=True)
class Labels:
    """What is to be said of every recording that is added."""

    title: str = ""
    tags: tuple[str, ...] = ()


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
    slots = anyio.CapacityLimiter(_AT_ONCE)

    async def add(each: Named) -> None:
        async with slots:
            with progress.of(each) as show:
                result = await add_one(library, each, labels, show)
            outcome.failed += result.status == "failed"
            outcome.present += result.is_reused
            outcome.audio_seconds += 0.0 if result.is_reused else result.audio_seconds
            progress.ended(each, result)
            tell(each, result)

    async with anyio.create_task_group() as group:
        for each in named:
            group.start_soon(add, each)
    return outcome


def _unshown(fraction: float, stage: str) -> None:
    """Nobody looks on."""


async def add_one(
    library: Library, named: Named, labels: Labels, show: Callable[[float, str], None] = _unshown
) -> TaskResult:
    """Add one recording, or say what is known of it; a failure is a result."""

    async def listen(fraction: float, stage: str) -> None:
        show(fraction, stage)

    try:
        if known := await _unchanged(library, named, labels):
            return known
        task = await embed_audio(library, named.source, title=labels.title, tags=labels.tags, wait_seconds=0)
        while task.status == "processing":
            task = await get_task(library, task.task_id, wait_seconds=_WAIT_S, on_progress=listen)
    except ToolProblem as exc:
        return TaskResult(task_id="", status="failed", error=exc.message, error_code=exc.code, next_step=exc.next_step)
    return task


async def _unchanged(library: Library, named: Named, labels: Labels) -> TaskResult | None:
    """What is known of a file that nobody touched since it was embedded: large folders are not read again."""
    if named.path is None:
        return None
    asset = await (await library.ledger()).find_asset_by_source(str(named.path.resolve()))
    if asset is None or not is_unchanged(named.path, asset.size_bytes, asset.mtime_ns):
        return None
    return await known_as_asked(library, asset, labels)


async def known_as_asked(library: Library, asset: Asset, labels: Labels) -> TaskResult | None:
    """What is known of a recording that the engine set now has embedded, if it has these labels already."""
    if (labels.title, plain_tags(labels.tags)) not in (("", ()), (asset.title, asset.tags)):
        return None
    task = await finished_before(library, asset, _params(library))
    return task_result(task, asset).model_copy(update={"is_reused": True}) if task else None


def _params(library: Library) -> EmbedParams:
    is_natural = library.config.natural_segmentation
    return EmbedParams(segmentation="natural" if is_natural else "fixed", segment_sec=DEFAULT_SEGMENT_SEC)
