"""The demonstration: a real client starts the real server, embeds the samples, asks, and checks every answer.

    python samples/demo.py [FOLDER]

Nothing is kept and nothing leaves this machine. Ends with 0 when every answer is right, 1 when one is wrong or the
server fails, 2 when the folder holds no samples.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mcp import Client, MCPError, StdioServerParameters, stdio_client
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from truth import Question, Recording, Samples, SamplesError, read_samples

from soundbite_tools import ClipDetail, SearchResult, TaskResult

_UNANSWERED = "Nothing in the library answers this"
_SHOWN = 3
_LONGEST_QUOTE = 240  # characters
_POLL_SEC = 1
_LOG_LINES = 15
_LONGEST_EMBEDDING_SEC = 600
_HEADINGS = {
    "verbatim": "Words that were said",
    "keywords": "A few words of what was said",
    "paraphrase": "The same in other words",
    "like": "More like this clip",
    "sound": "A sound, named",
    "filter": "Only in recordings with a tag",
    "number": "A number, as it was said",
    "written": "A number, as it is written",
    "telephone": "Through a telephone",
    "noise": "In the noise of machines",
    "absent": "Something nobody says",
}
_Answer = TypeVar("_Answer", bound=BaseModel)


class DemoError(Exception):
    """The server did not do what the demonstration needs; the message is what it said."""


@dataclass(frozen=True)
class _Demo:
    """What the questions need: the server, the samples, and the id each recording got."""

    client: Client
    samples: Samples
    asset_ids: dict[str, str]


async def run_demo(samples: Path, console: Console) -> int:
    """Embed the samples in this folder, ask every question, and print what came back.

    Returns 0 when every answer is right, 1 when one is wrong or the server fails, 2 when the folder holds no samples.
    """
    started = time.perf_counter()
    try:
        known = read_samples(samples)
    except SamplesError as exc:
        console.print(f"[red]{escape(str(exc))}[/red]")
        return 2
    verdicts: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="soundbite-demo-") as home:
        log_path = Path(home) / "server.log"
        try:
            verdicts = await _ask_everything(known, Path(home), log_path, console)
        except* (DemoError, MCPError, TimeoutError) as group:
            _print_trouble(console, group, log_path)
    if not verdicts:
        return 1
    colour = "green" if all(verdicts) else "red"
    count = f"{sum(verdicts)} of {len(verdicts)} answers are right"
    console.print(f"\n[bold {colour}]{count}[/bold {colour}], after {time.perf_counter() - started:.0f} s.")
    soundbite = _from_here(Path(sys.executable).with_name("soundbite"))
    console.print("The library of this demonstration was a temporary one, and is gone. To go on with one that stays:")
    for arguments in (f"add {_from_here(samples)}", 'search "tickets for the concert"'):
        console.print(f"    {escape(f'{soundbite} {arguments}')}", soft_wrap=True)
    return 0 if all(verdicts) else 1


def _from_here(path: Path) -> Path:
    """The path as a person in this folder writes it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


async def _ask_everything(known: Samples, home: Path, log_path: Path, console: Console) -> list[bool]:
    with log_path.open("w", encoding="utf-8") as log:
        async with Client(stdio_client(_server(known.folder, home), errlog=log)) as client:
            demo = _Demo(client, known, await _embed(client, known, console))
            return [await _ask(demo, question, console) for question in known.questions]


def _print_trouble(console: Console, group: BaseExceptionGroup, log_path: Path) -> None:
    for message in _messages(group):
        console.print(f"[red]The demonstration stopped: {escape(message)}[/red]")
    for line in log_path.read_text(encoding="utf-8").splitlines()[-_LOG_LINES:]:
        console.print(f"[dim]{escape(line)}[/dim]")


def _messages(group: BaseExceptionGroup) -> list[str]:
    nested = [
        _messages(exc) if isinstance(exc, BaseExceptionGroup) else [str(exc) or "the server took too long."]
        for exc in group.exceptions
    ]
    return [message for messages in nested for message in messages]


def _server(folder: Path, home: Path) -> StdioServerParameters:
    environment = {
        "SOUNDBITE_HOME": str(home / "library"),
        "SOUNDBITE_ROOTS": str(folder),
        "SOUNDBITE_ENGINE": "embedded",
        "SOUNDBITE_ALLOW_URLS": "off",
    }
    return StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "soundbite_server", "serve"], env=environment, cwd=folder
    )


async def _embed(client: Client, known: Samples, console: Console) -> dict[str, str]:
    minutes = sum(recording.seconds for recording in known.recordings) / 60
    console.print(f"[bold]Embedding {len(known.recordings)} recordings[/bold], {minutes:.1f} minutes of sound.")
    columns = (TextColumn("  {task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        async with asyncio.TaskGroup() as group:
            embeddings = {
                recording.file: group.create_task(_embed_one(client, known.folder, recording, progress))
                for recording in known.recordings
            }
    return {file: embedding.result() for file, embedding in embeddings.items()}


async def _embed_one(client: Client, folder: Path, recording: Recording, progress: Progress) -> str:
    bar = progress.add_task(escape(recording.title), total=1.0)
    task = await _call(
        client, TaskResult, "embed_audio",
        source=str(folder / recording.file), title=recording.title, tags=recording.tags, wait_seconds=0,
    )  # fmt: skip
    async with asyncio.timeout(_LONGEST_EMBEDDING_SEC):
        while task.status == "processing":
            progress.update(bar, completed=task.progress)
            task = await _call(client, TaskResult, "get_task", task_id=task.task_id, wait_seconds=_POLL_SEC)
    if task.status != "ready":
        raise DemoError(f"{recording.file}: {task.error or task.status}")
    progress.update(bar, completed=1.0)
    return task.asset_id


async def _ask(demo: _Demo, question: Question, console: Console) -> bool:
    arguments: dict[str, Any] = {"top_k": _SHOWN, "tags": question.tags}
    if question.like:
        arguments["like"] = await _clip_to_match(demo, question.like)
    else:
        arguments["query"] = question.query
    result = await _call(demo.client, SearchResult, "search_clips", **arguments)
    is_right = _is_right(demo, question, result)
    _print_answer(console, demo.samples, question, result, is_right)
    return is_right


def _is_right(demo: _Demo, question: Question, result: SearchResult) -> bool:
    is_answered = bool(result.clips) and not any(note.startswith(_UNANSWERED) for note in result.notes)
    if not is_answered or not question.expect:
        return not is_answered and not question.expect
    best = result.clips[0]
    expected = (demo.samples.event(reference) for reference in question.expect)
    return question.is_said_in(best.text) and any(
        best.asset_id == demo.asset_ids[recording.file] and event.is_answered_by(best.start_sec, best.end_sec)
        for recording, event in expected
    )


def _print_answer(console: Console, samples: Samples, question: Question, result: SearchResult, is_right: bool) -> None:
    mark = "[green]✓[/green]" if is_right else "[red]✗[/red]"
    tags = f" [dim](tag: {escape(', '.join(question.tags))})[/dim]" if question.tags else ""
    console.print(f"\n{mark} [bold]{_HEADINGS[question.kind]}[/bold]: {escape(_asked(samples, question))}{tags}")
    for note in result.notes:
        console.print(f"    [dim]{escape(note)}[/dim]")
    for clip in result.clips:
        said = f" “{textwrap.shorten(clip.text, _LONGEST_QUOTE, placeholder='…')}”" if clip.text else ""
        sounds = f" ({clip.sounds})" if clip.sounds else ""
        console.print(
            f"    {clip.score:.2f}  {escape(clip.title)}  [cyan]{clip.time_range}[/cyan]{escape(said + sounds)}"
        )
    if not result.clips:
        console.print("    nothing")
    for spoken in _spoken(samples, question):
        console.print(f"    [dim]really said: {escape(spoken)}[/dim]")
    if not is_right:
        words = f", with the words {' and '.join(question.words)}" if question.words else ""
        console.print(f"    [red]expected: {escape((', '.join(question.expect) or 'nothing') + words)}[/red]")


def _spoken(samples: Samples, question: Question) -> list[str]:
    """What was said where the answer is, by whoever spoke it."""
    events = [samples.event(reference)[1] for reference in question.expect]
    return [f"“{event.text}”" for event in events if event.text]


def _asked(samples: Samples, question: Question) -> str:
    if not question.like:
        return f"“{question.query}”"
    recording, event = samples.event(question.like)
    return f"the {event.label} in “{recording.title}” at {event.start_sec:.0f} s"


async def _clip_to_match(demo: _Demo, reference: str) -> str:
    recording, event = demo.samples.event(reference)
    asset_id = demo.asset_ids[recording.file]
    clip = await _call(
        demo.client, ClipDetail, "get_clip", asset_id=asset_id, start_sec=event.start_sec, end_sec=event.end_sec
    )
    return clip.clip_id


async def _call(client: Client, answer: type[_Answer], tool: str, **arguments: Any) -> _Answer:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise DemoError(f"{tool}: {' '.join(getattr(part, 'text', '') for part in result.content)}")
    return answer.model_validate(result.structured_content)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    sys.exit(asyncio.run(run_demo(folder, Console(highlight=False))))
