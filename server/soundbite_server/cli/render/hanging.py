"""Lines with a mark or a name before their text: what does not fit in the window goes on below the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

# A mark or a name set off by more than one space, or the spaces alone: `ok    all is well`, `      home     /srv`.
_BEFORE = re.compile(r"\s*\S+\s{2,}|\s*")
_LEAST_BESIDE = 20


def print_hanging(out: Console, line: Text, *, indent: int | None = None) -> None:
    """Print a line whose text begins at column `indent`, by default where a wide gap ends; in a pipe it stays one."""
    if indent is None:
        before = _BEFORE.match(line.plain)
        indent = before.end() if before else 0
    width = out.width - indent
    if out.soft_wrap or width < _LEAST_BESIDE:
        out.print(line)
        return
    first, *more = line[indent:].wrap(out, width, overflow="fold")
    out.print(Text.assemble(line[:indent], first))
    for rest in more:
        out.print(Text.assemble(" " * indent, rest))
