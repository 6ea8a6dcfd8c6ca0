"""soundbite search"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.library import console, personal_library, run_async

if TYPE_CHECKING:
    from soundbite_tools.results import SearchResult


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--like", default="", metavar="ID", help="A clip or asset id: find more that sounds like it.")
@click.option("--in", "modality", type=click.Choice(["any", "speech", "sound"]), default="any", help="What to search.")
@click.option("--tag", "tags", multiple=True, help="Only in recordings with this tag; may be repeated.")
@click.option("--asset", "asset_ids", multiple=True, help="Only in this recording; may be repeated.")
@click.option("-n", "--top", default=5, show_default=True, type=click.IntRange(1, 50), help="How many clips at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@run_async
async def command(
    words: tuple[str, ...],
    like: str,
    modality: str,
    tags: tuple[str, ...],
    asset_ids: tuple[str, ...],
    top: int,
    as_json: bool,
) -> None:
    """Find the seconds of sound that answer WORDS, what was said or heard."""
    from soundbite_tools.search_clips import search_clips

    async with personal_library() as library:
        found = await search_clips(
            library,
            query=" ".join(words),
            like=like,
            modality=modality,  # type: ignore[arg-type] # click allows only these words
            tags=list(tags),
            asset_ids=list(asset_ids),
            top_k=top,
        )
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        _print(found)


def _print(found: SearchResult) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    out = console()
    for clip in found.clips:
        out.print(
            f"[bold]{escape(clip.title)}[/bold]  [cyan]{clip.time_range}[/cyan]  {clip.score:.2f}  "
            f"[dim]{clip.clip_id}[/dim]"
        )
        words = clip.text or (f"({clip.sounds})" if clip.sounds else "")
        if words:
            out.print(Padding(escape(words), (0, 0, 0, 2)))
    if not found.clips:
        out.print("Nothing found.")
    for note in found.notes:
        out.print(f"[dim]{escape(note)}[/dim]")
