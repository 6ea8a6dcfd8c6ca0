"""soundbite rm"""

from __future__ import annotations

import sys

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json_line, run_async


@click.command("rm")
@click.argument("recordings", nargs=-1, required=True)
@click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
@run_async
async def command(recordings: tuple[str, ...], is_sure: bool, as_json: bool) -> None:
    """Remove RECORDINGS (ids, or parts of titles) from the library, with all that was made of them.

    The files they came from are left alone.
    """
    from soundbite_server.cli.recordings import find_recording
    from soundbite_tools.embed.remove_audio import remove_audio

    out = console()
    async with personal_library() as library:
        ledger = await library.ledger()
        found = {each.asset_id: each for each in [await find_recording(ledger, words) for words in recordings]}
        for asset in found.values():
            if not (is_sure or _is_confirmed(asset.title, asset.asset_id)):
                continue
            removed = await remove_audio(library, asset.asset_id)
            if as_json:
                print_json_line(removed.model_dump(mode="json"))
            else:
                out.print(removed.to_text(), markup=False)


def _is_confirmed(title: str, asset_id: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked whether to remove {title}: say --yes.")
    return click.confirm(f"Remove {title} ({asset_id}) and all that was made of it?", err=True)
