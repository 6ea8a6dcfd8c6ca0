"""soundbite doctor: the settings, the engine, the files of the library and, with --deep, every row looked over."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, SETTINGS_EXIT_CODE
from soundbite_server.cli.library import console, json_option, personal_jobs, print_json, run_async

if TYPE_CHECKING:
    from soundbite_engine.packs.installed import Models
    from soundbite_server.cli.render.lines import Printer
    from soundbite_server.settings import Settings

_LITTLE_SPACE_BYTES = 1024**3


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Read every row, compare it with its checksums, and all with the ledger.")
@click.option("--repair", is_flag=True, help="With --deep: embed again what is lost or damaged, fill the ledger.")
@click.option("--live", is_flag=True, help="Ask the platform what its contract leaves open; embeds up to 30 s.")
@json_option
@run_async
async def doctor_command(deep: bool, repair: bool, live: bool, as_json: bool) -> None:
    """Check the settings, the engine and the library, and say what to mend.

    It ends with 0 when all is well, and with 1 when something was found that is not repaired, or can't be.
    """
    from rich.markup import escape

    from soundbite_server.cli.checks.library import check_library, check_scrubbing
    from soundbite_server.cli.checks.live import check_live
    from soundbite_server.cli.render.lines import Findings, Lines
    from soundbite_server.settings import Settings
    from soundbite_tools import count_of

    out = Findings() if as_json else Lines(console())
    settings = Settings.from_environment()
    _print_settings(out, settings)
    problems = _check_disk(out, settings) + check_modes(out, settings)
    if settings.is_embedded and (missing := settings.models.missing(settings.profile)):
        out.print(f"[red]lack[/red]  {escape(missing)}")
        if isinstance(out, Findings):
            print_json({"findings": out.entries, "problems": problems + 1})
        sys.exit(SETTINGS_EXIT_CODE)
    if settings.is_embedded:
        problems += _check_weights(out, settings.models)
        _print_isolation(out)
    if damaged := check_ledger(out, settings, repair=repair):
        problems += damaged
    else:
        async with personal_jobs() as jobs:
            problems += await check_scrubbing(out, jobs)
            problems += await check_library(out, jobs, is_deep=deep or repair, repair=repair)
            if live:
                await check_live(out, jobs.library)
            unfinished = await (await jobs.library.ledger()).unfinished_tasks()
            out.print(f"[green]ok[/green]    {count_of(len(unfinished), 'task')} under way")
    if isinstance(out, Findings):
        print_json({"findings": out.entries, "problems": problems})
    if problems:
        sys.exit(FAILED_EXIT_CODE)


def _print_settings(out: Printer, settings: Settings) -> None:
    from rich.markup import escape

    from soundbite_engine.packs.installed import PROFILES

    where = "on this machine, no key, no network" if settings.is_embedded else settings.base_url
    out.print(f"[bold]Soundbite {version('soundbite')}[/bold]")
    out.print(f"      engine   {settings.engine} ({escape(where)})")
    if settings.is_embedded:
        out.print(f"      profile  {settings.profile}")
        out.print(f"               {PROFILES[settings.profile].finds}")
    out.print(f"      home     {escape(str(settings.home))}")
    out.print(f"      store    {escape(settings.store_uri)}")
    for root in settings.roots:
        out.print(f"      root     {escape(str(root))}")


def _check_weights(out: Printer, models: Models) -> int:
    from soundbite_engine.packs.installed import INSTALL_AGAIN, is_installed, shipped_weights
    from soundbite_engine.packs.registry import PACKS

    problems = 0
    for weights in shipped_weights().values():
        if damaged := weights.damaged_files():
            problems += 1
            out.print(f"[red]bad[/red]   weights {weights.name}: {', '.join(damaged)} damaged; {INSTALL_AGAIN}")
        else:
            about = f"{weights.size_bytes / 1e6:.0f} MB, checked; {weights.licence} licence, {weights.source}"
            out.print(f"[green]ok[/green]    weights {weights.name}: {about}")
    about = f"MIT licence, Silero Team, part of faster-whisper {version('faster-whisper')}"
    out.print(f"[green]ok[/green]    weights silero-vad: {about}")
    for pack in PACKS.values():
        if is_installed(models.folder, pack):
            about = f"{pack.size_bytes / 1e6:.0f} MB, pulled; {pack.licence} licence"
            out.print(f"[green]ok[/green]    weights {pack.name}: {about}")
    return problems


def _print_isolation(out: Printer) -> None:
    from soundbite_engine.workers.worker import can_leave_network

    if can_leave_network():
        out.print("[green]ok[/green]    recordings are decoded by processes without network")
    else:
        out.print("[yellow]note[/yellow]  this system does not let the processes that decode leave the network")


def _check_disk(out: Printer, settings: Settings) -> int:
    from rich.markup import escape

    settings.check_home()
    free = shutil.disk_usage(settings.home).free
    if free < _LITTLE_SPACE_BYTES:
        out.print(f"[red]low[/red]   {free / 1e6:.0f} MB free on the disk of {escape(str(settings.home))}; make room")
        return 1
    out.print(f"[green]ok[/green]    {free / 1e9:.0f} GB free on the disk of the library")
    return 0


def check_ledger(out: Printer, settings: Settings, *, repair: bool) -> int:
    """Look whether the ledger's file is whole, make a new one of what can be read; returns the problems that are left.

    It has to be called before the library is opened.
    """
    from rich.markup import escape

    from soundbite_store import LEDGER_FILE, ledger_damage, salvage_ledger

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

    from soundbite_server.libraries import make_private, open_to_others

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
