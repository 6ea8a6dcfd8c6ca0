"""soundbite list"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async

if TYPE_CHECKING:
    from soundbite_tools.results import LibraryListing


@click.command("list")
@click.option("--title", default="", help="Only recordings with these words in their title or path.")
@click.option("--tag", "tags", multiple=True, help="Only recordings with this tag; may be repeated.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 50), help="Recordings a page.")
@json_option
@run_async
async def command(title: str, tags: tuple[str, ...], page: int, limit: int, as_json: bool) -> None:
    """Show the recordings in the library, newest first."""
    from soundbite_tools.read.list_audio import list_audio

    async with personal_library() as library:
        listing = await list_audio(library, title=title, tags=list(tags), page=page, page_limit=limit)
    if as_json:
        print_json(listing)
    elif listing.assets:
        _print(listing)
        if listing.total_assets > page * limit:
            click.echo(f"{listing.total_assets - page * limit} more: --page {page + 1} shows them.")
    elif listing.total_assets:
        click.echo(f"There is no page {page}; the last is {-(-listing.total_assets // limit)}.")
    elif tags or title:
        asked = [*([f"the words {title!r}"] if title else []), *([f"the tag {' or '.join(tags)}"] if tags else [])]
        click.echo(f"No recording has {' and '.join(asked)}; `soundbite list` shows all.")
    else:
        click.echo("The library is empty. `soundbite add FILE` adds a recording.")


def _print(listing: LibraryListing) -> None:
    from rich.text import Text

    from soundbite_server.cli.render.tables import Column, print_table
    from soundbite_tools.counts import count_of

    out = console()
    columns = (
        Column("Title", is_wrapped=True),
        Column("Length", is_number=True),
        Column("Clips", is_number=True),
        Column("Status"),
        Column("Tags", is_wrapped=True),
        Column("Asset"),
    )
    rows = (
        (each.title, each.length, str(each.clip_count), each.status, ", ".join(each.tags), Text(each.asset_id, "dim"))
        for each in listing.assets
    )
    print_table(columns, rows)
    out.print(f"{count_of(listing.total_assets, 'recording')}, {listing.total_seconds / 60:.1f} minutes of sound.")
    for note in listing.notes:
        out.print(note, markup=False)
