"""What the commands share: settings for a person, a library to work on, a console to print to."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
from rich.console import Console

from soundbite_server.logs import log_to_stderr
from soundbite_server.settings import Settings

if TYPE_CHECKING:
    from soundbite_tools.library import Library

P = ParamSpec("P")
R = TypeVar("R")


def run_async(body: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    """Make a command of a coroutine function."""

    @functools.wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return anyio.run(functools.partial(body, *args, **kwargs))

    return run


@asynccontextmanager
async def personal_library(named: tuple[Path, ...] = ()) -> AsyncIterator[Library]:
    """Open the library for the person at the keyboard.

    The files they name on the command line may be read wherever they are: roots protect from agents.
    """
    from soundbite_server.libraries import open_library

    settings = Settings.from_environment()
    log_to_stderr("WARNING")
    folders = tuple(path if path.is_dir() else path.parent for path in (each.resolve() for each in named))
    roots = tuple(dict.fromkeys((*settings.roots, *folders)))
    async with open_library(settings.model_copy(update={"roots": roots})) as library:
        yield library


def console(*, stderr: bool = False) -> Console:
    """Return the console to print to."""
    return Console(stderr=stderr, highlight=False)
