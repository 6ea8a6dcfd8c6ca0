"""soundbite add: recordings go into the library, some at a time, with how far they are."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, INPUT_EXIT_CODE
from soundbite_server.cli.library import console, personal_jobs, print_json_line, run_async
from soundbite_server.cli.options import RequestCommand, request_of
from soundbite_server.sources import NoSource, Source, find_sources, left_out, source_folders

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from soundbite_server.cli.render.progress import AddProgress
    from soundbite_server.watching import FolderWatch
    from soundbite_tools import EmbedRequest, Jobs, Library, TaskResult

_AT_ONCE = 2
_LOOK_EVERY_S = 2.0
_KINDS_NAMED = 5


@dataclass
class _Outcome:
    """How many recordings there were, and how many of them failed."""

    count: int = 0
    failed: int = 0
    audio_seconds: float = 0.0
    """Of what was embedded, not of what was there already."""
    present: int = 0
    """Found in the library as they are."""


@click.command("add", cls=RequestCommand, request="EmbedRequest")
@click.argument("words", metavar="SOURCES...", nargs=-1, required=True, type=click.Path())
@click.option("--watch", "is_watched", is_flag=True, help="Then add what comes into the folders, until Ctrl-C.")
@click.option("--follow", "is_followed", is_flag=True, help="Add one file while it is still being written.")
@click.option("--left-out", "names_left_out", is_flag=True, help="Name the files of folders that are left out.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each recording.")
@run_async
async def add_command(
    words: tuple[str, ...],
    asked: dict[str, Any],
    is_watched: bool,
    is_followed: bool,
    names_left_out: bool,
    as_json: bool,
) -> None:
    """Add recordings: files, folders with all audio and video in them, "patterns*.mp3" and https addresses.

    What is in the library already is skipped. It may be stopped at any time: the next call goes on where it ended.
    """
    from soundbite_server.cli.streaming import follow_command
    from soundbite_server.watching import FolderWatch
    from soundbite_tools import EmbedRequest

    request = request_of(EmbedRequest, **asked | {"transcript": _transcript_text(asked["transcript"])})
    if is_followed:
        if is_watched or len(words) != 1:
            raise click.UsageError("--follow goes with exactly one file, and not with --watch.")
        await follow_command(words[0], request, as_json=as_json)
        return
    others = left_out(words)
    try:
        sources = find_sources(words)
    except NoSource as exc:
        if not is_watched:
            _tell_left_out(others, names_left_out, is_quiet=as_json)
            raise click.UsageError(str(exc)) from exc
        sources = []
    folders = source_folders(words)
    _check_alone(request, is_alone=len(sources) == 1 and not folders)
    if is_watched and not folders:
        raise click.UsageError("--watch goes with a folder.")
    readable = [*folders, *(source.path for source in sources if source.path)]
    async with personal_jobs(readable) as jobs:
        watch = FolderWatch(folders)
        if is_watched:
            # What somebody writes to just now waits until it is settled.
            ready = set(watch.without_growing([source.path for source in sources if source.path]))
            sources = [source for source in sources if source.path is None or source.path in ready]
        watch.take([source.path for source in sources if source.path])
        outcome = await _add(jobs, sources, request, as_json=as_json)
        used = await _transcripts_beside(jobs.library, sources, others)
        _tell_left_out([path for path in others if path not in used], names_left_out, is_quiet=as_json)
        if is_watched:
            await _watch(jobs, watch, request, as_json=as_json)
    if outcome.failed:
        sys.exit(INPUT_EXIT_CODE if outcome.failed == outcome.count else FAILED_EXIT_CODE)


async def _transcripts_beside(library: Library, sources: Sequence[Source], others: Sequence[Path]) -> set[Path]:
    """Return those of the `others` whose words the recordings beside them have."""
    from soundbite_tools import EmbedParams

    ledger = await library.ledger()
    used: set[Path] = set()
    stems = {path.absolute().with_suffix("") for path in others}
    for path in (source.path for source in sources if source.path and source.path.with_suffix("") in stems):
        for asset in await ledger.assets_of_source(str(path.resolve())):
            for task in await ledger.list_tasks(limit=1, asset_id=asset.asset_id, status="ready"):
                if name := EmbedParams.model_validate_json(task.params_json).transcript_name:
                    used.add(path.with_name(name))
    return {path for path in others if path.absolute() in used}


def _check_alone(request: EmbedRequest, *, is_alone: bool) -> None:
    for name in ("title", "transcript"):
        if getattr(request, name) and not is_alone:
            raise click.UsageError(f"--{name} goes with exactly one file.")


def _transcript_text(name: str) -> str:
    from pathlib import Path

    from soundbite_tools import TRANSCRIPT_ENDINGS, ToolProblem, parsed_transcript, read_transcript_file

    if not name:
        return ""
    try:
        path = Path(name).resolve()
        if path.suffix and path.suffix.lower() not in TRANSCRIPT_ENDINGS:
            raise click.UsageError(f"--transcript reads files of these kinds: {' '.join(TRANSCRIPT_ENDINGS)}")
        text = read_transcript_file(path)
        parsed_transcript(text, path.name)
    except (ToolProblem, OSError, RuntimeError, ValueError) as exc:
        raise click.UsageError(str(exc)) from exc
    return text


async def _add(jobs: Jobs, sources: list[Source], request: EmbedRequest, *, as_json: bool) -> _Outcome:
    from soundbite_server.cli.render.progress import AddProgress

    out = console(stderr=as_json)
    with AddProgress(out, sources, redirects=not as_json) as progress:
        outcome = await _add_all(
            jobs, sources, request, progress, _print_json if as_json else functools.partial(_print, out)
        )
    if not as_json and outcome.count > 1:
        added = outcome.count - outcome.present - outcome.failed
        out.print(
            f"{added} added ({outcome.audio_seconds / 60:.1f} minutes of sound), {outcome.present} there already"
            + (f", [red]{outcome.failed} failed[/red]." if outcome.failed else ".")
        )
    return outcome


async def _add_all(
    jobs: Jobs,
    sources: Sequence[Source],
    request: EmbedRequest,
    progress: AddProgress,
    tell: Callable[[Source, TaskResult], None],
) -> _Outcome:
    """Add recordings, some at a time, whatever becomes of one of them."""
    import anyio

    from soundbite_server.ingestion import add_one

    outcome = _Outcome(len(sources))
    task_ids: set[str] = set()
    slots = anyio.CapacityLimiter(_AT_ONCE)

    async def add(source: Source) -> None:
        async with slots:
            with progress.of(source) as show:
                result = await add_one(jobs, source, request, show)
            if result.status == "ready" and result.task_id in task_ids:
                # Two files of equal content at once share a task; it counts once.
                result = result.model_copy(update={"is_reused": True})
            task_ids.add(result.task_id)
            outcome.failed += result.status == "failed"
            outcome.present += result.is_reused
            outcome.audio_seconds += 0.0 if result.is_reused else result.audio_seconds
            progress.ended(source, result)
            tell(source, result)

    async with anyio.create_task_group() as group:
        for source in sources:
            group.start_soon(add, source)
    return outcome


async def _watch(jobs: Jobs, watch: FolderWatch, request: EmbedRequest, *, as_json: bool) -> None:
    import anyio

    console(stderr=True).print("[dim]Watching for new recordings; Ctrl-C ends it.[/dim]")
    while True:
        if fresh := watch.look():
            await _add(jobs, [Source(str(path), path) for path in fresh], request, as_json=as_json)
        await anyio.sleep(_LOOK_EVERY_S)


def _tell_left_out(paths: Sequence[Path], is_named: bool, *, is_quiet: bool) -> None:
    from collections import Counter

    from soundbite_tools import count_of, printable

    errors = console(stderr=True)
    if is_named:
        for path in paths:
            errors.print(f"left out: {printable(str(path))}", markup=False)
    elif paths and not is_quiet:
        kinds = Counter(path.suffix.lower() or "without an ending" for path in paths).most_common(_KINDS_NAMED + 1)
        named = ", ".join(f"{count} {printable(kind)}" for kind, count in kinds[:_KINDS_NAMED])
        more = ", ..." if len(kinds) > _KINDS_NAMED else ""
        errors.print(
            f"{count_of(len(paths), 'file')} left out that are not called like audio or video ({named}{more}); "
            "--left-out names them, and one that is named itself is tried.",
            markup=False,
        )


def _print(out: Console, source: Source, task: TaskResult) -> None:
    from rich.markup import escape

    from soundbite_tools import clock_length, count_of

    if task.status == "failed":
        # On a terminal the bars are drawn anew below what their own console prints, and over anything else.
        errors = console(stderr=True)
        (out if out.is_terminal and errors.is_terminal else errors).print(_failure(source.name, task))
        return
    name = escape(source.name)
    what = f"there already{_earlier_title(source, task)}" if task.is_reused else count_of(task.clip_count, "clip")
    out.print(f"[green]{name}[/green]: {what}, {clock_length(task.audio_seconds)}  [dim]{task.asset_id}[/dim]")
    for note in task.notes if not task.is_reused else []:
        out.print(f"  [dim]{escape(note)}[/dim]")


def _earlier_title(source: Source, task: TaskResult) -> str:
    """Say under which title equal content came in before, where the file's own name does not lead to it."""
    from rich.markup import escape

    from soundbite_tools import LONGEST_TITLE, plain_text

    if source.path is None or plain_text(source.path.stem, LONGEST_TITLE) == task.title:
        return ""
    return f" as {escape(task.title)}"


def _failure(name: str, task: TaskResult) -> str:
    from rich.markup import escape

    from soundbite_server.cli.failures import next_step
    from soundbite_tools import file_label

    # Most sentences begin with the name already.
    named = f"{file_label(name)} "
    rest = f" {task.error.removeprefix(named)}" if task.error.startswith(named) else f": {task.error}"
    return f"[red]{escape(name)}[/red]{escape(f'{rest} {next_step(task.error_code, task.next_step)}')}"


def _print_json(source: Source, task: TaskResult) -> None:
    print_json_line({"named": source.address, **task.model_dump(mode="json")})
