"""A recording: its waveform, the segments it was cut into, and what is said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.plots.svg import FAINT, PALETTE, Drawing, fitting, wrapped
from soundbite_server.plots.time_axis import TimeAxis
from soundbite_tools.text import clock_length, clock_range, count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_tools.read.contents import Contents, Segment

WIDTH = 1100
LEVELS = 900
SPEECH, SOUND = PALETTE[0], PALETTE[1]
MARGIN = 40
_WAVE_TOP, _WAVE_HEIGHT, _LANE_HEIGHT = 64, 120, 9
_TEXT_SIZE, _LINE = 12, 17
_TIMES_WIDTH = 105
_LONGEST_SAID = 60


def draw_recording(contents: Contents) -> str:
    """Return a picture of a recording as SVG."""
    lines = _said(contents.segments)
    wave_bottom = _WAVE_TOP + _WAVE_HEIGHT
    text_top = wave_bottom + 2 * _LANE_HEIGHT + 52
    paper = Drawing(WIDTH, text_top + _LINE * len(lines) + 12, contents.asset.title)
    axis = TimeAxis(MARGIN, WIDTH - 2 * MARGIN, max(contents.duration_sec, 0.1))
    draw_heading(
        paper,
        contents.asset.title,
        f"{clock_length(contents.duration_sec)}, {count_of(len(contents.segments), 'segment')}",
    )
    axis.draw_levels(paper, contents.levels, _WAVE_TOP, _WAVE_HEIGHT)
    draw_segments(paper, axis, contents.segments, wave_bottom + 4)
    axis.draw_labels(paper, wave_bottom + 2 * _LANE_HEIGHT + 8)
    for number, (times, words, colour) in enumerate(lines):
        y = text_top + _LINE * number
        paper.text(MARGIN, y, times, size=_TEXT_SIZE, colour=colour)
        paper.text(MARGIN + _TIMES_WIDTH, y, words, size=_TEXT_SIZE)
    return paper.to_svg()


def draw_heading(paper: Drawing, title: str, said: str) -> None:
    """Write what the picture shows, and the key to the colours of its segments."""
    paper.text(MARGIN, 30, fitting(title, paper.width - 2 * MARGIN, 18), size=18, bold=True)
    paper.text(MARGIN, 48, said, size=11, colour=FAINT)
    for place, (name, colour) in enumerate((("speech", SPEECH), ("other sound", SOUND))):
        x = paper.width - MARGIN - 150 + 65 * place
        paper.rectangle(x, 40, 10, 8, colour)
        paper.text(x + 14, 48, name, size=11, colour=FAINT)


def draw_segments(paper: Drawing, axis: TimeAxis, segments: Sequence[Segment], top: float) -> None:
    """Draw a bar a segment, in two lanes, because neighbours may overlap."""
    for number, each in enumerate(segments):
        x = axis.x(each.start_sec)
        y = top + number % 2 * _LANE_HEIGHT
        colour = SPEECH if each.words else SOUND
        paper.rectangle(x, y, axis.x(each.end_sec) - x - 1, _LANE_HEIGHT - 2, colour)


def _said(segments: Sequence[Segment]) -> list[tuple[str, str, str]]:
    spoken = [each for each in segments if each.words or each.sounds]
    lines: list[tuple[str, str, str]] = []
    for each in spoken[:_LONGEST_SAID]:
        text = " ".join(filter(None, (each.words, f"({each.sounds})" if each.sounds else "")))
        times = clock_range(each.start_sec, each.end_sec)
        for at, line in enumerate(wrapped(text, WIDTH - 2 * MARGIN - _TIMES_WIDTH, _TEXT_SIZE)):
            lines.append((times if at == 0 else "", line, SPEECH if each.words else SOUND))
    if len(spoken) > _LONGEST_SAID:
        lines.append(("", f"and {len(spoken) - _LONGEST_SAID} more segments with words", FAINT))
    return lines
