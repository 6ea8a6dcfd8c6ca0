"""Anticipated failures end a command with one sentence on stderr.

Exit codes: 0 done, 1 a check or some of the work failed, 2 wrong use or bad input, 78 a setting can't be used,
130 interrupted.
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


@contextmanager
def report_failures() -> Iterator[None]:
    """Turn the errors of a command into one sentence and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        _leave("Interrupted; what was begun goes on at the next start.", INTERRUPTED_EXIT_CODE)
    except BaseExceptionGroup as group:
        _leave_for(_innermost(group))
    except Exception as exc:
        _leave_for(exc)


def _leave_for(exc: BaseException) -> None:
    # Imported here: --help must not pay for packages it does not use.
    from soundbite_server.settings import SettingsError
    from soundbite_tools.errors import ToolProblem, WorkFailed

    if isinstance(exc, SettingsError):
        _leave(str(exc), SETTINGS_EXIT_CODE)
    if isinstance(exc, ToolProblem):
        _leave(str(exc), FAILED_EXIT_CODE if isinstance(exc, WorkFailed) else INPUT_EXIT_CODE)
    raise exc


def _innermost(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group


def _leave(sentence: str, code: int) -> None:
    click.echo(f"soundbite: {sentence}", err=True)
    sys.exit(code)
