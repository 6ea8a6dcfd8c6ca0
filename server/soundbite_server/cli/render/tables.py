"""Tables for a person: titles give way in a narrow window, ids never do, because they are copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from soundbite_server.cli.library import console

_LEAST_WRAPPED = 12
_WHOLE = 10_000


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
