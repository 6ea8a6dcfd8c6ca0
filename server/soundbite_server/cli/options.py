"""What commands take: options that are fields of a tool's request, with all that is said of them there; recordings."""

from __future__ import annotations

import importlib
import os
import re
import shlex
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click
from click.shell_completion import BashComplete, CompletionItem

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from soundbite_tools import Flag, Request

R = TypeVar("R", bound="Request")

ASKED = "asked"
"""The parameter of a command in which it finds the values of its request's options, by field."""


class _RecordingName(click.ParamType[str]):
    """The name of a recording; a shell completes titles, and ids where a title names several."""

    name = "recording"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the recordings that may be meant, out of the ledger as it is; nothing where it can't be read."""
        from soundbite_server.settings import Settings
        from soundbite_store import LEDGER_FILE, ledger_titles

        titles: dict[str, str] = {}
        with suppress(Exception):  # whatever a shell prints here stands amid the line that is typed
            titles = ledger_titles(Settings.from_environment().home / LEDGER_FILE)
        beginning, counts = incomplete.casefold(), Counter(map(str.casefold, titles.values()))
        return [
            CompletionItem(title, help=asset_id) if is_name else CompletionItem(asset_id, help=title)
            for asset_id, title in titles.items()
            if title.isprintable()
            for is_name in (counts[title.casefold()] == 1 and not title.startswith("-"),)
            if title.casefold().startswith(beginning) or (not is_name and asset_id.startswith(incomplete))
        ]


RECORDING = _RecordingName()


class QuotedBash(BashComplete):
    """Completion for Bash, which puts a value into the line as it is: one of several words has to be quoted."""

    def format_completion(self, item: CompletionItem) -> str:
        """Return the value as it is typed, for the `read` of click's script, which takes backslashes away."""
        try:
            shlex.split(os.environ["COMP_WORDS"])
            special = r"[^\w@%+./,:=-]"
        except ValueError:  # in quotation marks that are open still
            special = r"[\"$`\\]"
        value = re.sub(special, r"\\\g<0>", item.value)
        return f"{item.type},{value}".replace("\\", r"\\")


class RequestCommand(click.Command):
    """A command that takes the flags of a request; the models load when its options are first looked at."""

    def __init__(self, *args: Any, request: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        self._options: list[click.Option] | None = None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return arguments first, then the options of the request, then those of the command itself."""
        if self._options is None:
            self._options = options_of(getattr(importlib.import_module("soundbite_tools"), self._request))
        own = super().get_params(ctx)
        arguments = [param for param in own if isinstance(param, click.Argument)]
        return [*arguments, *self._options, *(param for param in own if param not in arguments)]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with the values of the request's options as one parameter."""
        names = [str(option.name) for option in self._options or ()]
        ctx.params[ASKED] = {name: ctx.params.pop(name) for name in names}
        return super().invoke(ctx)


def request_of(kind: type[R], **values: Any) -> R:
    """Return a request with these values.

    Raises:
        UsageError: one of them does not fit; the sentence names its option.
    """
    from pydantic import ValidationError

    from soundbite_tools import Flag

    try:
        return kind(**values)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        flag = dict(kind.marked(Flag)).get(field)
        raise click.UsageError(f"{flag.names[-1] if flag else field}: {first['msg']}.") from exc


def options_of(kind: type[Request]) -> list[click.Option]:
    """Return the options of a request's fields that have a flag, in their order."""
    from soundbite_tools import Flag

    return [_option(name, kind.model_fields[name], flag) for name, flag in kind.marked(Flag)]


def _option(name: str, field: FieldInfo, flag: Flag) -> click.Option:
    is_many = get_origin(field.annotation) is tuple
    text = flag.help or field.description or ""
    return click.Option(
        [*flag.names, name],
        type=_type(field, flag),
        default=None if is_many else field.default,
        multiple=is_many,
        show_default=field.annotation is int,
        metavar=flag.metavar or None,
        help=f"{text}; may be repeated." if is_many else f"{text}.",
    )


def _type(field: FieldInfo, flag: Flag) -> click.ParamType[Any]:
    if flag.is_path:
        return click.Path()
    if "--asset" in flag.names:
        return RECORDING
    if get_origin(field.annotation) is Literal:
        return click.Choice(get_args(field.annotation))
    limits = {name: getattr(mark, name) for mark in field.metadata for name in ("ge", "le") if hasattr(mark, name)}
    if field.annotation is int:
        return click.IntRange(limits.get("ge"), limits.get("le"))
    if field.annotation is float:
        return click.FloatRange(limits.get("ge"), limits.get("le"))
    return click.STRING


def seconds_of(time: str) -> float:
    """Return the seconds of a time as people write it: `62.5`, `1:02`, `1:01:02`.

    Raises:
        UsageError: it is none.
    """
    try:
        *larger, last = time.split(":")
        parts = [*map(int, larger), float(last)]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < 1e6 for part in parts):
        raise click.UsageError(f"{time!r} is no time: write it as 1:02 or 62.5.")
    return float(sum(part * 60**place for place, part in enumerate(reversed(parts))))
