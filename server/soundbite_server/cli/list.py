"""soundbite list"""

from __future__ import annotations

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async


@click.command("list")
@click.option("--tag", "tags", multiple=True, help="Only recordings with this tag; may be repeated.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 50), help="Recordings a page.")
@json_option
@run_async
async def command(tags: tuple[str, ...], page: int, limit: int, as_json: bool) -> None:
    """Show the recordings in the library, newest first."""
    from rich.table import Table

    from soundbite_tools.list_audio import list_audio

    async with personal_library() as library:
        listing = await list_audio(library, tags=list(tags), page=page, page_limit=limit)
    if as_json:
        print_json(listing)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Title", "Length", "Clips", "Status", "Tags", "Asset"):
        table.add_column(name, justify="right" if name in ("Length", "Clips") else "left")
    for asset in listing.assets:
        table.add_row(
            asset.title, asset.length, str(asset.clip_count), asset.status, ", ".join(asset.tags), asset.asset_id
        )
    out = console()
    out.print(table)
    out.print(f"{listing.total_assets} recordings, {listing.total_seconds / 60:.1f} minutes of sound.")
    for note in listing.notes:
        out.print(note)
