"""soundbite notify: says when something answers a question, from now on."""

from __future__ import annotations

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json_line, run_async
from soundbite_server.cli.options import request_of

_LOOK_EVERY_S = 1.0


@click.command("notify")
@click.argument("words", nargs=-1, required=True)
@click.option("--count", default=0, type=click.IntRange(0), help="End after so many answers; 0 goes on until Ctrl-C.")
@json_option
@run_async
async def notify_command(words: tuple[str, ...], count: int, as_json: bool) -> None:
    """Say when something new answers WORDS, whichever process adds it; --json prints a line of JSON for each answer.

    Weak answers, which `soundbite search` marks so, are left out.
    """
    import anyio

    from soundbite_tools import SearchRequest, StandingQuestion

    told = 0
    async with personal_library() as library:
        question = StandingQuestion(library, request_of(SearchRequest, query=" ".join(words)))
        console(stderr=True).print("Waiting for answers; Ctrl-C ends it.", style="dim")
        while not count or told < count:
            for answer in await question.new_answers():
                told += 1
                if as_json:
                    print_json_line(answer.model_dump(mode="json"))
                else:
                    click.echo(answer.to_text())
            await anyio.sleep(_LOOK_EVERY_S)
