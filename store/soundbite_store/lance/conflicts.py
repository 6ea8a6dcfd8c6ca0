"""Writers that share no lock: whose commit came second tries again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from soundbite_store.errors import StoreBusy

_Result = TypeVar("_Result")
_TRIES = 8
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


async def until_committed(write: Callable[[], Awaitable[_Result]]) -> _Result:
    """Repeat a write that lost the race for the next version of a table, after growing, scattered pauses.

    LanceDB repeats a merge by itself for a while; what it gives up on, and every other kind of commit, comes here.

    Raises: StoreBusy when others were first every time.
    """
    for attempt in range(_TRIES - 1):
        try:
            return await write()
        except StoreBusy:
            # Two machines that pause equally long would meet again.
            pause_s = min(_FIRST_PAUSE_S * 2.0**attempt, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * (0.5 + random.random()))
    return await write()
