"""soundbite bulk"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, INPUT_EXIT_CODE
from soundbite_server.cli.library import console, print_json_line

if TYPE_CHECKING:
    from rich.console import Console

    from soundbite_server.cluster import Embedded
    from soundbite_server.settings import Settings


@click.command("bulk")
@click.argument("source", type=click.Path())
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 10_000), help="Workers at a time.")
@click.option("--address", default="", help="A Ray cluster (ray://host:10001, or auto); by default one starts here.")
@click.option("--tag", "tags", multiple=True, help="A tag to filter searches by; may be repeated.")
@click.option("--index/--no-index", "is_indexed", default=True, help="Index a large store with all workers at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each recording.")
def bulk_command(
    source: str, workers: int, address: str, tags: tuple[str, ...], is_indexed: bool, as_json: bool
) -> None:
    """Add a whole collection on a Ray cluster: a folder that every worker sees, or s3://bucket/prefix.

    SOUNDBITE_STORE has to name a bucket or a database that the workers share. What is in the library already is
    skipped; the command may be stopped and repeated at any time.
    """
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("lance_ray") is None:
        raise click.UsageError("Ray is not installed: pip install 'soundbite[ray]'.")
    from soundbite_server.cluster import embed_collection, find_recordings, running_cluster
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
    out, outcomes = console(stderr=as_json), list["Embedded"]()

    def tell(outcome: Embedded) -> None:
        outcomes.append(outcome)
        if as_json:
            _print_json(outcome)
        else:
            _print(out, outcome, f"{len(outcomes)}/{len(recordings)}")

    with running_cluster(address, workers):
        embed_collection(settings, recordings, tags=tags, workers=workers, tell=tell)
        if is_indexed and capabilities_of(settings.store_uri).optimize:
            _index(settings, workers, out)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    present = sum(outcome.is_present for outcome in outcomes)
    out.print(f"{len(outcomes) - failed - present} added, {present} there already, {failed} failed.")
    if failed:
        sys.exit(INPUT_EXIT_CODE if failed == len(outcomes) else FAILED_EXIT_CODE)


def _print(out: Console, outcome: Embedded, count: str) -> None:
    from rich.markup import escape

    name, length = escape(outcome.recording.name), f"{outcome.audio_seconds:.1f} s"
    if outcome.error:
        out.print(f"[dim]{count}[/dim] [red]{name}[/red]: {escape(outcome.error)}")
    else:
        out.print(
            f"[dim]{count}[/dim] [green]{name}[/green]: {'is in the library already' if outcome.is_present else length}"
        )


def _print_json(outcome: Embedded) -> None:
    print_json_line(
        {
            "named": outcome.recording.address,
            "status": "failed" if outcome.error else "ready",
            "is_reused": outcome.is_present,
            "audio_seconds": outcome.audio_seconds,
            "error": outcome.error,
        }
    )


def _index(settings: Settings, workers: int, out: Console) -> None:
    import anyio

    from soundbite_server.cluster import index_spaces

    for space in anyio.run(index_spaces, settings, workers):
        out.print(f"Indexed the clips of {space.id} with {workers} workers.")
