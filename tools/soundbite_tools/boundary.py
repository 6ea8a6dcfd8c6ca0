"""The edge of the tools: whatever goes wrong below comes out as a ToolProblem."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from soundbite_api import PlatformError
from soundbite_store import StoreError
from soundbite_tools.errors import from_platform, from_store

P = ParamSpec("P")
R = TypeVar("R")


def translated(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Return the tool with errors of the platform and the store turned into problems with a next step."""

    @functools.wraps(tool)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except PlatformError as exc:
            raise from_platform(exc) from exc
        except StoreError as exc:
            raise from_store(exc) from exc

    return run
