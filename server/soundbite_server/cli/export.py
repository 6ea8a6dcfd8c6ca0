"""soundbite export"""

from __future__ import annotations

from pathlib import Path

import click

from soundbite_server.cli.library import console, personal_library, run_async
from soundbite_tools.boundary import translated


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@run_async
@translated
async def command(file: Path) -> None:
    """Write the library to one Parquet file: recordings, clips, vectors, transcripts."""
    from soundbite_store import export_library

    async with personal_library() as library:
        done = await export_library(await library.store(), await library.ledger(), file)
    console().print(f"{done.assets} recordings, {done.clips} vectors and {done.transcripts} transcripts written.")
