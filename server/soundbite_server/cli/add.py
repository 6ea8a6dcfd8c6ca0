"""soundbite add"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from soundbite_server.cli.library import console, personal_library, run_async
from soundbite_tools.embed_audio import embed_audio
from soundbite_tools.errors import SourceProblem, ToolProblem
from soundbite_tools.get_task import get_task

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.results import TaskResult

# What a folder is looked through for; a file named outright is tried whatever it is called.
# fmt: off
SUFFIXES = frozenset((
    ".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff", ".wma", ".ac3", ".amr",
    ".caf", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm",
))
# fmt: on
_AT_ONCE = 2
_WAIT_S = 25.0


@click.command("add")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--title", default="", help="Title, for a single file.")
@click.option("--tag", "tags", multiple=True, help="A tag to filter searches by; may be repeated.")
@run_async
async def command(paths: tuple[Path, ...], title: str, tags: tuple[str, ...]) -> None:
    """Add recordings: files, and folders with all audio and video files in them.

    What is in the library already is skipped; what was interrupted goes on.
    """
    files = find_files(paths)
    if title and len(files) != 1:
        raise click.UsageError("--title goes with exactly one file.")
    async with personal_library(paths) as library:
        failed = await _add_all(library, files, title, list(tags))
    if failed:
        sys.exit(2 if len(failed) == len(files) else 1)


def find_files(paths: tuple[Path, ...]) -> list[Path]:
    """Return the named files and the media files in the named folders, absolute and in order.

    Raises:
        SourceProblem: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path.absolute())
            continue
        inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
        visible = [each for each in inside if not any(part.startswith(".") for part in each.relative_to(path).parts)]
        if not visible:
            raise SourceProblem(
                f"No audio or video files in {path}.", "Name a folder that holds some, or the files themselves."
            )
        files += [each.absolute() for each in visible]
    return list(dict.fromkeys(files))


async def _add_all(library: Library, files: list[Path], title: str, tags: list[str]) -> list[Path]:
    out = console()
    failed: list[Path] = []
    slots = anyio.CapacityLimiter(_AT_ONCE)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:

        async def add(path: Path) -> None:
            async with slots:
                try:
                    task = await _add_one(library, path, title, tags, progress)
                except ToolProblem as exc:
                    failed.append(path)
                    console(stderr=True).print(f"[red]{escape(path.name)}[/red]: {escape(str(exc))}")
                else:
                    _say(progress, path, task, failed)

        async with anyio.create_task_group() as group:
            for path in files:
                group.start_soon(add, path)
    return failed


async def _add_one(library: Library, path: Path, title: str, tags: list[str], progress: Progress) -> TaskResult:
    bar = progress.add_task(escape(path.name), total=1.0)

    async def show(fraction: float, _stage: str) -> None:
        progress.update(bar, completed=fraction)

    try:
        task = await embed_audio(library, source=str(path), title=title, tags=tags, wait_seconds=0)
        while task.status == "processing":
            task = await get_task(library, task.task_id, wait_seconds=_WAIT_S, on_progress=show)
    finally:
        progress.remove_task(bar)
    return task


def _say(progress: Progress, path: Path, task: TaskResult, failed: list[Path]) -> None:
    name = escape(path.name)
    if task.status == "failed":
        failed.append(path)
        console(stderr=True).print(f"[red]{name}[/red]: {escape(task.error)} {escape(task.next_step)}")
        return
    what = "is in the library already" if task.is_reused else f"{task.embedding_count} embeddings"
    progress.console.print(f"[green]{name}[/green]: {what}, {task.audio_seconds / 60:.1f} minutes")
    for note in task.notes:
        progress.console.print(f"  [dim]{escape(note)}[/dim]")
