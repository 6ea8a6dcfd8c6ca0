"""soundbite speakers and name-speaker: who speaks, and what people call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async
from soundbite_server.cli.options import RECORDING, RequestCommand, request_of

if TYPE_CHECKING:
    from soundbite_store import Ledger
    from soundbite_tools import SpeakerListing


@click.command("speakers", cls=RequestCommand, request="SpeakersRequest")
@click.argument("name", default="")
@click.option("--forget", "is_forgotten", is_flag=True, help="Erase the voice of NAME from everywhere it is kept.")
@click.option("--forget-all", "is_all_forgotten", is_flag=True, help="Erase every voice that is kept.")
@json_option
@run_async
async def speakers_command(
    name: str, asked: dict[str, Any], is_forgotten: bool, is_all_forgotten: bool, as_json: bool
) -> None:
    """Show who speaks in which recordings and for how long, people with a name first.

    With NAME only who is called that, or else who speaks in the recording of that id or title.

    Voices are kept only with SOUNDBITE_VOICES=on; --forget erases them whether it is on or not. Names stay.
    """
    if is_forgotten or is_all_forgotten:
        if is_forgotten and not name:
            raise click.UsageError("Say whose voice: soundbite speakers NAME --forget, or --forget-all.")
        await _forget("" if is_all_forgotten else name, as_json=as_json)
        return
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import SpeakersRequest, list_speakers

    request = request_of(SpeakersRequest, **asked, name=name)
    async with personal_library() as library:
        ledger = await library.ledger()
        ids = tuple([(await find_recording(ledger, words)).asset_id for words in request.asset_ids])
        listing = await list_speakers(library, request.model_copy(update={"asset_ids": ids}))
        if name and not listing.total_speakers and not ids and not request.like:
            # A title is the natural argument too.
            instead = {"name": "", "asset_ids": (await _recording_instead(ledger, name),)}
            name, listing = "", await list_speakers(library, request.model_copy(update=instead))
    if as_json:
        print_json(listing)
    elif listing.speakers:
        _print_speakers(listing)
        if more := listing.total_speakers - request.page * request.page_limit:
            click.echo(f"{more} more: --page {request.page + 1} shows them.") if more > 0 else None
    elif name:
        click.echo(f"Nobody is called {name!r} there; `soundbite speakers` shows who there is.")
    elif request.name:
        click.echo(f"No speakers are known in the recording {request.name!r}.")
    else:
        click.echo("No speakers are known. `soundbite add FILE` adds a recording in which somebody speaks.")


async def _recording_instead(ledger: Ledger, name: str) -> str:
    """The id of the recording that `name` names, where nobody is called so."""
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import UnknownId

    try:
        return (await find_recording(ledger, name)).asset_id
    except UnknownId as exc:
        shown = "`soundbite speakers` shows who there is, `soundbite list` the recordings."
        raise UnknownId(f"Nobody is called {name!r}. {exc.message}", shown) from exc


async def _forget(name: str, *, as_json: bool) -> None:
    from soundbite_tools import VoiceRequest, count_of, forget_all_voices, forget_voice

    async with personal_library() as library:
        if name:
            forgotten = await forget_voice(library, request_of(VoiceRequest, name=name))
            print_json(forgotten) if as_json else console().print(forgotten.to_text(), markup=False)
            return
        count = await forget_all_voices(library)
    print_json({"voices_erased": count}) if as_json else click.echo(f"{count_of(count, 'voice')} erased.")


def _print_speakers(listing: SpeakerListing) -> None:
    from rich.text import Text

    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_tools import clock_length

    columns = (
        Column("Speaker", is_wrapped=True),
        Column("Speaks", is_number=True),
        Column("In", is_wrapped=True),
        Column("Asset"),
    )
    rows = []
    for speaker in listing.speakers:
        for number, one in enumerate(speaker.recordings):
            name = Text(speaker.name, "bold" if speaker.is_named else "") if not number else ""
            title = f"{one.title} ({one.likeness:.2f} alike)" if one.likeness else one.title
            rows.append((name, clock_length(one.seconds), title, Text(one.asset_id, "dim")))
    print_table(columns, rows)


@click.command("name-speaker")
@click.argument("recording", type=RECORDING)
@click.argument("speaker")
@click.argument("name")
@json_option
@run_async
async def name_speaker_command(recording: str, speaker: str, name: str, as_json: bool) -> None:
    """Say that a SPEAKER of a RECORDING (its id, or a part of its title) is NAME; "" takes the name away.

    SPEAKER is a number as `soundbite speakers` shows it, or the name to change: soundbite name-speaker standup 2 Ann
    """
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import NameRequest, name_speaker

    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        request = request_of(NameRequest, asset_id=asset.asset_id, speaker=speaker, name=name)
        named = await name_speaker(library, request)
    if as_json:
        print_json(named)
        return
    out = console()
    out.print(f"{named.before} of {named.title} is now {named.speaker}.", markup=False)
    for note in named.notes:
        out.print(note, markup=False)
