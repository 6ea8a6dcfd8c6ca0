"""What `doctor --deep` does: read every vector, compare it with its checksum, and embed again what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from soundbite_server.cli.reembedding import embed_again, params_of, say
from soundbite_store import StoreError

if TYPE_CHECKING:
    from soundbite_server.cli.findings import Printer
    from soundbite_store import SpaceScan
    from soundbite_tools.library import Library


async def check_deep(out: Printer, library: Library, *, repair: bool) -> int:
    """Scan every space and return the number of problems that are left."""
    store = await library.store()
    problems = 0
    for info in await store.spaces():
        scan = await store.scan(info.space)
        if scan is not None and not scan.is_sound and repair:
            await _embed_damaged_again(out, library, scan)
            scan = await store.scan(info.space)
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
        out.print(f"[red]bad[/red]   {scan.doubled} rows of {escape(scan.space.id)} are there twice")
    if scan.unreadable:
        out.print(
            f"[red]bad[/red]   {escape(scan.space.id)} can be read up to row {scan.rows}: {escape(scan.unreadable)}"
        )
    return 1


async def _embed_damaged_again(out: Printer, library: Library, scan: SpaceScan) -> None:
    if scan.space != (await library.spaces.current()).space:
        out.print(f"[yellow]note[/yellow]  {escape(scan.space.id)} can be repaired only with the engine that made it")
        return
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
