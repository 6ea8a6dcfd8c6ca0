"""soundbite import"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from soundbite_server.cli.library import console, personal_library, run_async
from soundbite_tools.boundary import translated


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@run_async
@translated
async def command(file: Path) -> None:
    """Add what an export holds to the library; what is there already stays."""
    from soundbite_store import import_library

    async with personal_library() as library:
        done = await import_library(await library.store(), await library.ledger(), file)
    console().print(f"{done.assets} recordings, {done.clips} vectors and {done.transcripts} transcripts read.")
    if done.damaged:
        console(stderr=True).print(f"{done.damaged} vectors were damaged in the file and left out.")
        sys.exit(1)
