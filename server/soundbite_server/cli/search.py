"""soundbite search"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundbite_server.cli.failures import FAILED_EXIT_CODE
from soundbite_server.cli.library import json_option, personal_library, print_json, run_async
from soundbite_server.cli.options import RequestCommand, request_of

if TYPE_CHECKING:
    from soundbite_store import Ledger
    from soundbite_tools import Library, SearchResult


_EMPTY = "The library is empty. `soundbite add FILE` adds a recording."


# --top-k is what the tool's argument is called.
@click.command(
    "search",
    cls=RequestCommand,
    request="SearchRequest",
    context_settings={"token_normalize_func": lambda name: "top" if name == "top-k" else name},
)
@click.argument("words", nargs=-1)
@click.option("--play", "is_played", is_flag=True, help="Play the best clip.")
@click.option(
    "--clip", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the clips' sound there."
)
@click.option(
    "--format", "sound_format", type=click.Choice(["mp3", "wav", "flac", "opus"]), default="mp3", help="Of --clip."
)
@json_option
@run_async
async def search_command(
    words: tuple[str, ...],
    asked: dict[str, Any],
    is_played: bool,
    folder: Path | None,
    sound_format: str,
    as_json: bool,
) -> None:
    """Find the seconds of sound that answer WORDS, what was said or heard."""
    from soundbite_server.cli.render.hits import print_hits
    from soundbite_tools import EmptyLibrary, SearchRequest, SearchResult, search_clips

    example = _example_file(asked["like"])
    request = request_of(SearchRequest, **asked, query=" ".join(words))
    async with personal_library(example) as library:
        ledger = await library.ledger()
        try:
            result = await search_clips(
                library,
                request.model_copy(
                    update={
                        "like": request.like if example else await _example(ledger, request.like),
                        "asset_ids": await _asset_ids(ledger, request.asset_ids),
                        "exclude_asset_ids": await _asset_ids(ledger, request.exclude_asset_ids),
                    }
                ),
            )
        except EmptyLibrary:  # nothing is in it, so that nothing is the answer
            result = SearchResult(clips=[], query=request.query, like=request.like, notes=[_EMPTY])
        written = await _write(library, result, folder, sound_format) if folder else []
        if as_json:
            print_json({**result.model_dump(mode="json"), **({"files": written} if folder else {})})
        elif _EMPTY in result.notes:
            click.echo(_EMPTY)
        else:
            print_hits(result, " ".join(words), written)
        if is_played and result.clips:
            await _play(library, result)
        if (is_played and not result.clips) or (folder and not any(written)):
            click.echo("soundbite: There was no clip to play or to write.", err=True)
            sys.exit(FAILED_EXIT_CODE)


async def _asset_ids(ledger: Ledger, names: tuple[str, ...]) -> tuple[str, ...]:
    from soundbite_server.cli.library import find_recording

    return tuple([(await find_recording(ledger, words)).asset_id for words in names])


def _example_file(like: str) -> tuple[Path, ...]:
    # The person at the keyboard may name any file as an example, as with `soundbite add`.
    return (Path(like),) if like and Path(like).is_file() else ()


async def _example(ledger: Ledger, like: str) -> str:
    """What to compare with: an address and an id stay, other words name a recording."""
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import UnknownId, has_id_form

    if not like or has_id_form(like) or "://" in like:
        return like
    try:
        return (await find_recording(ledger, like)).asset_id
    except UnknownId as exc:
        if Path(like).suffix:
            raise click.UsageError(f"There is no file {like}, and no recording is called that.") from exc
        raise


async def _write(library: Library, result: SearchResult, folder: Path, sound_format: str) -> list[str]:
    from soundbite_server.cli.render.hits import write_clips

    return await write_clips(library, result, folder, sound_format)  # type: ignore[arg-type] # one of the choices


async def _play(library: Library, result: SearchResult) -> None:
    import anyio.to_thread

    from soundbite_server.players import NoPlayer, play
    from soundbite_tools import ClipRequest, get_clip

    best = result.clips[0]
    clip = await get_clip(
        library,
        ClipRequest(asset_id=best.asset_id, start_sec=best.start_sec, end_sec=best.end_sec, audio_format="wav"),
    )
    try:
        if not clip.detail.path:
            raise NoPlayer(" ".join(clip.detail.notes))
        await anyio.to_thread.run_sync(play, Path(clip.detail.path))
    except NoPlayer as exc:
        click.echo(f"soundbite: {exc}", err=True)
        sys.exit(FAILED_EXIT_CODE)
