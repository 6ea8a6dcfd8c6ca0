"""The commands that put right what was recognised: correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async
from soundbite_server.cli.options import request_of, seconds_of

if TYPE_CHECKING:
    from soundbite_store import Correction


@click.command("correct")
@click.argument("recording")
@click.argument("old", default="")
@click.argument("new", required=False)
@click.option("--from", "start", metavar="TIME", default="0", help="Only after this time, as 1:02 or 62.5.")
@click.option("--to", "end", metavar="TIME", default="0", help="Only before this time.")
@click.option("--undo", is_flag=True, help="Take back the last correction there.")
@click.option("--history", "is_history", is_flag=True, help="Show the corrections of the recording.")
@json_option
@run_async
async def correct_command(
    recording: str, old: str, new: str | None, start: str, end: str, undo: bool, is_history: bool, as_json: bool
) -> None:
    """Put NEW in the place of OLD, words that a RECORDING's transcript has once; RECORDING is an id or a title.

    Search, clips, captions and exports have the new words at once. The earlier ones are kept: --undo brings them back.
    An empty NEW, "", takes the words out. Marks around them stay, unless OLD or NEW has marks of its own.
    """
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import CorrectRequest, correct_transcript

    if not (old or undo or is_history):
        raise click.UsageError("Name the words to correct, or --undo or --history.")
    if new is None and not (undo or is_history):
        raise click.UsageError('Say what takes their place: NEW is missing. An empty "" takes the words out.')
    async with personal_library() as library:
        ledger = await library.ledger()
        asset = await find_recording(ledger, recording)
        if is_history:
            _print_history(await ledger.corrections_of(asset.asset_id), as_json=as_json)
            return
        request = request_of(
            CorrectRequest,
            asset_id=asset.asset_id,
            start_sec=seconds_of(start),
            end_sec=seconds_of(end),
            old_text=old,
            new_text=new,
            undo=undo,
        )
        done = await correct_transcript(library, request)
    back = f"`soundbite correct {asset.asset_id} --undo` brings the earlier words back."
    done = done.model_copy(update={"next_step": "" if undo else back})
    if as_json:
        print_json(done)
    else:
        console().print(done.to_text(), markup=False)


def _print_history(corrections: list[Correction], *, as_json: bool) -> None:
    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_tools import clock

    if as_json:
        print_json(
            [
                {
                    "start_sec": one.start_sec,
                    "end_sec": one.end_sec,
                    "old_text": one.old_text,
                    "new_text": one.new_text,
                    "kind": one.kind,
                    "made": one.created_at.isoformat(),
                    "undone": one.undone_at.isoformat() if one.undone_at else None,
                }
                for one in corrections
            ]
        )
        return
    if not corrections:
        click.echo("Nothing was corrected in it.")
        return
    columns = [Column(name, is_wrapped=name in ("Was", "Is")) for name in ("At", "Was", "Is", "By", "Made")]
    rows = (
        (
            clock(one.start_sec),
            one.old_text,
            one.new_text,
            one.kind if one.undone_at is None else f"{one.kind}, taken back",
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
        for one in corrections
    )
    print_table(columns, rows)
