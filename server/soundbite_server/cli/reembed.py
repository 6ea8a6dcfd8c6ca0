"""soundbite reembed"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async

if TYPE_CHECKING:
    from soundbite_store import Asset, Task


@click.command("reembed")
@json_option
@run_async
async def command(as_json: bool) -> None:
    """Embed every recording again that the engine set now has not embedded.

    Needed after a change of engine, profile or model: vectors of two of them can't be compared. May be stopped at any
    time; the next call goes on where this one ended. The vectors made before stay.
    """
    from soundbite_server.cli.reembedding import embed_missing

    done: list[tuple[Asset, Task]] = []
    async with personal_library() as library:
        space = (await library.spaces.current()).space
        await embed_missing(library, done, quietly=as_json)
    failed = sum(task.status == "failed" for _, task in done)
    if as_json:
        print_json({"space": space.id, "embedded": len(done) - failed, "failed": failed})
    else:
        console().print(f"Space {space.id} holds all recordings." if not failed else f"{failed} could not be embedded.")
    if failed:
        sys.exit(FAILED_EXIT_CODE)
