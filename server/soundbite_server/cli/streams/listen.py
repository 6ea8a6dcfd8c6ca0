"""soundbite listen and notify: what is said now is searchable some seconds later, and answers to it are told."""

from __future__ import annotations

import sys
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from soundbite_server.cli.failures import INPUT_EXIT_CODE
from soundbite_server.cli.library import console, json_option, personal_library, print_json_line, run_async
from soundbite_server.cli.options import request_of
from soundbite_server.cli.streams.capture import Capture, Pcm, device_blocks, ending_of, piped_blocks
from soundbite_server.cli.streams.follow import follow_task, interruptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import anyio

    from soundbite_tools import TaskResult

_DEVICE_RATE_HZ = 16_000
_UNREADABLE = "asset_failed"
_LOOK_EVERY_S = 1.0


@click.command("listen")
@click.option("--title", default="", help="Of the recording; the time by default.")
@click.option("--tag", "tags", multiple=True, help="A tag of the recording; may be repeated.")
@click.option("--rate", type=click.IntRange(4000, 192_000), help="Samples a second of raw sound on stdin.")
@click.option(
    "--channels", default=1, show_default=True, type=click.IntRange(1, 8), help="Of raw sound, or the device."
)
@click.option("--device", help="A microphone or loopback device, by number or name, instead of stdin.")
@json_option
@run_async
async def listen_command(
    title: str, tags: tuple[str, ...], rate: int | None, channels: int, device: str | None, as_json: bool
) -> None:
    """Record what is heard now, and search it as it comes.

    Sound is taken from stdin, as WAV, Ogg, MP3 and the like or as raw samples (--rate), else from the microphone. It is
    kept in the library's folder, and goes with its recording. Ctrl-C ends it.
    """
    import anyio
    import anyio.to_thread

    from soundbite_server.cli.library import personal_jobs
    from soundbite_tools import EmbedRequest, begin_following, writing

    blocks, pcm, ending = await anyio.to_thread.run_sync(_source, rate, channels, device)
    values: dict[str, Any] = {"title": title or datetime.now().astimezone().strftime("Heard %Y-%m-%d %H:%M")}
    request = request_of(EmbedRequest, **values, tags=tags)
    async with interruptions() as asked, personal_jobs() as jobs:
        folder = jobs.library.config.recordings_folder
        path = await anyio.to_thread.run_sync(_free_path, folder, ending)
        with writing(path, lambda: capture.is_over):
            # Before the file is there: refused, nothing is left behind.
            task = await begin_following(jobs.library, request.model_copy(update={"source": str(path)}))
            capture = await anyio.to_thread.run_sync(Capture, path, blocks, pcm)
            result: TaskResult | None = None
            async with anyio.create_task_group() as group:
                group.start_soon(_stop_when_asked, capture, asked)
                result = await follow_task(jobs, task, None, as_json=as_json)
                group.cancel_scope.cancel()
    if result and result.status == "failed":
        await anyio.to_thread.run_sync(_clear, path, result)
        sys.exit(INPUT_EXIT_CODE)


async def _stop_when_asked(capture: Capture, asked: anyio.Event) -> None:
    await asked.wait()
    capture.stop()


def _source(rate: int | None, channels: int, device: str | None) -> tuple[Iterator[bytes], Pcm | None, str]:
    """The blocks of sound, what they are where they are raw, and the ending of the file."""
    if device is not None or (sys.stdin.isatty() and rate is None):
        pcm = Pcm(rate or _DEVICE_RATE_HZ, channels)
        return device_blocks(device or "", pcm), pcm, ".wav"
    if rate is not None:
        return piped_blocks(), Pcm(rate, channels), ".wav"
    blocks = piped_blocks()
    first = next(blocks, b"")
    return chain([first], blocks), None, ending_of(first)


def _clear(path: Path, result: TaskResult) -> None:
    """Delete a file that holds no sound; any other may be the only one there is of what was heard."""
    if result.error_code == _UNREADABLE and not result.searchable_until_sec:
        path.unlink(missing_ok=True)
    elif path.exists():
        click.echo(f"What was heard is kept in {path}.", err=True)


def _free_path(folder: Path, ending: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (datetime.now().astimezone().strftime("%Y-%m-%d %H.%M.%S.%f") + ending)


@click.command("notify")
@click.argument("words", nargs=-1, required=True)
@click.option("--count", default=0, type=click.IntRange(0), help="End after so many answers; 0 goes on until Ctrl-C.")
@json_option
@run_async
async def notify_command(words: tuple[str, ...], count: int, as_json: bool) -> None:
    """Say when something new answers WORDS, whichever process adds it; --json prints a line of JSON for each answer.

    Weak answers, which `soundbite search` marks so, are left out.
    """
    import anyio

    from soundbite_tools import SearchRequest, StandingQuestion

    told = 0
    async with personal_library() as library:
        question = StandingQuestion(library, request_of(SearchRequest, query=" ".join(words)))
        console(stderr=True).print("Waiting for answers; Ctrl-C ends it.", style="dim")
        while not count or told < count:
            for answer in await question.new_answers():
                told += 1
                if as_json:
                    print_json_line(answer.model_dump(mode="json"))
                else:
                    click.echo(answer.to_text())
            await anyio.sleep(_LOOK_EVERY_S)
