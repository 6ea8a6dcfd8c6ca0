"""soundbite bulk"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, INPUT_EXIT_CODE
from soundbite_server.cli.library import console

if TYPE_CHECKING:
    from soundbite_server.settings import Settings


@click.command("bulk")
@click.argument("source")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 10_000), help="Workers at a time.")
@click.option("--address", default="", help="A Ray cluster (ray://host:10001, or auto); by default one starts here.")
@click.option("--tag", "tags", multiple=True, help="A tag to filter searches by; may be repeated.")
@click.option("--index/--no-index", "is_indexed", default=True, help="Index a large store with all workers at the end.")
def command(source: str, workers: int, address: str, tags: tuple[str, ...], is_indexed: bool) -> None:
    """Add a whole collection on a Ray cluster: a folder that every worker sees, or s3://bucket/prefix.

    SOUNDBITE_STORE has to name a bucket or a database that the workers share. What is in the library already is
    skipped; the command may be stopped and repeated at any time.
    """
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("lance_ray") is None:
        raise click.UsageError("Ray is not installed: pip install 'soundbite[ray]'.")
    from rich.markup import escape

    from soundbite_server.bulk.cluster import embed_collection, running_cluster
    from soundbite_server.bulk.collections import find_recordings
    from soundbite_server.bulk.share import Embedded
    from soundbite_server.settings import Settings
    from soundbite_store import capabilities_of

    settings = Settings.from_environment()
    if not capabilities_of(settings.store_uri).is_shared:
        raise click.UsageError(
            "The workers need a store that they share: set SOUNDBITE_STORE to s3://bucket/prefix, gs://, az:// or db://."
        )
    recordings = find_recordings(source, settings.store_access)
    if not recordings:
        raise click.UsageError(f"There are no audio or video files in {source}.")
    out, ended = console(), list[Embedded]()

    def tell(each: Embedded) -> None:
        ended.append(each)
        count = f"[dim]{len(ended)}/{len(recordings)}[/dim]"
        if each.error:
            out.print(f"{count} [red]{escape(each.recording.name)}[/red]: {escape(each.error)}")
        else:
            said = "is in the library already" if each.is_present else f"{each.audio_seconds:.1f} s"
            out.print(f"{count} [green]{escape(each.recording.name)}[/green]: {said}")

    with running_cluster(address, workers):
        embed_collection(settings, recordings, tags=tags, workers=workers, tell=tell)
        if is_indexed and capabilities_of(settings.store_uri).optimize:
            _index(settings, workers)
    failed = sum(bool(each.error) for each in ended)
    present = sum(each.is_present for each in ended)
    out.print(f"{len(ended) - failed - present} added, {present} there already, {failed} failed.")
    if failed:
        sys.exit(INPUT_EXIT_CODE if failed == len(ended) else FAILED_EXIT_CODE)


def _index(settings: Settings, workers: int) -> None:
    import anyio

    from soundbite_server.bulk.indexing import index_spaces

    for space in anyio.run(index_spaces, settings, workers):
        console().print(f"Indexed the clips of {space.id} with {workers} workers.")
