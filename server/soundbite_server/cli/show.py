"""soundbite show"""

from __future__ import annotations

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async


@click.command("show")
@click.argument("recording")
@json_option
@run_async
async def command(recording: str, as_json: bool) -> None:
    """Show a RECORDING, named by its id or a part of its title: loudness, segments, words and sounds along its time."""
    from soundbite_server.cli.recordings import find_recording
    from soundbite_server.cli.render.timeline import as_document, print_recording
    from soundbite_tools.read.contents import contents_of

    out = console()
    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        contents = await contents_of(library, asset, level_count=0 if as_json else out.width)
    if as_json:
        print_json(as_document(contents))
    else:
        print_recording(out, contents)
