"""The commands that show and change what the library holds, from list to import."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.cli.library import (
    console,
    json_option,
    personal_jobs,
    personal_library,
    personal_records,
    print_json,
    print_json_line,
    run_async,
)
from soundbite_server.cli.options import RECORDING, RequestCommand, request_of

if TYPE_CHECKING:
    from soundbite_store import ExchangeResult
    from soundbite_tools import AssetResult, LibraryListing, TaskResult

# A person waits for the end.
_PATIENCE_S = 3600.0
_TASK_COLUMNS = ("Begun", "Status", "Recording", "Made", "Task")
_STATUS_STYLES = {"ready": "green", "processing": "yellow", "failed": "red"}
_USAGE_COLUMNS = ("Day (UTC)", "Platform", "Minutes embedded", "Minutes saved")


@click.command("list", cls=RequestCommand, request="ListRequest")
@json_option
@run_async
async def list_command(asked: dict[str, Any], as_json: bool) -> None:
    """Show the recordings in the library, newest first."""
    from soundbite_tools import ListRequest, list_audio

    request = request_of(ListRequest, **asked)
    page, limit = request.page, request.page_limit
    async with personal_records() as library:
        listing = await list_audio(library, request)
    if as_json:
        print_json(listing)
    elif listing.assets:
        _print_recordings(listing)
        if listing.total_assets > page * limit:
            click.echo(f"{listing.total_assets - page * limit} more: --page {page + 1} shows them.")
    elif listing.total_assets:
        click.echo(f"There is no page {page}; the last is {-(-listing.total_assets // limit)}.")
    elif request.tags or request.title:
        asked_for = [f"the words {request.title!r}"] if request.title else []
        asked_for += [f"the tag {' or '.join(request.tags)}"] if request.tags else []
        click.echo(f"No recording has {' and '.join(asked_for)}; `soundbite list` shows all.")
    else:
        click.echo("The library is empty. `soundbite add FILE` adds a recording.")


def _print_recordings(listing: LibraryListing) -> None:
    from rich.text import Text

    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_tools import count_of

    out = console()
    columns = (
        Column("Title", is_wrapped=True),
        Column("Length", is_number=True),
        Column("Clips", is_number=True),
        Column("Status"),
        Column("Tags", is_wrapped=True),
        Column("Asset"),
    )
    rows = (
        (
            f"{asset.title} ({asset.origin})" if asset.origin else asset.title,
            asset.length,
            str(asset.clip_count),
            _standing(asset),
            ", ".join(asset.tags),
            Text(asset.asset_id, "dim"),
        )
        for asset in listing.assets
    )
    print_table(columns, rows)
    out.print(f"{count_of(listing.total_assets, 'recording')}, {listing.total_seconds / 60:.1f} minutes of sound.")
    for note in listing.notes:
        out.print(note, markup=False)


def _standing(asset: AssetResult) -> str:
    tracks = asset.tracks.partition(":")[0]
    parts = (asset.status, asset.file and f"file {asset.file}", tracks, asset.erased and f"erased {asset.erased}")
    return ", ".join(filter(None, parts))


@click.command("show")
@click.argument("recording", type=RECORDING)
@json_option
@run_async
async def show_command(recording: str, as_json: bool) -> None:
    """Show a RECORDING, named by its id or a part of its title: loudness, segments, words and sounds along its time."""
    from soundbite_server.cli.library import find_recording
    from soundbite_server.cli.render.timeline import as_document, print_recording
    from soundbite_tools import contents_of

    out = console()
    level_count = 0 if as_json else out.width
    async with personal_records() as library:
        asset = await find_recording(await library.ledger(), recording)
        contents = await contents_of(library, asset, level_count=level_count)
    if contents.clips and contents.levels is None and level_count:  # of what is kept by the engine alone
        async with personal_library() as library:
            contents = await contents_of(library, asset, level_count=level_count)
    if as_json:
        print_json(as_document(contents))
    else:
        print_recording(out, contents)


@click.command("tasks")
@click.option("--status", type=click.Choice(list(_STATUS_STYLES)), help="Only these.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@json_option
@run_async
async def tasks_command(status: str | None, limit: int, as_json: bool) -> None:
    """Show the embedding tasks, newest first: how far they are, and why one failed.

    Looking starts nothing. An agent's server, or the same `soundbite add` again, goes on with what was interrupted.
    """
    from soundbite_server.settings import Settings
    from soundbite_store import LEDGER_FILE, Ledger
    from soundbite_tools import task_result

    settings = Settings.from_environment()
    settings.check_home()
    wanted = cast("Literal['processing', 'ready', 'failed'] | None", status)
    async with await Ledger.open(settings.home / LEDGER_FILE) as ledger:
        tasks = [
            (task.created_at, task_result(task, await ledger.get_asset(task.asset_id)))
            for task in await ledger.list_tasks(limit, status=wanted)
        ]
    if as_json:
        print_json([{**task.model_dump(mode="json"), "created": created.isoformat()} for created, task in tasks])
        return
    _print_tasks([(created.astimezone().strftime("%Y-%m-%d %H:%M"), task) for created, task in tasks])


def _print_tasks(tasks: list[tuple[str, TaskResult]]) -> None:
    from rich.text import Text

    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_tools import count_of

    if not tasks:
        click.echo("No tasks.")
        return
    columns = [Column(name, is_wrapped=name in ("Recording", "Made")) for name in _TASK_COLUMNS]
    rows = []
    for begun, task in tasks:
        status = f"{task.progress:.0%} {task.stage}" if task.status == "processing" else task.status
        made = count_of(task.clip_count, "clip") if task.clip_count else task.error
        rows.append((begun, Text(status, _STATUS_STYLES[task.status]), task.title, made, Text(task.task_id, "dim")))
    print_table(columns, rows)


@click.command("usage")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far to look back.")
@json_option
@run_async
async def usage_command(days: int, as_json: bool) -> None:
    """Show the minutes of audio embedded, and those saved because the sound was there already."""
    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_server.settings import Settings
    from soundbite_store import LEDGER_FILE, Ledger

    settings = Settings.from_environment()
    settings.check_home()
    today = datetime.now(UTC).date()
    async with await Ledger.open(settings.home / LEDGER_FILE) as ledger:
        days_of_use = await ledger.usage_between(today - timedelta(days=days - 1), today)
    if as_json:
        seconds = ("seconds_embedded", "seconds_saved")
        print_json([asdict(day) | {name: round(getattr(day, name), 2) for name in seconds} for day in days_of_use])
        return
    out = console()
    if days_of_use:
        columns = [Column(name, is_number=name.startswith("Minutes")) for name in _USAGE_COLUMNS]
        rows = ((day.day, day.platform, day.seconds_embedded, day.seconds_saved) for day in days_of_use)
        print_table(columns, ((day, platform, *map(_minutes, seconds)) for day, platform, *seconds in rows))
    embedded = sum(day.seconds_embedded for day in days_of_use)
    saved = sum(day.seconds_saved for day in days_of_use)
    out.print(f"{_minutes(embedded)} minutes embedded in {days} days, {_minutes(saved)} saved.")
    budgets = (("a file", settings.budget_file_minutes), ("a day", settings.budget_day_minutes))
    for name, minutes in budgets:
        if minutes and not settings.is_embedded:
            out.print(f"The budget is {minutes:g} minutes {name}.")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


@click.command("rm")
@click.argument("recordings", nargs=-1, required=True, type=RECORDING)
@click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
@run_async
async def rm_command(recordings: tuple[str, ...], is_sure: bool, as_json: bool) -> None:
    """Remove RECORDINGS (ids, whole titles, or their files) from the library, with all that was made of them.

    The files they came from are left alone.
    """
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import RemoveRequest, remove_audio

    out = console()
    async with personal_jobs() as jobs:
        ledger = await jobs.library.ledger()
        named = [await find_recording(ledger, words, is_whole=True) for words in recordings]
        assets = {asset.asset_id: asset for asset in named}
        sure = [asset for asset in assets.values() if is_sure or _is_confirmed(asset.title, asset.asset_id)]
        for number, asset in enumerate(sure, start=1):
            # The files of the library are scrubbed once, with the last one.
            wait_s = _PATIENCE_S if number == len(sure) else None
            removed = await remove_audio(jobs, RemoveRequest(asset_id=asset.asset_id), wait_s=wait_s)
            if as_json:
                print_json_line(removed.model_dump(mode="json"))
            else:
                out.print(removed.to_text(), markup=False)


def _is_confirmed(title: str, asset_id: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked whether to remove {title}: say --yes.")
    return click.confirm(f"Remove {title} ({asset_id}) and all that was made of it?", err=True)


@click.command("tag")
@click.argument("recording", type=RECORDING)
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag away; may be repeated.")
@json_option
@run_async
async def tag_command(recording: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Give a RECORDING, named by its id or a part of its title, TAGS besides those it has."""
    if not tags and not remove:
        raise click.UsageError("Name tags to add, or --remove one.")
    await _relabel(recording, tags=(*(f"-{tag}" for tag in remove), *tags), as_json=as_json)


@click.command("rename")
@click.argument("recording", type=RECORDING)
@click.argument("title")
@json_option
@run_async
async def rename_command(recording: str, title: str, as_json: bool) -> None:
    """Give a RECORDING, named by its id or a part of its title, another TITLE; its file keeps its name."""
    from soundbite_tools import LONGEST_TITLE, plain_text

    if not plain_text(title, LONGEST_TITLE):
        raise click.UsageError("The title is empty.")
    await _relabel(recording, title=title, as_json=as_json)


async def _relabel(recording: str, *, title: str = "", tags: tuple[str, ...] = (), as_json: bool) -> None:
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import relabel

    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        asset = await relabel(library, asset.asset_id, title=title, tags=tags)
    if as_json:
        print_json({"asset_id": asset.asset_id, "title": asset.title, "tags": list(asset.tags)})
    else:
        labels = f", tags: {', '.join(asset.tags)}" if asset.tags else ", no tags"
        console().print(f"{asset.title}{labels}", markup=False)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@run_async
async def import_command(file: Path, as_json: bool) -> None:
    """Add what an export holds to the library; what is there already stays."""
    from soundbite_store import import_library

    async with personal_library() as library:
        done = await import_library(await library.store(), await library.ledger(), file)
    print_counts(done, "read", as_json=as_json)
    if done.erased:
        left_out = f"{done.erased} recordings were left out: other parts of them are erased here than in the file."
        console(stderr=True).print(left_out)
    if done.damaged:
        console(stderr=True).print(f"{done.damaged} vectors were damaged in the file and left out.")
        sys.exit(FAILED_EXIT_CODE)


def print_counts(done: ExchangeResult, verb: str, *, as_json: bool) -> None:
    """Print how much an export wrote or an import read."""
    from soundbite_tools import count_of

    if as_json:
        print_json(asdict(done))
        return
    counts = (done.assets, "recording"), (done.clips, "vector"), (done.transcripts, "transcript")
    console().print(f"{', '.join(count_of(*count) for count in counts)} {verb}.")
