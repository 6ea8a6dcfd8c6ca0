"""soundbite models"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE, INPUT_EXIT_CODE
from soundbite_server.cli.library import console, json_option, print_json

if TYPE_CHECKING:
    from soundbite_engine.packs.installed import Models
    from soundbite_engine.packs.pulling import OnProgress
    from soundbite_engine.packs.registry import Pack


def _names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from soundbite_engine.packs.installed import PROFILES
    from soundbite_engine.packs.registry import PACKS

    return [name for name in (*PROFILES, *PACKS) if name.startswith(incomplete)]


@click.group("models")
def models_command() -> None:
    """Get and remove the model files that the profiles sounds and full need.

    They are downloaded only here, never while a tool works. A NAME is a profile, or a pack of `soundbite models list`.
    """


@models_command.command("list")
@click.option("--check", is_flag=True, help="Read every installed file and compare it with its sha256.")
@json_option
def list_models(check: bool, as_json: bool) -> None:
    """Show the profiles and packs, their sizes, and what is installed."""
    from rich.text import Text

    from soundbite_engine.packs.installed import PROFILES, damaged_files, is_installed
    from soundbite_engine.packs.registry import PACKS
    from soundbite_server.cli.render.lines import print_hanging

    models = _models()
    here = {pack.name: is_installed(models.folder, pack) for pack in PACKS.values()}
    damaged = {name: damaged_files(models.folder, PACKS[name]) for name in here if check and here[name]}
    profiles = {name: ([pack.name for pack in models.packs(name)], models.missing(name) or "") for name in PROFILES}
    if as_json:
        packs = [
            {"name": pack.name, "bytes": pack.size_bytes, "is_here": here[pack.name], "what": pack.what,
             "licence": pack.licence, **({"damaged": damaged[pack.name]} if pack.name in damaged else {})}
            for pack in PACKS.values()
        ]  # fmt: skip
        print_json(
            {
                "packs": packs,
                "profiles": [{"name": name, "packs": of, "lack": lack} for name, (of, lack) in profiles.items()],
            }
        )
    else:
        rows = ((pack, here[pack.name], damaged.get(pack.name)) for pack in PACKS.values())
        _print_packs([(pack, _standing(is_here, bad)) for pack, is_here, bad in rows])
        for name, (of, lack) in profiles.items():
            begin = f"profile {name}: "
            line = Text(f"{begin}{', '.join(of) or 'nothing to pull'}. {lack or 'Ready.'}")
            print_hanging(console(), line, indent=len(begin))
    if any(damaged.values()):
        sys.exit(FAILED_EXIT_CODE)


def _standing(is_here: bool, damaged: Sequence[str] | None) -> str:
    if damaged:
        return f"damaged: {', '.join(damaged)}"
    return "" if not is_here else "yes" if damaged is None else "yes, checked"


def _print_packs(packs: Sequence[tuple[Pack, str]]) -> None:
    from soundbite_server.cli.render.lines import Column, print_table

    columns = (
        Column("Pack"),
        Column("Size", is_number=True),
        Column("Here", is_wrapped=True),
        Column("What it does", is_wrapped=True),
    )
    rows = (
        (pack.name, f"{pack.size_bytes / 1e6:,.0f} MB", here, f"{pack.what}; {pack.licence}") for pack, here in packs
    )
    print_table(columns, rows)


@models_command.command("pull")
@click.argument("name", shell_complete=_names)
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the files from this folder, whatever they are called, and use no network.",
)
def pull_models(name: str, folder: Path | None) -> None:
    """Download a profile's model files, or go on with a download that broke off.

    SOUNDBITE_MODELS_MIRROR is the address of a served copy of a models folder; HF_HOME and HF_ENDPOINT are honoured.
    """
    from soundbite_engine.packs.installed import PROFILES, PackError
    from soundbite_engine.packs.pulling import Origins, pull

    models = _models()
    packs = _packs(models, name)
    origins = Origins.from_environment(os.environ, folder)
    for pack in packs:
        try:
            with _progress(pack) as on_progress:
                is_new = pull(models.folder, pack, origins, on_progress)
        except PackError as exc:
            click.echo(f"soundbite: {exc.message}", err=True)
            sys.exit(FAILED_EXIT_CODE)
        where = models.folder_of(pack)
        click.echo(f"{pack.name}: {'installed in' if is_new else 'already in'} {where}")
    if not packs:
        click.echo(f"The profile {name} needs no model files.")
    elif name in PROFILES:
        click.echo(models.missing(name) or f"Ready: set SOUNDBITE_PROFILE={name} to use it.")


@models_command.command("remove")
@click.argument("name", shell_complete=_names)
def remove_models(name: str) -> None:
    """Delete a profile's model files; what it embedded stays in the library."""
    from soundbite_engine.packs.installed import remove

    models = _models()
    freed = sum(remove(models.folder, pack) for pack in _packs(models, name))
    click.echo(f"{freed / 1e6:,.1f} MB freed." if freed else f"Nothing of {name} was here.")


@models_command.command("where")
def where_models() -> None:
    """Print the folder the model files lie in."""
    click.echo(_models().folder)


def _models() -> Models:
    from soundbite_server.settings import Settings

    return Settings.from_environment().models


def _packs(models: Models, name: str) -> tuple[Pack, ...]:
    from soundbite_engine.packs.installed import PROFILES
    from soundbite_engine.packs.registry import PACKS

    if name in PROFILES:
        return models.packs(name)
    if name in PACKS:
        return (PACKS[name],)
    click.echo(f"soundbite: {name!r} is none of {', '.join((*PROFILES, *PACKS))}.", err=True)
    sys.exit(INPUT_EXIT_CODE)


@contextmanager
def _progress(pack: Pack) -> Iterator[OnProgress]:
    """A bar a file on stderr, where it is a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console(stderr=True)) as bars:
        yield _bars(bars.add_task, lambda task, done, total: bars.update(task, completed=done, total=total), pack)


def _bars(add: Callable[..., object], update: Callable[..., None], pack: Pack) -> OnProgress:
    tasks: dict[str, object] = {}

    def on_progress(name: str, done: int, total: int) -> None:
        if name not in tasks:
            tasks[name] = add(f"{pack.name}/{name}", total=total)
        update(tasks[name], done, max(done, total))

    return on_progress
