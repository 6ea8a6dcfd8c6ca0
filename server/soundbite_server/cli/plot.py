"""soundbite plot: pictures of a recording, of its answers, and of the library."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.cli.library import personal_library, run_async
from soundbite_server.cli.options import RECORDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundbite_server.plots.pictures import Picture
    from soundbite_store import Asset
    from soundbite_tools import Contents, Library

_MOST_CLIPS = 50
_NO_RENDERER = 'Pictures are drawn by the extra `plot`: pip install "soundbite[plot]".'
GROUPINGS = ("tag", "recording", "cluster")
Command = TypeVar("Command", bound="Callable[..., object]")


def out_option(default: str) -> Callable[[Command], Command]:
    """Return the option that says where the picture goes; only a file that is named there is replaced."""
    return click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        default=default,
        show_default=True,
        callback=_checked,
        help="The file to write: .svg, or .png; without it another name is taken where the file is there already.",
    )


def _checked(context: click.Context, option: click.Parameter, path: Path) -> Path:
    if path.suffix.lower() not in (".svg", ".png"):
        raise click.BadParameter(f"{path.name}: pictures are written as .svg or .png.", context, option)
    if any(importlib.util.find_spec(name) is None for name in ("matplotlib", "sklearn")):
        click.echo(f"soundbite: {_NO_RENDERER}", err=True)
        context.exit(FAILED_EXIT_CODE)
    is_named = context.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT
    return path if is_named else _free(path)


def _free(path: Path) -> Path:
    more = (path.with_stem(f"{path.stem}-{count}") for count in itertools.count(2))
    return next(name for name in itertools.chain([path], more) if not name.exists())


@click.group("plot")
def plot_command() -> None:
    """Draw a recording, how it answers a question, or the whole library, as SVG or PNG.

    Needs the optional dependency: pip install "soundbite[plot]".
    """


async def _contents(library: Library, asset: Asset, level_count: int) -> Contents:
    from soundbite_tools import QuestionProblem, contents_of

    contents = await contents_of(library, asset, level_count=level_count)
    if not contents.clips:
        raise QuestionProblem(
            f"Nothing of {asset.title} is embedded, so there is nothing to draw.",
            "`soundbite tasks` says what became of it.",
            code="asset_unready",
        )
    return contents


@plot_command.command("recording")
@click.argument("recording", type=RECORDING)
@out_option("recording.svg")
@run_async
async def recording(recording: str, out: Path) -> None:
    """Draw a RECORDING: its waveform, its segments, what is said in them."""
    from soundbite_server.cli.library import find_recording
    from soundbite_server.plots.recording import LEVELS, draw_recording

    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        picture = draw_recording(await _contents(library, asset, LEVELS))
    write(picture, out)


@plot_command.command("answers")
@click.argument("recording", type=RECORDING)
@click.argument("words", nargs=-1, required=True)
@out_option("answers.svg")
@run_async
async def answers(recording: str, words: tuple[str, ...], out: Path) -> None:
    """Draw how well a RECORDING answers WORDS along its time."""
    from soundbite_server.cli.library import find_recording
    from soundbite_server.plots.recording import LEVELS, draw_answers
    from soundbite_tools import SearchRequest, search_clips

    question = " ".join(words)
    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        contents = await _contents(library, asset, LEVELS)
        result = await search_clips(
            library, SearchRequest(query=question, asset_ids=(asset.asset_id,), top_k=_MOST_CLIPS)
        )
    write(draw_answers(contents, question, result.clips), out)


@plot_command.command("map")
@click.option(
    "--by",
    type=click.Choice(GROUPINGS),
    default="tag",
    show_default=True,
    help="What colours say.",
)
@click.option("--tag", "tags", multiple=True, help="Only recordings with this tag; may be repeated.")
@out_option("map.svg")
@run_async
async def library_map(by: str, tags: tuple[str, ...], out: Path) -> None:
    """Draw the clips of the library on a map: near each other where they sound or mean alike."""
    from soundbite_server.plots.library_map import MOST_POINTS, draw_map, mapped
    from soundbite_tools import clip_points, count_of

    async with personal_library() as library:
        points = await clip_points(library, MOST_POINTS, tags=tags)
    about = f"{count_of(len(points.clips), 'clip')}, coloured by {by}; near each other where they sound or mean alike"
    left_out = f"; {points.left_out} more are left out" if points.left_out else ""
    write(draw_map(mapped(points, by), "The library", about + left_out), out)


def write(picture: Picture, path: Path) -> None:
    """Write a picture to a file of the kind its name asks for, and say so."""
    try:
        content = picture.to_png() if path.suffix.lower() == ".png" else picture.to_svg().encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as exc:
        raise click.UsageError(f"{path} can't be written: {exc.strerror or exc}.") from exc
    click.echo(str(path))
