"""What the commands share: a person's library, a recording they name, a console, and JSON for a program.

Nothing slow is imported before a command runs: help has to be there at once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from soundbite_server.settings import Settings
    from soundbite_store import Asset, Ledger
    from soundbite_tools import Jobs, Library


P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def run_async(body: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    """Make a command of a coroutine function."""

    @functools.wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import anyio

        return anyio.run(functools.partial(body, *args, **kwargs))

    return run


@asynccontextmanager
async def personal_library(readable: Iterable[Path] = ()) -> AsyncIterator[Library]:
    """Open the library for the person at the keyboard, as `personal_jobs` does."""
    async with personal_jobs(readable) as jobs:
        yield jobs.library


@asynccontextmanager
async def personal_records() -> AsyncIterator[Library]:
    """Open the library for a person who looks at it: no platform, and no task is taken up, which takes longer.

    What was erased or removed and may be in files still is scrubbed, as after any other command.
    """
    from soundbite_server.libraries import open_records

    async with open_records(_personal_settings()) as library:
        yield library
        is_unscrubbed = bool(await (await library.ledger()).unscrubbed())
    if is_unscrubbed:
        async with personal_jobs():
            pass


@asynccontextmanager
async def personal_jobs(readable: Iterable[Path] = ()) -> AsyncIterator[Jobs]:
    """Open the library, with what runs its jobs, for the person at the keyboard.

    The files they name on the command line may be read wherever they are, and what they ask for is done: roots and
    read-only protect from agents.
    """
    from soundbite_server.libraries import open_jobs
    from soundbite_tools import finish_scrubbing

    settings = _personal_settings()
    roots = tuple(dict.fromkeys((*settings.roots, *map(_real_folder, readable))))
    async with open_jobs(settings.model_copy(update={"roots": roots})) as jobs:
        yield jobs
        if reason := await finish_scrubbing(jobs.library):
            what = "What was erased or removed may be in files of the library still:"
            console(stderr=True).print(f"{what} {reason} The next command goes on with it.", markup=False)


def _personal_settings() -> Settings:
    from soundbite_server.logs import log_to_stderr
    from soundbite_server.settings import Settings

    settings = Settings.from_environment()
    settings.check_start()
    # Why a task failed is what the command itself says.
    log_to_stderr("WARNING", except_from="soundbite_tools.embed.jobs")
    return settings.model_copy(update={"read_only": False})


def _real_folder(path: Path) -> Path:
    try:
        real = path.resolve()
    except RuntimeError:
        return path.parent  # a loop of links
    return real if real.is_dir() else real.parent


def console(*, stderr: bool = False) -> Console:
    """Return the console to print to."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False)
    # In a pipe or a file a line is read by a program, or wrapped by whatever shows it.
    out.soft_wrap = not out.is_terminal
    return out


def print_json(value: Any) -> None:
    """Print a value as a JSON document on stdout; pydantic results are taken apart."""
    document = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_line(value: dict[str, Any]) -> None:
    """Print a value as one line of JSON on stdout, for commands that go on for a while."""
    click.echo(json.dumps(value, ensure_ascii=False))


async def find_recording(ledger: Ledger, words: str, *, is_whole: bool = False) -> Asset:
    """Return the recording that a person names, and say on stderr what their words matched where the title does not.

    `is_whole`: by its id, whole title or file alone, for what takes away.

    Raises:
        UnknownId: there is none, or several.
    """
    from soundbite_tools import recording_named

    named = await recording_named(ledger, words, is_whole=is_whole)
    if named.note:
        click.echo(f"soundbite: {named.note}", err=True)
    return named.asset
