"""soundbite doctor"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, SETTINGS_EXIT_CODE
from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async

if TYPE_CHECKING:
    from soundbite_server.cli.render.findings import Printer
    from soundbite_server.settings import Settings
    from soundbite_store import ClipStore, Space
    from soundbite_tools.library import Library

_LITTLE_SPACE_BYTES = 1024**3


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Read every vector and compare it with its checksum.")
@click.option("--repair", is_flag=True, help="With --deep: take out or embed again what is damaged.")
@click.option("--live", is_flag=True, help="Ask the platform what its contract leaves open; embeds up to 30 s.")
@json_option
@run_async
async def command(deep: bool, repair: bool, live: bool, as_json: bool) -> None:
    """Check the settings, the engine and the library, and say what to mend."""
    from rich.markup import escape

    from soundbite_server.cli.live_check import check_live
    from soundbite_server.cli.render.findings import Findings, Lines
    from soundbite_server.settings import Settings
    from soundbite_tools.counts import count_of

    out = Findings() if as_json else Lines(console())
    settings = Settings.from_environment()
    _print_settings(out, settings)
    problems = _check_disk(out, settings)
    if settings.is_embedded and (missing := settings.models.missing(settings.profile)):
        out.print(f"[red]lack[/red]  {escape(missing)}")
        if isinstance(out, Findings):
            print_json({"findings": out.said, "problems": problems + 1})
        sys.exit(SETTINGS_EXIT_CODE)
    if settings.is_embedded:
        problems += _check_weights(out)
        _print_isolation(out)
    async with personal_library() as library:
        problems += await _check_library(out, library, deep=deep or repair, repair=repair)
        if live:
            await check_live(out, library)
        unfinished = await (await library.ledger()).unfinished_tasks()
        out.print(f"[green]ok[/green]    {count_of(len(unfinished), 'task')} under way")
    if isinstance(out, Findings):
        print_json({"findings": out.said, "problems": problems})
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


async def _check_library(out: Printer, library: Library, *, deep: bool, repair: bool) -> int:
    from rich.markup import escape

    from soundbite_server.cli.deep_check import check_deep

    current, store = (await library.spaces.current()).space, await library.store()
    out.print(f"[green]ok[/green]    platform answers: space {current.id}, {current.dimension} dimensions")
    # What can't be read can't be counted either.
    problems = await check_deep(out, library, repair=repair) if deep else 0
    if not problems:
        await _print_spaces(out, store, current)
    for said in store.healed:
        out.print(f"[yellow]note[/yellow]  {escape(said)}")
    return problems


async def _print_spaces(out: Printer, store: ClipStore, current: Space) -> None:
    from soundbite_tools.counts import count_of

    for info in await store.spaces():
        is_current = info.space == current
        mark = "[green]ok[/green]   " if is_current else "[yellow]note[/yellow] "
        rest = "" if is_current else "; not searched now: another engine made its vectors (`soundbite reembed`)"
        held = f"{count_of(info.assets, 'recording')}, {count_of(info.embeddings, 'vector')}"
        out.print(f"{mark} {held} in space {info.space.id}{rest}")


def _check_weights(out: Printer) -> int:
    from soundbite_engine.packs.shipped import INSTALL_AGAIN, shipped_weights

    problems = 0
    for weights in shipped_weights().values():
        if damaged := weights.damaged_files():
            problems += 1
            out.print(f"[red]bad[/red]   weights {weights.name}: {', '.join(damaged)} damaged; {INSTALL_AGAIN}")
        else:
            about = f"{weights.size_bytes / 1e6:.0f} MB, checked; {weights.licence} licence, {weights.source}"
            out.print(f"[green]ok[/green]    weights {weights.name}: {about}")
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
