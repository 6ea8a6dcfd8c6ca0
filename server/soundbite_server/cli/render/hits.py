"""What a search found, for a person: the words that matched stand out, and the sound can be kept or played."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import click
from rich.padding import Padding
from rich.text import Text

from soundbite_server.cli.library import console
from soundbite_tools import ClipRequest, distinct_terms, get_clip, terms_of, who_before, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from soundbite_tools import ClipResult, Library, SearchResult, SoundFormat


_GOOD, _FAIR = 0.6, 0.35
_LEAST_LETTERS = 3
_WORD = re.compile(r"\S+")
_UNSAFE = re.compile(r"[^\w .-]+")
_LONGEST_NAME = 60
_BELOW = "   "


def print_hits(result: SearchResult, question: str, files: Sequence[str]) -> None:
    """Print the clips, best first, each with where it was written to."""
    out = console()
    asked = {term for term in distinct_terms(question) if len(term) >= _LEAST_LETTERS}
    for number, clip in enumerate(result.clips):
        out.print(_heading(number + 1, clip), soft_wrap=True)
        if clip.text:
            who = who_before(clip.speaker, clip.text)
            speaker = (f"{who}: ", "bold") if who else ""
            _print_below(out, Text.assemble(speaker, _marked(clip.text, asked)))
        if clip.unsure:
            _print_below(out, Text(f"unsure: {', '.join(clip.unsure)}", "dim"))
        if clip.context:
            _print_below(out, Text(f"Around it: {clip.context}", "dim"))
        if clip.sounds:
            _print_below(out, Text(f"({clip.sounds})", "magenta"))
        if number < len(files) and files[number]:
            out.print(Text(f"{_BELOW}{files[number]}", "dim"), soft_wrap=True)
    for note in result.notes:
        out.print(Text(note, "dim"))
    if not result.clips:
        out.print("Try other words; `soundbite list` shows what there is." if result.notes else "Nothing more.")


async def write_clips(library: Library, result: SearchResult, folder: Path, sound_format: SoundFormat) -> list[str]:
    """Write the sound of each clip into a folder and return the paths; empty where there is no sound to cut."""
    written = []
    for number, clip in enumerate(result.clips, 1):
        cut = await get_clip(
            library,
            ClipRequest(
                asset_id=clip.asset_id, start_sec=clip.start_sec, end_sec=clip.end_sec, audio_format=sound_format
            ),
        )
        path = (folder / _file_name(number, clip, sound_format)).absolute()
        if cut.sound:
            await anyio.to_thread.run_sync(write_whole, path, cut.sound)
        else:
            click.echo(f"soundbite: {clip.title} {clip.time_range}: {' '.join(cut.detail.notes)}", err=True)
        written.append(str(path) if cut.sound else "")
    return written


def _print_below(out: Console, text: Text) -> None:
    # Wrapped in a window, one line in a pipe.
    out.print(Padding(text, (0, 0, 0, len(_BELOW))) if out.is_terminal else Text.assemble(_BELOW, text))


def _heading(number: int, clip: ClipResult) -> Text:
    colour = "green" if clip.score >= _GOOD else "yellow" if clip.score >= _FAIR else "red"
    return Text.assemble(
        (f"{number}. ", "dim"),
        (clip.title, "bold"),
        (f" ({clip.origin})" if clip.origin else "", ""),
        ("  ", ""),
        (clip.time_range, "cyan"),
        ("  ", ""),
        (f"{clip.score:.2f}", colour),
        ("  weak" if clip.is_weak else "", "red"),
        (f"  {clip.matched}" if clip.matched else "", "dim"),
        (f"  {clip.clip_id}", "dim"),
    )


def _marked(text: str, asked: set[str]) -> Text:
    marked = Text(text)
    for word in _WORD.finditer(text):
        if not asked.isdisjoint(terms_of(word.group())):
            marked.stylize("bold yellow", word.start(), word.end())
    return marked


def _file_name(number: int, clip: ClipResult, sound_format: str) -> str:
    times = clip.time_range.replace(":", ".")
    title = _UNSAFE.sub("_", clip.title).strip(" .")[:_LONGEST_NAME] or clip.asset_id
    return f"{number:02} {title} {times}.{sound_format}"
