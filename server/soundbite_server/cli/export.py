"""soundbite export"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@run_async
async def command(file: Path, as_json: bool) -> None:
    """Write the library to one Parquet file: recordings, clips, vectors, transcripts."""
    from soundbite_store import export_library
    from soundbite_tools.counts import count_of

    async with personal_library() as library:
        done = await export_library(await library.store(), await library.ledger(), file)
    if as_json:
        print_json(asdict(done))
        return
    counts = (done.assets, "recording"), (done.clips, "vector"), (done.transcripts, "transcript")
    console().print(f"{', '.join(count_of(*each) for each in counts)} written.")
