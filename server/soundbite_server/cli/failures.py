"""Anticipated failures end a command with one sentence on stderr and one of a few exit codes.

Where a tool tells an agent which tool to call next, a person is told which command.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

FAILED_EXIT_CODE = 1
INPUT_EXIT_CODE = 2
SETTINGS_EXIT_CODE = 78  # EX_CONFIG of sysexits.h
INTERRUPTED_EXIT_CODE = 130
EXIT_CODES = {
    0: "done; a search that finds nothing is done too",
    FAILED_EXIT_CODE: "a check failed, or some of the work; what was done is kept",
    INPUT_EXIT_CODE: "wrong use, a name the library does not know, or nothing of the input could be used",
    SETTINGS_EXIT_CODE: "a setting can't be used; the sentence names its variable",
    INTERRUPTED_EXIT_CODE: "interrupted; what was begun goes on at the next start",
}
NEXT_STEPS = {
    "asset_unready": "`soundbite tasks` says what became of them.",
    "audio_too_long": "Cut it into shorter files and add those.",
    "date_invalid": "Give --after as 2026-01-31 or 2026-01-31T18:00:00Z (UTC where no zone is given).",
    "example_slow": "Add it with `soundbite add`, and give its id to --like.",
    "filters_exclude_all": "Search with fewer or wider filters.",
    "library_empty": "`soundbite add FILE` adds a recording.",
    "library_pending": "`soundbite tasks` says how far they are; search when one is ready.",
    "no_transcript": "`soundbite tasks` says whether it is embedded; what has no speech has no transcript.",
    "nothing_corrected": "`soundbite correct RECORDING --history` shows what was.",
    "question_empty": 'Say what was said or heard, as in `soundbite search "the launch date"`, or give --like.',
    "range_invalid": "Give --from below --to, with --min-seconds of room between them.",
    "recording_removed": "`soundbite add` its file to have it again.",
    "source_changed": "Add it again.",
    "space_empty": "`soundbite reembed` embeds them all again; or go back to the engine or profile that made them.",
    "span_invalid": "Give START before END, both within the recording, as 12:30 or 750.",
    "still_embedding": "Repeat the command once `soundbite tasks` says that it is ready.",
    "text_missing": "Give OLD as `soundbite show RECORDING` has it, in whole words.",
    "text_repeated": (
        "Name one by --from and --to, or give more of the sentence as OLD; "
        "a name misheard everywhere: `soundbite teach 'NEW: OLD'`."
    ),
    "task_slow": "Add it again, in shorter files if it is long.",
    "unchanged": "Give NEW as it is said.",
    "voices_off": "SOUNDBITE_VOICES=on keeps them.",
    "unknown_asset": "`soundbite list` shows what there is.",
    "unknown_title": "`soundbite list` shows what there is.",
    "unknown_name": "`soundbite teach --list` shows what is in it.",
    "unknown_speaker": "`soundbite speakers` shows who speaks in which recordings.",
    "unknown_clip": "Give the id of a clip as a search shows it, a recording of `soundbite list`, or a file.",
}


@contextmanager
def report_failures() -> Iterator[None]:
    """Turn the errors of a command into one sentence and an exit code."""
    try:
        yield
    except SystemExit:
        raise
    except BaseException as exc:
        _leave_for(_innermost(exc))


def _leave_for(exc: BaseException) -> None:
    if isinstance(exc, click.ClickException):
        exc.show()
        sys.exit(exc.exit_code)
    if isinstance(exc, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8":
        encoding = sys.getfilesystemencoding()
        _leave(
            f"A name can't be written in {encoding}, the encoding of this locale. Set PYTHONUTF8=1.", INPUT_EXIT_CODE
        )
    if isinstance(exc, KeyboardInterrupt | click.Abort):
        _leave("Interrupted; what was begun goes on at the next start.", INTERRUPTED_EXIT_CODE)
    # Imported here: --help must not pay for packages it does not use.
    from soundbite_api import PlatformError
    from soundbite_engine.errors import EngineError
    from soundbite_server.settings import SettingsError
    from soundbite_store import ExportProblem, StoreError
    from soundbite_tools import ToolProblem, WorkFailed, from_platform, from_store

    if isinstance(exc, SettingsError):
        _leave(str(exc), SETTINGS_EXIT_CODE)
    if isinstance(exc, PlatformError):
        exc = from_platform(exc)
    if isinstance(exc, EngineError):
        _leave(exc.message, FAILED_EXIT_CODE)
    if isinstance(exc, ExportProblem):
        _leave(str(exc), INPUT_EXIT_CODE)
    if isinstance(exc, StoreError):
        exc = from_store(exc)
    if isinstance(exc, ToolProblem):
        sentences = f"{exc.message} {next_step(exc.code, exc.next_step)}"
        _leave(sentences, FAILED_EXIT_CODE if isinstance(exc, WorkFailed) else INPUT_EXIT_CODE)
    raise exc


def _innermost(exc: BaseException) -> BaseException:
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def _leave(sentence: str, code: int) -> None:
    click.echo(f"soundbite: {sentence}", err=True)
    sys.exit(code)


def next_step(code: str, otherwise: str) -> str:
    """Return what a person does about a problem with this code: the problem's own next step where it fits both."""
    return NEXT_STEPS.get(code, otherwise)
