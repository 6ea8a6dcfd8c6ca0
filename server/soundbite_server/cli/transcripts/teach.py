"""The command that keeps the glossary: teach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.library import json_option, personal_library, print_json, run_async
from soundbite_server.cli.options import request_of

if TYPE_CHECKING:
    from soundbite_tools import TeachResult

_ALL = 100_000


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
            lines = [name.line for name in Glossary.read(library.config.glossary_file).names]
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


def _print_replacements(done: TeachResult) -> None:
    from soundbite_server.cli.render.lines import Column, print_table
    from soundbite_tools import count_of

    if done.replacements:
        titles = ("Recording", "At", "Was", "Becomes" if done.is_dry_run else "Is", "Nearness")
        columns = [Column(title, is_wrapped=title in ("Was", "Is", "Becomes")) for title in titles]
        rows = ((one.title, one.time_range, one.before, one.after, f"{one.nearness:.2f}") for one in done.replacements)
        print_table(columns, rows)
    names, places = count_of(done.names, "name"), count_of(done.replaced, "replacement")
    changed = "nothing is changed yet" if done.is_dry_run else f"{count_of(done.clips_changed, 'clip')} changed"
    click.echo("\n".join([f"{names} in the glossary; {places}, {changed}.", *done.notes]))
