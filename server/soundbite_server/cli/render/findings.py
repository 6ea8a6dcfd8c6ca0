"""What doctor says: in lines for a person, or for a program to read, each with how grave it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

LEVELS = ("ok", "note", "low", "lack", "bad", "live")


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
        from rich.text import Text

        from soundbite_server.cli.render.hanging import print_hanging

        print_hanging(self._out, Text.from_markup(line))


class Findings:
    """Keeps the lines instead of showing them."""

    def __init__(self) -> None:
        self.said: list[dict[str, str]] = []

    def print(self, line: str) -> None:
        """Keep one line; its first word is its level where it is one, other lines say how things are set."""
        from rich.text import Text

        said = Text.from_markup(line).plain.strip()
        first, _, rest = said.partition(" ")
        level, text = (first, rest) if first in LEVELS else ("setting", said)
        self.said.append({"level": level, "text": " ".join(text.split())})
