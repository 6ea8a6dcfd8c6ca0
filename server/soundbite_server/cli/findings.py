"""What doctor says, for a program to read: each line with how grave it is."""

from __future__ import annotations

from typing import Any, Protocol

LEVELS = ("ok", "note", "low", "lack", "bad", "live")


class Printer(Protocol):
    """What doctor says its lines to: a console, or `Findings`."""

    def print(self, *objects: Any, soft_wrap: bool | None = None) -> None:
        """Say one line of console markup."""
        ...


class Findings:
    """Keeps the lines instead of showing them."""

    def __init__(self) -> None:
        self.said: list[dict[str, str]] = []

    def print(self, *objects: Any, soft_wrap: bool | None = None) -> None:
        """Keep one line; its first word is its level where it is one, other lines say how things are set."""
        from rich.text import Text

        del soft_wrap
        line = " ".join(Text.from_markup(str(each)).plain for each in objects).strip()
        first, _, rest = line.partition(" ")
        level, text = (first, rest) if first in LEVELS else ("setting", line)
        self.said.append({"level": level, "text": " ".join(text.split())})
