"""list_audio: what is in the library."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from soundbite_api import ABOUT_TRACKS
from soundbite_tools.embed.renewal import listed_spans
from soundbite_tools.embed.results import clips_in
from soundbite_tools.embed.spending import TaskFigures, spending_note
from soundbite_tools.errors import raises_problems
from soundbite_tools.results import AssetResult, LibraryListing
from soundbite_tools.sources.recordings import file_notes, file_states, origins
from soundbite_tools.sources.sources import source_label
from soundbite_tools.text import Room, clock_length, first_that_fits, folded, language_label, rounded_sec, shorten

if TYPE_CHECKING:
    from soundbite_store import Asset, Task
    from soundbite_tools.library import Library
    from soundbite_tools.requests import ListRequest

TASKS_READ = 20
_FILES_NOTED = 20


@raises_problems
async def list_audio(library: Library, request: ListRequest) -> LibraryListing:
    """Return one page of the recordings, newest first, with their ids, lengths, tags and latest tasks.

    `title` keeps those whose title or source contains it, `tags` those that carry one of them.

    Raises:
        ToolProblem: the ledger can't be read.
    """
    ledger = await library.ledger()
    # What could not be embedded is no recording; `soundbite tasks` tells of it.
    limit, page = request.page_limit, request.page
    first = (page - 1) * limit
    matching = await ledger.page_of_assets(limit, first, tags=request.tags, matches=_named(request.title))
    page_assets = matching.assets
    left = max(0, matching.total - first - len(page_assets))
    note = await spending_note(library) if page == 1 else ""
    files = await file_states(page_assets)
    origin = await origins(ledger, page_assets)
    tasks = await ledger.tasks_of((asset.asset_id for asset in page_assets), TASKS_READ)

    def answer(room: Room) -> LibraryListing:
        return LibraryListing(
            assets=[
                _asset_result(
                    asset,
                    tasks[asset.asset_id],
                    room,
                    file=files.get(asset.asset_id, ""),
                    origin=origin.get(asset.asset_id, ""),
                )
                for asset in page_assets
            ],
            total_assets=matching.total,
            total_seconds=rounded_sec(matching.total_sec),
            page=page,
            notes=[*([note] if note else []), *file_notes(page_assets[:_FILES_NOTED], files)],
            next_step=_next_step(matching.total, page_assets, left, page),
        )

    return first_that_fits(answer)


def recording_status(tasks: Sequence[Task]) -> str:
    """Return how a recording stands by its tasks, the newest first: ready where one of them is, else as the newest."""
    if any(task.status == "ready" for task in tasks):
        return "ready"
    return tasks[0].status if tasks else "failed"


def _named(title: str) -> Callable[[str, str], bool] | None:
    """Return whether a title and a source hold the words asked for; None where none are."""
    wanted = folded(title.strip())
    return (lambda name, source: wanted in folded(f"{name}\n{source}")) if wanted else None


def _asset_result(asset: Asset, tasks: Sequence[Task], room: Room, *, file: str, origin: str) -> AssetResult:
    ready = next((task for task in tasks if task.status == "ready"), None)
    latest = tasks[0] if tasks else None
    counts = TaskFigures.of(ready).counts if ready else ()
    partly = TaskFigures.of(latest).clips if latest else 0
    return AssetResult(
        asset_id=asset.asset_id,
        title=shorten(asset.title, room.title),
        origin=origin,
        status=recording_status(tasks),
        file=file,
        audio_seconds=rounded_sec(asset.duration_sec),
        length=clock_length(asset.duration_sec) if asset.duration_sec else "",
        clip_count=clips_in(counts) or partly,
        tracks=_tracks(ready),
        erased=listed_spans(asset),
        language=language_label(asset.language),
        tags=list(asset.tags[: room.tags]),
        source=shorten(source_label(asset), room.title),
        task_id=latest.task_id if latest else "",
        added=asset.created_at.strftime("%Y-%m-%d %H:%M"),
    )


def _tracks(ready: Task | None) -> str:
    """What a task noted of several audio tracks, and which of them are heard; else empty."""
    notes: list[str] = json.loads(ready.notes_json) if ready else []
    return next((note.rstrip(".") for note in notes if ABOUT_TRACKS in note), "")


def _next_step(total: int, page_assets: Sequence[Asset], left: int, page: int) -> str:
    if not total:
        return "Call embed_audio to add a recording; without title and tags, list_audio shows all there is."
    if not page_assets:
        return f"Page {page} is past the last: call list_audio with a lower page."
    return f"{left} more: call list_audio with page={page + 1}." if left else ""
