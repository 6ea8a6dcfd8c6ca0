"""A recording along its time, in characters: how loud it is, where it is cut, what is said and heard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from soundbite_server.cli.render.lines import hanging, print_hanging
from soundbite_tools import SILENCE, clock, clock_length, clock_range, clock_ranges, round_step_sec, source_label

if TYPE_CHECKING:
    from rich.console import Console

    from soundbite_store import StoredClip
    from soundbite_tools import Contents

_BARS = " ▁▂▃▄▅▆▇█"
_SPEECH, _SOUND, _SILENT = "cyan", "magenta", "dim"
# Lines that can be told apart without their colours.
_LINES = {"speech": "━", "other sound": "─", SILENCE: "┈"}
_BEGINNINGS = {"speech": ("╺", _SPEECH), "other sound": ("╶", _SOUND), SILENCE: (" ", _SILENT)}
_TICK_CELLS = 12
_SILENT_PEAK = 1


def print_recording(out: Console, contents: Contents) -> None:
    """Print a recording: what it is, its time line, its segments."""
    asset, length_sec = contents.asset, contents.duration_sec
    tags = f"  [{', '.join(asset.tags)}]" if asset.tags else ""
    out.print(
        Text.assemble((asset.title, "bold"), f"  {clock_length(length_sec)}", (f"{tags}  {asset.asset_id}", "dim"))
    )
    out.print(Text(source_label(asset), "dim"), soft_wrap=True)
    for note in contents.notes:
        print_hanging(out, Text(note, "dim"))
    if not contents.clips:
        out.print("Nothing of it is embedded; `soundbite tasks` says what became of it.")
        return
    out.print()
    if contents.levels:
        out.print(loudness(contents.levels.peaks), soft_wrap=True)
    else:
        out.print(Text("(the file changed or is gone, so its loudness is not shown)", "dim"))
    out.print(segment_bar(contents, out.width), soft_wrap=True)
    out.print(Text(ruler(length_sec, out.width), "dim"), soft_wrap=True)
    out.print()
    _print_segments(out, contents)
    styles = {"speech": _SPEECH, "other sound": _SOUND, SILENCE: _SILENT}
    there = {_kind(segment, contents) for segment in contents.clips} | ({SILENCE} if asset.erased else set())
    legend = (Text.assemble((_LINES[kind], style), f" {kind}") for kind, style in styles.items() if kind in there)
    out.print(Text("   ").join(legend))


def loudness(peaks: bytes) -> Text:
    """Return one character a peak; the loudest reaches the top, and quiet sound still shows."""
    loudest = max(peaks, default=0) or 1
    # Ears hear ratios: the root lets a quiet voice be seen beside a loud one.
    heights = [round((peak / loudest) ** 0.7 * (len(_BARS) - 1)) for peak in peaks]
    return Text("".join(_BARS[height] for height in heights), "green")


def segment_bar(contents: Contents, width: int) -> Text:
    """Return one line with a bar a segment; the first cell of each is cut, so that neighbours can be told apart."""
    cells, length_sec = [(" ", "")] * width, contents.duration_sec
    for segment in contents.clips:
        first = min(int(segment.start_sec / length_sec * width), width - 1)
        last = max(first + 1, min(int(segment.end_sec / length_sec * width), width))
        kind = _kind(segment, contents)
        line, (begin, style) = _LINES[kind], _BEGINNINGS[kind]
        cells[first:last] = [(begin if last - first > 1 else line, style), *[(line, style)] * (last - first - 1)]
    for start_sec, end_sec in contents.asset.erased:
        first, last = (min(round(second / length_sec * width), width) for second in (start_sec, end_sec))
        cells[first:last] = [(_LINES[SILENCE], _SILENT)] * (last - first)
    return Text.assemble(*cells)


def ruler(length_sec: float, width: int) -> str:
    """Return the times below the line, at round seconds."""
    step = round_step_sec(length_sec / max(1, width // _TICK_CELLS))
    line = [" "] * width
    for second in range(0, int(length_sec) + 1, step):
        label = clock(second)
        at = int(second / length_sec * width)
        if at + len(label) <= width:
            line[at : at + len(label)] = label
    return "".join(line).rstrip()


def as_document(contents: Contents) -> dict[str, Any]:
    """Return the recording for a program."""
    asset = contents.asset
    return {
        "asset_id": asset.asset_id,
        "title": asset.title,
        "source": source_label(asset),
        "tags": list(asset.tags),
        "audio_seconds": round(contents.duration_sec, 2),
        "space": contents.space.id if contents.space else "",
        "notes": list(contents.notes),
        "erased": [{"start_sec": start_sec, "end_sec": end_sec} for start_sec, end_sec in asset.erased],
        "segments": [
            {
                "clip_id": segment.clip_id,
                "start_sec": round(segment.start_sec, 2),
                "end_sec": round(segment.end_sec, 2),
                "time_range": clock_range(segment.start_sec, segment.end_sec),
                "text": segment.transcript,
                "speaker": contents.labels.of_clip(segment),
                "sounds": segment.sound_words,
            }
            for segment in contents.clips
        ],
    }


def _segments(contents: Contents) -> list[tuple[Text, Text]]:
    """When each run of segments is, and what is said and heard there."""
    rows = []
    runs = _runs(contents)
    times = clock_ranges([(run[0].start_sec, run[-1].end_sec) for run in runs], contents.duration_sec)
    for run, time_range in zip(runs, times, strict=True):
        segment = run[0]
        kind = _kind(segment, contents)
        is_named = segment.sound_words and kind != SILENCE
        words = Text(segment.transcript) if segment.transcript or is_named else Text(f"({kind})", "dim")
        if segment.transcript and (speaker := contents.labels.of_clip(segment)):
            words = Text.assemble((f"{speaker}: ", "bold"), words)
        if is_named:
            words = Text.assemble(words, " " if segment.transcript else "", (f"({segment.sound_words})", _SOUND))
        if len(run) > 1:
            words = Text.assemble(words, (f" {len(run)} segments", "dim"))
        rows.append((Text(time_range, _SPEECH if segment.transcript else _SOUND), words))
    return rows


def _print_segments(out: Console, contents: Contents) -> None:
    # Not a table of rich's, which measures each cell several times: four hours take it as long as all the rest.
    rows = _segments(contents)
    indent = max(times.cell_len for times, _ in rows) + 2
    lines = [Text.assemble(times, " " * (indent - times.cell_len), words) for times, words in rows]
    out.print(Text("\n").join(part for line in lines for part in hanging(out, line, indent)), soft_wrap=True)


def _runs(contents: Contents) -> list[list[StoredClip]]:
    """The segments in time order; those of the same sound, or of silence, that follow each other are one run."""
    runs: list[list[StoredClip]] = []
    before = None
    for segment in contents.clips:
        kind = _kind(segment, contents)
        alike = None if segment.transcript else (kind, segment.sound_words if kind != SILENCE else "")
        if alike is not None and alike == before:
            runs[-1].append(segment)
        else:
            runs.append([segment])
        before = alike
    return runs


def _kind(segment: StoredClip, contents: Contents) -> str:
    if segment.transcript:
        return "speech"
    return SILENCE if segment.sound_words == SILENCE or _is_silent(segment, contents) else "other sound"


def _is_silent(segment: StoredClip, contents: Contents) -> bool:
    """Whether there is nothing to be heard in a segment, as far as its loudness is known."""
    if contents.levels is None or not contents.levels.duration_sec:
        return False
    peaks, length_sec = contents.levels.peaks, contents.levels.duration_sec
    # Only parts that lie in the segment wholly: its neighbours may be loud.
    first = math.ceil(segment.start_sec / length_sec * len(peaks))
    last = math.floor(min(segment.end_sec, length_sec) / length_sec * len(peaks))
    return first < last and max(peaks[first:last]) <= _SILENT_PEAK
