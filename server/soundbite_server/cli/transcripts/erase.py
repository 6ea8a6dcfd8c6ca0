"""The command that takes a part of a recording out of the library for good: erase."""

from __future__ import annotations

import sys

import click

from soundbite_server.cli.library import console, json_option, personal_jobs, print_json, run_async
from soundbite_server.cli.options import request_of, seconds_of


@click.command("erase")
@click.argument("recording")
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


# A person waits for the end.
_PATIENCE_S = 3600.0


def _is_confirmed(question: str, title: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked whether to erase a part of {title}: say --yes.")
    return click.confirm(question, err=True)
