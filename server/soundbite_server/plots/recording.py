"""A recording along its time: its waveform, its segments, what is said in them, and how well it answers a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from soundbite_server.plots.pictures import (
    FAINT,
    GRID,
    SOUND,
    SPEECH,
    Picture,
    draw_clock,
    draw_levels,
    fitting,
    time_panel,
    wrapped,
)
from soundbite_tools import SILENCE, clock_length, clock_range, count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from soundbite_store import StoredClip
    from soundbite_tools import ClipResult, Contents

LEVELS = 900
_WIDTH, _MARGIN = 1100, 44
_INNER = _WIDTH - 2 * _MARGIN
_TOP = 70
_LANES = 20
_TEXT_SIZE, _LINE = 12, 19
_TIMES_WIDTH = 110
_MOST_LINES = 60
_MOST_NUMBERED = 5


def draw_recording(contents: Contents) -> Picture:
    """Return a picture of a recording."""
    lines = _lines(contents.clips)
    text_top = _TOP + 130 + _LANES + 60
    picture = Picture(_WIDTH, text_top + _LINE * len(lines) + 8, contents.asset.title)
    count = count_of(len(contents.clips), "segment")
    _draw_heading(picture, contents.asset.title, f"{clock_length(contents.duration_sec)}, {count}")
    _draw_sound(picture, contents, 130)
    for number, (times, words, colour) in enumerate(lines):
        y = text_top + _LINE * number
        picture.text(_MARGIN, y, times, size=_TEXT_SIZE, colour=colour)
        picture.text(_MARGIN + _TIMES_WIDTH, y, words, size=_TEXT_SIZE)
    return picture


def draw_answers(contents: Contents, question: str, clips: Sequence[ClipResult]) -> Picture:
    """Return a picture of the scores over the time of a recording, with the best answers in words."""
    best = clips[:_MOST_NUMBERED]
    scores_top, scores_height = _TOP + 90 + _LANES + 50, 150
    text_top = scores_top + scores_height + 60
    picture = Picture(_WIDTH, text_top + _LINE * max(1, len(best)) + 8, f"{question} in {contents.asset.title}")
    _draw_heading(picture, f"“{question}”", f"in {contents.asset.title}, {clock_length(contents.duration_sec)}")
    _draw_sound(picture, contents, 90)
    axes = time_panel(picture, _MARGIN, scores_top, _INNER, scores_height, _length(contents))
    axes.set_yticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    axes.tick_params(axis="y", length=0, labelsize=7.5)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylim(0, 1.12)
    draw_clock(axes, _INNER, _length(contents))
    for number, clip in enumerate(clips):
        _draw_score(picture, axes, clip, number)
    for number, clip in enumerate(best):
        _write_answer(picture, clip, number, text_top + _LINE * number)
    if not best:
        picture.text(_MARGIN, text_top, "Nothing in it answers this.", size=_TEXT_SIZE, colour=FAINT)
    return picture


def _draw_heading(picture: Picture, title: str, about: str) -> None:
    picture.text(_MARGIN, 32, fitting(title, _INNER, 19), size=19, weight="bold")
    picture.text(_MARGIN, 53, fitting(about, _INNER - 200, _TEXT_SIZE), size=_TEXT_SIZE, colour=FAINT)
    picture.text(_WIDTH - _MARGIN - 102, 53, "■ speech", size=_TEXT_SIZE, colour=SPEECH, side="right")
    picture.text(_WIDTH - _MARGIN, 53, "■ other sound", size=_TEXT_SIZE, colour=SOUND, side="right")


def _draw_sound(picture: Picture, contents: Contents, height: float) -> None:
    """Draw the waveform and below it a bar a segment, in two lanes, because neighbours may overlap."""
    spans = [(segment.start_sec, segment.end_sec, _colour(segment)) for segment in contents.clips]
    draw_levels(time_panel(picture, _MARGIN, _TOP, _INNER, height, _length(contents)), contents.levels, spans)
    lanes = time_panel(picture, _MARGIN, _TOP + height + 4, _INNER, _LANES, _length(contents))
    draw_clock(lanes, _INNER, _length(contents))
    gap_sec = _length(contents) / _INNER
    for number, segment in enumerate(contents.clips):
        width = max(segment.end_sec - segment.start_sec - gap_sec, gap_sec)
        corner = (segment.start_sec, 0.55 - 0.5 * (number % 2))
        bar = Rectangle(corner, width, 0.4, facecolor=_colour(segment), linewidth=0)
        lanes.add_patch(bar)
        picture.hint(bar, f"{clock_range(segment.start_sec, segment.end_sec)} {_words(segment)}")


def _draw_score(picture: Picture, axes: Axes, clip: ClipResult, number: int) -> None:
    colour = _clip_colour(clip)
    width, score = clip.end_sec - clip.start_sec, min(max(clip.score, 0.0), 1.0)
    bar = Rectangle((clip.start_sec, 0), width, score, facecolor=colour, alpha=0.85, linewidth=0)
    axes.add_patch(bar)
    picture.hint(bar, f"{clip.time_range} {clip.score:.2f} {clip.text}")
    if number < _MOST_NUMBERED:
        middle = clip.start_sec + width / 2
        axes.text(middle, score + 0.02, str(number + 1), fontsize=8.5, color=colour, ha="center", weight="bold")


def _write_answer(picture: Picture, clip: ClipResult, number: int, y: float) -> None:
    words = clip.text or (f"({clip.sounds})" if clip.sounds else "(sound)")
    for x, text in ((0, f"{number + 1}."), (24, clip.time_range), (130, f"{clip.score:.2f}")):
        picture.text(_MARGIN + x, y, text, size=_TEXT_SIZE, colour=_clip_colour(clip))
    picture.text(_MARGIN + 175, y, fitting(words, _INNER - 175, _TEXT_SIZE), size=_TEXT_SIZE)


def _lines(segments: Sequence[StoredClip]) -> list[tuple[str, str, str]]:
    """The times, words and colour of each line of text."""
    spoken = [segment for segment in segments if _words(segment)]
    lines: list[tuple[str, str, str]] = []
    for segment in spoken[:_MOST_LINES]:
        times = clock_range(segment.start_sec, segment.end_sec)
        for at, line in enumerate(wrapped(_words(segment), _INNER - _TIMES_WIDTH, _TEXT_SIZE)):
            lines.append((times if at == 0 else "", line, _colour(segment)))
    if len(spoken) > _MOST_LINES:
        lines.append(("", f"and {len(spoken) - _MOST_LINES} more segments with words", FAINT))
    return lines


def _words(segment: StoredClip) -> str:
    return " ".join(filter(None, (segment.transcript, f"({segment.sound_words})" if segment.sound_words else "")))


def _colour(segment: StoredClip) -> str:
    return SPEECH if segment.transcript else FAINT if segment.sound_words == SILENCE else SOUND


def _clip_colour(clip: ClipResult) -> str:
    return SOUND if clip.matched == "sound" else SPEECH


def _length(contents: Contents) -> float:
    return max(contents.duration_sec, 0.1)
