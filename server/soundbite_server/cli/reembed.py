"""soundbite reembed: embedding again what is in the library, after a change of engine and where rows were damaged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, next_step
from soundbite_server.cli.library import console, json_option, personal_jobs, print_json, run_async

if TYPE_CHECKING:
    from soundbite_store import Asset, Task
    from soundbite_tools import EmbedParams, Jobs, Library

_PAGE = 200
_WAIT_S = 25.0
_MISSING_NAMED = 20


@click.command("reembed")
@json_option
@run_async
async def reembed_command(as_json: bool) -> None:
    """Embed every recording again that the engine set now has not embedded.

    Needed after a change of engine, profile or model: vectors of two of them can't be compared. May be stopped at any
    time; the next call goes on where this one ended. The vectors made before stay.
    """
    done: list[tuple[Asset, Task]] = []
    async with personal_jobs() as jobs:
        space = (await jobs.library.spaces.current()).space
        await embed_missing(jobs, done, quietly=as_json)
    failed = sum(task.status == "failed" for _, task in done)
    if as_json:
        print_json({"space": space.id, "embedded": len(done) - failed, "failed": failed})
    else:
        console().print(f"Space {space.id} holds all recordings." if not failed else f"{failed} could not be embedded.")
    if failed:
        sys.exit(FAILED_EXIT_CODE)


async def all_assets(library: Library) -> list[Asset]:
    """Return every recording in the library."""
    ledger = await library.ledger()
    pages = range(0, await ledger.count_assets(), _PAGE)
    return [asset for offset in pages for asset in await ledger.list_assets(_PAGE, offset)]


async def params_of(library: Library, asset: Asset) -> list[EmbedParams]:
    """Return how a recording was embedded before, as far as the engine set now can do it."""
    from soundbite_tools import EmbedParams

    ready = await (await library.ledger()).list_tasks(None, asset_id=asset.asset_id, status="ready")
    known = [EmbedParams.model_validate_json(task.params_json) for task in reversed(ready)]
    if not library.config.natural_segmentation:
        known = [params.model_copy(update={"segmentation": "fixed"}) for params in known]
    return list(dict.fromkeys(known))


async def embed_again(jobs: Jobs, asset: Asset, params: EmbedParams) -> Task:
    """Embed a recording whatever the library holds of it, and return the finished task."""
    task = await jobs.registry.begin(asset, params)
    jobs.start(task.task_id)
    while task.status == "processing":
        task = await jobs.wait(task.task_id, _WAIT_S)
    return task


def print_outcome(asset: Asset, task: Task) -> bool:
    """Print how it went; False when it failed."""
    from rich.markup import escape

    if task.status == "failed":
        console(stderr=True).print(
            f"[red]{escape(asset.title)}[/red]: {escape(task.error_message)} "
            f"{escape(next_step(task.error_code, task.error_hint))}"
        )
        return False
    console().print(f"[green]{escape(asset.title)}[/green]: embedded again")
    return True


async def embed_missing(jobs: Jobs, done: list[tuple[Asset, Task]], *, quietly: bool) -> None:
    """Embed every recording of which the space of the engine set now lacks clips; what was done is added to `done`."""
    from soundbite_tools import finished_task

    for asset in await all_assets(jobs.library):
        for params in await params_of(jobs.library, asset):
            if await finished_task(jobs.library, asset, params) is None:
                done.append((asset, await embed_again(jobs, asset, params)))
                if not quietly:
                    print_outcome(*done[-1])


@click.command("relink")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@run_async
async def relink_command(folders: tuple[Path, ...], as_json: bool) -> None:
    """Look through FOLDERS for the files of recordings that moved: by their content, whatever they are called now.

    Recordings whose files are still missing are named, and the exit code is 1 then; so are those whose files changed.
    """
    from soundbite_server.sources import files_in
    from soundbite_tools import count_of, file_states, missing_files, printable, relink

    async with personal_jobs(folders) as jobs:
        relinked = await relink(jobs.library, [path for folder in folders for path in files_in(folder)])
        left = await missing_files(jobs.library)
        states = await file_states(left)
    changed = [asset for asset in left if states.get(asset.asset_id) == "changed"]
    missing = [asset for asset in left if asset not in changed]
    if as_json:
        moves = [
            {"asset_id": found.asset.asset_id, "from": found.path, "to": found.asset.source_uri} for found in relinked
        ]
        named = {"missing": missing, "changed": changed}
        ids = {name: [asset.asset_id for asset in assets] for name, assets in named.items()}
        print_json({"relinked": moves, **ids})
    else:
        out = console()
        for found in relinked:
            out.print(f"{found.asset.title}: {printable(found.asset.source_uri)}", markup=False)
        for asset in missing[:_MISSING_NAMED]:
            source = printable(asset.source_uri)
            out.print(f"missing: {asset.title} ({asset.asset_id}), it was {source}", markup=False)
        for asset in changed[:_MISSING_NAMED]:
            source = printable(asset.source_uri)
            out.print(f"changed: {asset.title} ({asset.asset_id}), add {source} again to renew it", markup=False)
        others = f", {len(changed)} changed" if changed else ""
        out.print(f"{count_of(len(relinked), 'file')} found, {len(missing)} missing{others}.")
    if missing:
        sys.exit(FAILED_EXIT_CODE)
