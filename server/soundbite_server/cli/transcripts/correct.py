"""The commands that put right what was recognised, or take a part out for good: correct, teach, erase."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.library import console, json_option, personal_jobs, personal_library, print_json, run_async
from soundbite_server.cli.options import RECORDING, request_of, seconds_of

if TYPE_CHECKING:
    from soundbite_store import Correction
    from soundbite_tools import TeachResult


_ALL = 100_000
# A person waits for the end.
_PATIENCE_S = 3600.0


@click.command("correct")
@click.argument("recording", type=RECORDING)
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
    `soundbite teach` puts a name right wherever it was misheard.
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


@click.command("teach")
@click.argument("names", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only show what would be replaced.")
@click.option("--list", "is_list", is_flag=True, help="Show the glossary.")
@click.option("--remove", multiple=True, metavar="NAME", help="Forget a name; may be repeated.")
@click.option("--undo", is_flag=True, help="Take back what these NAMES, or all, replaced.")
@json_option
@run_async
async def teach_command(
    names: tuple[str, ...], dry_run: bool, is_list: bool, remove: tuple[str, ...], undo: bool, as_json: bool
) -> None:
    """Teach NAMES as they are spelled, and put them where words that may be misheard sound like them.

    A name may say what it was heard as: "Cheryl: Charles". Without NAMES all of the glossary is compared with the
    library again. The glossary is a text file, a name a line: glossary.txt in the library's folder, or the file of
    SOUNDBITE_GLOSSARY.
    `soundbite correct RECORDING --undo` takes back a single replacement.
    """
    from soundbite_tools import Glossary, TeachRequest, teach_words

    request = request_of(TeachRequest, words=names, remove=remove, undo=undo, dry_run=dry_run)
    async with personal_library() as library:
        if is_list:
            glossary = Glossary.read(library.config.glossary_file)
            lines = [name.line for name in glossary.names]
            for note in glossary.notes:
                click.echo(note, err=True)
            if as_json:
                print_json(lines)
            else:
                click.echo("\n".join(lines) or "The glossary is empty: `soundbite teach NAME` adds to it.")
            return
        done = await teach_words(library, request, most_shown=_ALL, longest_s=math.inf)
    if as_json:
        print_json(done)
    else:
        _print_replacements(done)
        if undo and done.next_step:
            click.echo("What was taught stays in the glossary: `soundbite teach --remove NAME` takes a name out.")


def _print_replacements(done: TeachResult) -> None:
    from soundbite_server.cli.render.lines import Column, print_table

    if done.replacements:
        titles = ("Recording", "At", "Was", "Becomes" if done.is_dry_run else "Is", "Nearness")
        columns = [Column(title, is_wrapped=title in ("Was", "Is", "Becomes")) for title in titles]
        rows = ((one.title, one.time_range, one.before, one.after, f"{one.nearness:.2f}") for one in done.replacements)
        print_table(columns, rows)
    click.echo("\n".join([done.counts_in_words(), *done.notes]))


@click.command("erase")
@click.argument("recording", type=RECORDING)
@click.argument("start")
@click.argument("end")
@click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
@run_async
async def erase_command(recording: str, start: str, end: str, is_sure: bool, as_json: bool) -> None:
    """Erase what is said and heard in a RECORDING (its id, whole title or file) from START to END, as 12:30 or 750.

    Words, vectors and sound leave the library's files and do not come back when the file is embedded again. The file
    it came from is left alone, and still holds that part. This can't be undone.
    """
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import EraseRequest, erase_span, erasure_question

    async with personal_jobs() as jobs:
        asset = await find_recording(await jobs.library.ledger(), recording, is_whole=True)
        request = request_of(
            EraseRequest, asset_id=asset.asset_id, start_sec=seconds_of(start), end_sec=seconds_of(end)
        )
        question = await erasure_question(jobs.library, request)
        if not is_sure and not _is_confirmed(question, asset.title):
            return
        done = await erase_span(jobs, request, wait_s=_PATIENCE_S)
    if as_json:
        print_json(done)
    else:
        console().print(done.to_text(), markup=False)


def _is_confirmed(question: str, title: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked whether to erase a part of {title}: say --yes.")
    return click.confirm(question, err=True)
