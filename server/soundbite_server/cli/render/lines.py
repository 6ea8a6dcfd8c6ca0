"""Lines and tables for a person: what does not fit in the window goes on below its own text, and ids are never cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from soundbite_server.cli.library import console

if TYPE_CHECKING:
    from rich.console import Console


_LEAST_WRAPPED = 12
_WHOLE = 10_000
# A mark or a name set off by more than one space, or the spaces alone: `ok    all is well`, `      home     /srv`.
_BEFORE = re.compile(r"\s*\S+\s{2,}|\s*")
_LEAST_BESIDE = 20


LEVELS = ("ok", "note", "low", "lack", "bad", "live")


@dataclass(frozen=True)
class Column:
    """A column: its heading, and how it gives way."""

    name: str
    is_number: bool = False
    is_wrapped: bool = False
    """Otherwise its cells stay whole, on one line."""


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print rows below their headings; text is shown as it is, never read as markup. In a pipe a row is one line."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            no_wrap=not column.is_wrapped,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    out, window = console(), console().width
    out.width = _WHOLE
    whole = Measurement.get(out, out.options, table).maximum
    longest = [
        max([len(column.name), *(cell.cell_len for cell in table.columns[at].cells if isinstance(cell, Text))])
        for at, column in enumerate(columns)
        if not column.is_wrapped
    ]
    least = sum(longest) + _LEAST_WRAPPED * (len(columns) - len(longest)) + 2 * (len(columns) - 1)
    out.width = min(whole, max(window, least)) if out.is_terminal else whole
    out.print(table)


def print_hanging(out: Console, line: Text, *, indent: int | None = None) -> None:
    """Print a line whose text begins at column `indent`, by default where a wide gap ends; in a pipe it stays one."""
    if indent is None:
        before = _BEFORE.match(line.plain)
        indent = before.end() if before else 0
    for part in hanging(out, line, indent):
        out.print(part)


def hanging(out: Console, line: Text, indent: int) -> list[Text]:
    """Return the lines that a line takes in a window, its text from column `indent` on; in a pipe it stays one."""
    width = out.width - indent
    if out.soft_wrap or width < _LEAST_BESIDE:
        return [line]
    first, *more = line[indent:].wrap(out, width, overflow="fold")
    return [Text.assemble(line[:indent], first), *(Text.assemble(" " * indent, rest) for rest in more)]


class Printer(Protocol):
    """What doctor says its lines to."""

    def print(self, line: str) -> None:
        """Say one line of console markup."""
        ...


class Lines:
    """Shows the lines; what does not fit in the window goes on below their text."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def print(self, line: str) -> None:
        """Show one line."""
        print_hanging(self._out, Text.from_markup(line))


class Findings:
    """Keeps the lines instead of showing them."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def print(self, line: str) -> None:
        """Keep one line; its first word is its level where it is one, other lines say how things are set."""
        plain = Text.from_markup(line).plain.strip()
        first, _, rest = plain.partition(" ")
        level, text = (first, rest) if first in LEVELS else ("setting", plain)
        self.entries.append({"level": level, "text": " ".join(text.split())})
