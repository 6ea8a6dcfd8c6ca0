"""chapters: the map of a recording."""

from __future__ import annotations

from dataclasses import asdict

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async


@click.command("chapters")
@click.argument("recording")
@json_option
@run_async
async def chapters_command(recording: str, as_json: bool) -> None:
    """Show what a RECORDING, named by its id or a part of its title, is about: its chapters with times and words."""
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import chapters_of, clock_ranges, transcript_of_recording

    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        transcript = await transcript_of_recording(library, asset.asset_id)
        chapters = await chapters_of(library, asset, transcript)
    if as_json:
        print_json([asdict(chapter) for chapter in chapters])
        return
    if not chapters:
        click.echo(f"{asset.title} has no clips yet: `soundbite tasks` says how it stands.")
        return
    out = console()
    ranges = clock_ranges([(chapter.start_sec, chapter.end_sec) for chapter in chapters])
    for chapter, time_range in zip(chapters, ranges, strict=True):
        out.print(f"{time_range}  {chapter.title}", markup=False, style="bold")
        if chapter.sentence:
            out.print(f"    {chapter.sentence}", markup=False)
