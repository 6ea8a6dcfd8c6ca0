"""What `doctor --deep` does: read every row, compare it with its checksums, and mend what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from soundbite_server.cli.reembedding import embed_again, embed_missing, params_of, say
from soundbite_store import StoreError

if TYPE_CHECKING:
    from soundbite_server.cli.render.findings import Printer
    from soundbite_store import SpaceScan
    from soundbite_tools.library import Library


async def check_deep(out: Printer, library: Library, *, repair: bool) -> int:
    """Scan every space and return the number of problems that are left."""
    store = await library.store()
    problems = 0
    for space in await store.space_names():
        scan = await store.scan(space)
        if scan is not None and not scan.is_sound and repair:
            await _repair(out, library, scan)
            scan = await store.scan(space)
        if scan is not None:
            problems += _say(out, scan, repair=repair)
    return problems


def _say(out: Printer, scan: SpaceScan, *, repair: bool) -> int:
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


async def _repair(out: Printer, library: Library, scan: SpaceScan) -> None:
    mended = None
    if scan.doubled or scan.unreadable:
        store = await library.store()
        mended = await store.mend(scan.space)
        out.print(
            f"[yellow]note[/yellow]  {mended.doubled} second rows and {mended.unreadable} that can't be read were "
            f"taken out of {escape(scan.space.id)}"
        )
        scan = await store.scan(scan.space) or scan  # behind what could not be read may be more
    if not scan.damaged and not (mended and mended.unreadable):
        return
    if scan.space != (await library.spaces.current()).space:
        out.print(f"[yellow]note[/yellow]  {escape(scan.space.id)} can be repaired only with the engine that made it")
        return
    await _embed_damaged_again(out, library, scan)
    if mended and mended.unreadable:
        await embed_missing(library, [], quietly=False)


async def _embed_damaged_again(out: Printer, library: Library, scan: SpaceScan) -> None:
    ledger = await library.ledger()
    for asset_id in sorted({row.asset_id for row in scan.damaged}):
        asset = await ledger.get_asset(asset_id)
        if asset is None:
            out.print(f"[yellow]note[/yellow]  {escape(asset_id)} is not in the ledger; add its file again")
            continue
        for params in await params_of(library, asset):
            # The same rows come out under the same keys, so they take the place of the damaged ones.
            try:
                say(asset, await embed_again(library, asset, params))
            except StoreError as exc:
                out.print(f"[red]bad[/red]   {escape(asset.title)}: {escape(str(exc))}")
