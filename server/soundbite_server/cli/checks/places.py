"""The files of a library themselves: whether the ledger's is whole, and whether others can read what is private."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.home import LEDGER_FILE, make_private, open_to_others

if TYPE_CHECKING:
    from soundbite_server.cli.render.lines import Printer
    from soundbite_server.settings import Settings


def check_ledger(out: Printer, settings: Settings, *, repair: bool) -> int:
    """Look whether the ledger's file is whole, make a new one of what can be read; returns the problems that are left.

    It has to be called before the library is opened.
    """
    from rich.markup import escape

    from soundbite_store import ledger_damage, salvage_ledger

    path = settings.home / LEDGER_FILE
    damage = ledger_damage(path)
    if not damage:
        return 0
    if not repair:
        out.print(
            f"[red]bad[/red]   the ledger {escape(str(path))} is damaged: {escape(damage)}; stop all servers on it, "
            "then `soundbite doctor --deep --repair` sets it aside and makes a new one"
        )
        return 1
    salvage = salvage_ledger(path)
    out.print(
        f"[yellow]note[/yellow]  the ledger was damaged ({escape(damage)}): it is set aside as {salvage.aside.name}, "
        f"and a new one holds the {salvage.records} records that could be read"
    )
    return 0


def check_modes(out: Printer, settings: Settings) -> int:
    """Look whether other users of this machine can read the library; returns the number of problems."""
    from rich.markup import escape

    if not (paths := open_to_others(settings.home)):
        return 0
    named, home = ", ".join(escape(path.name) for path in paths), escape(str(settings.home))
    make_private(settings.home)
    if left := open_to_others(settings.home):
        named = ", ".join(escape(path.name) for path in left)
        out.print(f"[red]bad[/red]   other users of this machine can read {named} in {home}; chmod -R go-rwx {home}")
        return 1
    out.print(f"[yellow]note[/yellow]  other users of this machine could read {named} in {home}; it is private now")
    return 0
