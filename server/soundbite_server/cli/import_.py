"""soundbite import"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@run_async
async def command(file: Path, as_json: bool) -> None:
    """Add what an export holds to the library; what is there already stays."""
    from soundbite_store import import_library
    from soundbite_tools.counts import count_of

    async with personal_library() as library:
        done = await import_library(await library.store(), await library.ledger(), file)
    if as_json:
        print_json(asdict(done))
    else:
        counts = (done.assets, "recording"), (done.clips, "vector"), (done.transcripts, "transcript")
        console().print(f"{', '.join(count_of(*each) for each in counts)} read.")
    if done.damaged:
        console(stderr=True).print(f"{done.damaged} vectors were damaged in the file and left out.")
        sys.exit(FAILED_EXIT_CODE)
