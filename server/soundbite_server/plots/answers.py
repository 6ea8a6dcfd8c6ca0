"""How well a recording answers a question, along its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_server.plots.recording import MARGIN, SOUND, SPEECH, WIDTH, draw_heading, draw_segments
from soundbite_server.plots.svg import FAINT, Drawing, fitting
from soundbite_server.plots.time_axis import TimeAxis
from soundbite_tools.text import clock_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_tools.read.contents import Contents
    from soundbite_tools.results import ClipResult

_WAVE_TOP, _WAVE_HEIGHT = 64, 80
_STRIP_TOP, _STRIP_HEIGHT = 196, 130
_BEST = 5
_LINE = 18


def draw_answers(contents: Contents, question: str, clips: Sequence[ClipResult]) -> str:
    """Return a picture of the scores over the time of a recording, with the best answers in words, as SVG."""
    best = list(clips[:_BEST])
    text_top = _STRIP_TOP + _STRIP_HEIGHT + 46
    paper = Drawing(WIDTH, text_top + _LINE * max(1, len(best)) + 8, f"{question} in {contents.asset.title}")
    axis = TimeAxis(MARGIN, WIDTH - 2 * MARGIN, max(contents.duration_sec, 0.1))
    draw_heading(paper, f"“{question}”", f"in {contents.asset.title}, {clock_length(contents.duration_sec)}")
    axis.draw_levels(paper, contents.levels, _WAVE_TOP, _WAVE_HEIGHT)
    draw_segments(paper, axis, contents.segments, _WAVE_TOP + _WAVE_HEIGHT + 4)
    _draw_scale(paper)
    for number, clip in enumerate(clips):
        _draw_bar(paper, axis, clip, number)
    axis.draw_labels(paper, _STRIP_TOP + _STRIP_HEIGHT)
    for number, clip in enumerate(best):
        _write_answer(paper, clip, number, text_top + _LINE * number)
    if not best:
        paper.text(MARGIN, text_top, "Nothing in it answers this.", size=12, colour=FAINT)
    return paper.to_svg()


def _write_answer(paper: Drawing, clip: ClipResult, number: int, y: float) -> None:
    said = clip.text or (f"({clip.sounds})" if clip.sounds else "(sound)")
    for x, text in ((0, f"{number + 1}."), (22, clip.time_range), (125, f"{clip.score:.2f}")):
        paper.text(MARGIN + x, y, text, size=12, colour=SOUND if clip.matched == "sound" else SPEECH)
    paper.text(MARGIN + 170, y, fitting(said, WIDTH - 2 * MARGIN - 170, 12), size=12)


def _draw_scale(paper: Drawing) -> None:
    for score in (0.0, 0.5, 1.0):
        y = _y(score)
        paper.line(MARGIN, y, paper.width - MARGIN, y, colour="#e4e7eb")
        paper.text(MARGIN - 6, y + 4, f"{score:g}", size=10, colour=FAINT, anchor="end")


def _draw_bar(paper: Drawing, axis: TimeAxis, clip: ClipResult, number: int) -> None:
    x, y = axis.x(clip.start_sec), _y(clip.score)
    width = axis.x(clip.end_sec) - x
    colour = SOUND if clip.matched == "sound" else SPEECH
    paper.rectangle(x, y, width, _y(0.0) - y, colour, opacity=0.85)
    if number < _BEST:
        paper.text(x + width / 2, y - 4, str(number + 1), size=10, colour=colour, anchor="middle")


def _y(score: float) -> float:
    return _STRIP_TOP + _STRIP_HEIGHT * (1.0 - min(max(score, 0.0), 1.0))
