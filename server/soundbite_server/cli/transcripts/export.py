"""soundbite export and chapters: the library as one Parquet file, what is said in it as files, and its topics."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundbite_server.cli.library import console, json_option, personal_library, print_json, run_async
from soundbite_server.cli.options import RECORDING
from soundbite_server.cli.records import print_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import Asset, StoredTranscript
    from soundbite_tools import Library

_HEAD_BYTES = 16 * 1024
_OWNERS_FILE = ".soundbite-export.json"
_STDOUT = Path("-")
_TRANSCRIPT_FORMATS = ("vtt", "srt", "md", "json", "txt")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", *_TRANSCRIPT_FORMATS]),
    help="Other than parquet: transcripts, a file a recording, into the folder FILE; by default what FILE ends with.",
)
@click.option(
    "--asset", "recording", type=RECORDING, metavar="ID|TITLE", help="Only the transcript of this recording, into FILE."
)
@json_option
@run_async
async def export_command(file: Path, file_format: str | None, recording: str | None, as_json: bool) -> None:
    """Write the library to one Parquet file: recordings, clips, vectors, transcripts.

    Or transcripts alone: of all recordings into a folder, or of one into a FILE; - is standard output.
    """

    from soundbite_store import export_library

    file_format = _format_of(file, file_format, recording)
    is_transcript = file_format in _TRANSCRIPT_FORMATS
    if file == _STDOUT and as_json:
        raise click.UsageError("- writes the transcript itself to standard output: leave out --json.")
    async with personal_library() as library:
        if file == _STDOUT:
            click.echo(await _single_text(library, file_format, recording), nl=False)
            return
        await _check_target(library, file, file_format)
        if is_transcript:
            if recording:
                await _check_owner(library, file, file_format, recording)
            written, notes = await _write_transcripts(library, file, file_format, recording)
            if as_json:
                print_json({"files": written, **({"notes": notes} if notes else {})})
            else:
                console().print("\n".join([*written, *notes]), markup=False)
            return
        done = await export_library(await library.store(), await library.ledger(), file)
    print_counts(done, "written", as_json=as_json)


def _format_of(file: Path, named: str | None, recording: str | None) -> str:
    """Return the format to write: the one that is named, or the ending of the file.

    Raises:
        UsageError: there is none, or it does not go with the rest.
    """
    formats = ", ".join(("parquet", *_TRANSCRIPT_FORMATS))
    file_format = named or file.suffix.lower().removeprefix(".")
    if not file_format:
        raise click.UsageError(f"{file} has no ending: name its --format ({formats}).")
    if file_format not in ("parquet", *_TRANSCRIPT_FORMATS):
        raise click.UsageError(f"{file.name} ends with no format that is written ({formats}): name one as --format.")
    if recording and file_format == "parquet":
        raise click.UsageError("--asset takes the transcript of a recording: name its --format too.")
    if file == _STDOUT and not recording:
        raise click.UsageError("What goes to standard output is one transcript: name its recording (--asset).")
    is_one_file = not named or (file.suffix.lower() == f".{named}" and not file.is_dir())
    if file_format != "parquet" and is_one_file and not recording:
        raise click.UsageError(
            f"{file.name} would hold one transcript: name its recording (--asset), or a folder and the --format."
        )
    return file_format


async def _check_target(library: Library, file: Path, file_format: Any) -> None:
    """Refuse to write over a file that no export wrote, whatever it is called."""
    import anyio

    from soundbite_tools import file_label

    path = await anyio.to_thread.run_sync(file.resolve)
    if not await anyio.Path(path).is_file():
        return
    ledger = await library.ledger()
    name = file_label(file.name)
    if await ledger.assets_of_source(str(path)):
        raise click.UsageError(f"{name} is a recording of the library: name another file.")
    brought = await ledger.brought_digests()
    if not await anyio.to_thread.run_sync(_is_written_by_export, path, file_format, brought):
        raise click.UsageError(f"{name} is there and is no export: name another file.")


async def _check_owner(library: Library, file: Path, file_format: Any, recording: str) -> None:
    """Refuse to write over the transcript of another recording, as far as the file says whose it is."""
    import anyio

    from soundbite_tools import file_label, recording_named, recording_of_file

    if not await anyio.Path(file).is_file():
        return
    owner = recording_of_file(await anyio.to_thread.run_sync(_head_of, file), file_format)
    ledger = await library.ledger()
    if owner and owner != (await recording_named(ledger, recording)).asset.asset_id:
        other = await ledger.get_asset(owner)
        title = f"{other.title} ({owner})" if other else f"a recording that is not in the library ({owner})"
        raise click.UsageError(f"{file_label(file.name)} is the transcript of {title}: name another file.")


def _head_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).decode(errors="replace")


def _is_written_by_export(path: Path, file_format: Any, brought: set[str]) -> bool:
    from soundbite_store import is_export
    from soundbite_tools import ToolProblem, is_transcript_file, parsed_transcript, read_transcript_file

    if file_format == "parquet":
        return not path.stat().st_size or is_export(path)
    head = _head_of(path)
    if head and not is_transcript_file(head, file_format):
        return False
    try:
        # One that was brought may look the same, and is somebody's work.
        return parsed_transcript(read_transcript_file(path), path.name).digest not in brought
    except ToolProblem:
        return True  # without words, or larger than any that is brought


async def _single_text(library: Library, file_format: Any, recording: str | None) -> str:
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import transcript_of_recording

    asset = await find_recording(await library.ledger(), recording or "")
    transcript = await transcript_of_recording(library, asset.asset_id)
    if transcript is None:
        raise _no_transcript(asset)
    return await _transcript_text(library, asset, transcript, file_format)


def _no_transcript(asset: Asset) -> click.UsageError:
    return click.UsageError(f"{asset.title} has no transcript: nothing is said in it, or it is not ready yet.")


async def _write_transcripts(
    library: Library, target: Path, file_format: Any, recording: str | None
) -> tuple[list[str], list[str]]:
    """Write transcripts: one to `target`, or those of all recordings into the folder `target`.

    Returns the files, and a sentence for each in which nothing is said.
    """
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import transcript_of_recording

    ledger = await library.ledger()
    assets = [await find_recording(ledger, recording)] if recording else await ledger.list_assets(1_000_000)
    written, notes = list[str](), list[str]()
    folder = None if recording else _Folder(target, file_format, assets)
    try:
        for asset in assets:
            transcript = await transcript_of_recording(library, asset.asset_id)
            if transcript is None:
                continue
            path = folder.path_of(asset) if folder else target
            text = await _transcript_text(library, asset, transcript, file_format)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_whole(path, text)
                if folder:
                    folder.keep(asset, path)
            except OSError as exc:
                raise click.UsageError(f"{path} cannot be written: {exc.strerror}.") from exc
            written.append(str(path))
            if not (transcript.sentences or transcript.words):
                notes.append(f"Nothing is said in {asset.title}: {path.name} has no words.")
    finally:
        if folder:
            folder.save()
    if recording and not written:
        raise _no_transcript(assets[0])
    return written, notes


class _Folder:
    """A folder of transcripts, which remembers whose each file is: a title alone is a name that others may have."""

    def __init__(self, folder: Path, file_format: Any, assets: Sequence[Asset]) -> None:
        from soundbite_tools import transcript_file_name

        self._folder, self._format = folder, file_format
        self._short = {asset.asset_id: transcript_file_name(asset, file_format, has_id=False) for asset in assets}
        # Some file systems take names for one that differ in case alone.
        self._counts = Counter(name.casefold() for name in self._short.values())
        self._owners = _owners_of(folder / _OWNERS_FILE)
        self._names = defaultdict[str, list[str]](list)
        for name, owner in self._owners.items():
            self._names[owner].append(name)
        # What lies beside a recording under its name is taken for a transcript that somebody brought.
        whole = str(folder.resolve())
        self._has_recordings = any(os.path.dirname(one.source_uri) == whole for one in assets)  # noqa: PTH120 - not all are paths

    def path_of(self, asset: Asset) -> Path:
        """Return where to write: under the title, with the id where that name is another's, or recordings lie there."""
        from soundbite_tools import transcript_file_name

        name = self._short[asset.asset_id]
        path = self._folder / name
        is_free = self._owners.get(name) == asset.asset_id or not os.path.lexists(path)
        if is_free and self._counts[name.casefold()] == 1 and not self._has_recordings:
            return path
        return self._folder / transcript_file_name(asset, self._format)

    def keep(self, asset: Asset, path: Path) -> None:
        """Note whose file this is, and take away the one of a title that the recording had before."""
        names = {name for name in self._names.pop(asset.asset_id, ()) if name.endswith(f".{self._format}")}
        for other in {*map(self._folder.joinpath, names), *self._folder.glob(f"*-{asset.asset_id}.{self._format}")}:
            if other != path:
                other.unlink(missing_ok=True)
                self._owners.pop(other.name, None)
        self._owners[path.name] = asset.asset_id

    def save(self) -> None:
        """Write down whose files there are, for the next export."""
        path = self._folder / _OWNERS_FILE
        try:
            if self._owners:
                _write_whole(path, json.dumps(self._owners, indent=1, ensure_ascii=False))
        except OSError as exc:
            raise click.UsageError(f"{path} cannot be written: {exc.strerror}.") from exc


def _owners_of(path: Path) -> dict[str, str]:
    """The ids of recordings by the name of their file, as an earlier export wrote them; a name is one in the folder."""
    try:
        owners = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = owners.items() if isinstance(owners, dict) else ()
    return {name: owner for name, owner in pairs if isinstance(owner, str) and Path(name).name == name}


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or as it was before; what is no file (a pipe) is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


async def _transcript_text(library: Library, asset: Asset, transcript: StoredTranscript, file_format: Any) -> str:
    from soundbite_tools import chapters_of, transcript_file

    chapters = await chapters_of(library, asset, transcript) if file_format in ("md", "json") else ()
    return transcript_file(asset, transcript, file_format, chapters)


@click.command("chapters")
@click.argument("recording", type=RECORDING)
@json_option
@run_async
async def chapters_command(recording: str, as_json: bool) -> None:
    """Show what a RECORDING, named by its id or a part of its title, is about: its chapters with times and words."""
    from soundbite_server.cli.library import find_recording
    from soundbite_tools import chapters_of, clock_ranges, transcript_of_recording

    async with personal_library() as library:
        asset = await find_recording(await library.ledger(), recording)
        transcript = await transcript_of_recording(library, asset.asset_id)
        chapters = await chapters_of(library, asset, transcript)
    if as_json:
        print_json([asdict(chapter) for chapter in chapters])
        return
    if not chapters:
        click.echo(f"{asset.title} has no clips yet: `soundbite tasks` says how it stands.")
        return
    out = console()
    times = clock_ranges([(chapter.start_sec, chapter.end_sec) for chapter in chapters], asset.duration_sec)
    for chapter, time_range in zip(chapters, times, strict=True):
        out.print(f"{time_range}  {chapter.title}", markup=False, style="bold")
        if chapter.sentence:
            out.print(f"    {chapter.sentence}", markup=False)
