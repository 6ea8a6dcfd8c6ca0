"""soundbite doctor: the settings, the engine and the library looked over, and with --deep every row."""

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
    from soundbite_store import ClipStore, Space, SpaceScan
    from soundbite_tools import Jobs


_LITTLE_SPACE_BYTES = 1024**3


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Read every vector and compare it with its checksum.")
@click.option("--repair", is_flag=True, help="With --deep: take out or embed again what is damaged.")
@click.option("--live", is_flag=True, help="Ask the platform what its contract leaves open; embeds up to 30 s.")
@json_option
@run_async
async def doctor_command(deep: bool, repair: bool, live: bool, as_json: bool) -> None:
    """Check the settings, the engine and the library, and say what to mend."""
    from rich.markup import escape

    from soundbite_server.cli.live import check_live
    from soundbite_server.cli.render.lines import Findings, Lines
    from soundbite_server.settings import Settings
    from soundbite_tools import count_of

    out = Findings() if as_json else Lines(console())
    settings = Settings.from_environment()
    _print_settings(out, settings)
    problems = _check_disk(out, settings)
    if settings.is_embedded and (missing := settings.models.missing(settings.profile)):
        out.print(f"[red]lack[/red]  {escape(missing)}")
        if isinstance(out, Findings):
            print_json({"findings": out.entries, "problems": problems + 1})
        sys.exit(SETTINGS_EXIT_CODE)
    if settings.is_embedded:
        problems += _check_weights(out, settings.models)
        _print_isolation(out)
    async with personal_jobs() as jobs:
        problems += await _check_library(out, jobs, deep=deep or repair, repair=repair)
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


async def _check_library(out: Printer, jobs: Jobs, *, deep: bool, repair: bool) -> int:
    from rich.markup import escape

    current, store = (await jobs.library.spaces.current()).space, await jobs.library.store()
    out.print(f"[green]ok[/green]    platform answers: space {current.id}, {current.dimension} dimensions")
    # What can't be read can't be counted either.
    problems = await _check_deep(out, jobs, repair=repair) if deep else 0
    if not problems:
        await _print_spaces(out, store, current)
    for sentence in store.repairs:
        out.print(f"[yellow]note[/yellow]  {escape(sentence)}")
    return problems


async def _print_spaces(out: Printer, store: ClipStore, current: Space) -> None:
    from soundbite_tools import count_of

    for info in await store.spaces():
        is_current = info.space == current
        mark = "[green]ok[/green]   " if is_current else "[yellow]note[/yellow] "
        rest = "" if is_current else "; not searched now: another engine made its vectors (`soundbite reembed`)"
        counts = f"{count_of(info.assets, 'recording')}, {count_of(info.embeddings, 'vector')}"
        out.print(f"{mark} {counts} in space {info.space.id}{rest}")


def _check_weights(out: Printer, models: Models) -> int:
    from soundbite_engine.packs.installed import is_installed
    from soundbite_engine.packs.registry import PACKS
    from soundbite_engine.packs.shipped import INSTALL_AGAIN, shipped_weights

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


async def _check_deep(out: Printer, jobs: Jobs, *, repair: bool) -> int:
    """Scan every space and return the number of problems that are left."""
    store = await jobs.library.store()
    problems = 0
    for space in await store.space_names():
        scan = await store.scan(space)
        if scan is not None and not scan.is_sound and repair:
            await _repair(out, jobs, scan)
            scan = await store.scan(space)
        if scan is not None:
            problems += _print_scan(out, scan, repair=repair)
    return problems


def _print_scan(out: Printer, scan: SpaceScan, *, repair: bool) -> int:
    from rich.markup import escape

    if scan.is_sound:
        out.print(f"[green]ok[/green]    {scan.rows} vectors of {escape(scan.space.id)} read, all as they were written")
        return 0
    assets = {row.asset_id for row in scan.damaged}
    if assets:
        advice = "" if repair else "; `soundbite doctor --deep --repair` embeds them again"
        out.print(
            f"[red]bad[/red]   {len(scan.damaged)} vectors of {len(assets)} recordings in {escape(scan.space.id)} "
            f"were changed on the disk{advice}"
        )
    if scan.doubled:
        out.print(f"[red]bad[/red]   {scan.doubled} rows of {escape(scan.space.id)} are there twice{_remedy(repair)}")
    if scan.unreadable:
        reason = f"{escape(scan.unreadable)}{_remedy(repair)}"
        out.print(f"[red]bad[/red]   {escape(scan.space.id)} can be read up to row {scan.rows}: {reason}")
    return 1


def _remedy(repair: bool) -> str:
    return "" if repair else " (`soundbite doctor --deep --repair` mends that)"


async def _repair(out: Printer, jobs: Jobs, scan: SpaceScan) -> None:
    from rich.markup import escape

    from soundbite_server.cli.reembed import embed_missing

    mended = None
    if scan.doubled or scan.unreadable:
        store = await jobs.library.store()
        mended = await store.mend(scan.space)
        out.print(
            f"[yellow]note[/yellow]  {mended.doubled} second rows and {mended.unreadable} that can't be read were "
            f"taken out of {escape(scan.space.id)}"
        )
        scan = await store.scan(scan.space) or scan  # behind what could not be read may be more
    if not scan.damaged and not (mended and mended.unreadable):
        return
    if scan.space != (await jobs.library.spaces.current()).space:
        out.print(f"[yellow]note[/yellow]  {escape(scan.space.id)} can be repaired only with the engine that made it")
        return
    await _embed_damaged_again(out, jobs, scan)
    if mended and mended.unreadable:
        await embed_missing(jobs, [], quietly=False)


async def _embed_damaged_again(out: Printer, jobs: Jobs, scan: SpaceScan) -> None:
    from rich.markup import escape

    from soundbite_server.cli.reembed import embed_again, params_of, print_outcome
    from soundbite_store import StoreError

    ledger = await jobs.library.ledger()
    for asset_id in sorted({row.asset_id for row in scan.damaged}):
        asset = await ledger.get_asset(asset_id)
        if asset is None:
            out.print(f"[yellow]note[/yellow]  {escape(asset_id)} is not in the ledger; add its file again")
            continue
        for params in await params_of(jobs.library, asset):
            # The same rows come out under the same keys, so they take the place of the damaged ones.
            try:
                print_outcome(asset, await embed_again(jobs, asset, params))
            except StoreError as exc:
                out.print(f"[red]bad[/red]   {escape(asset.title)}: {escape(str(exc))}")
