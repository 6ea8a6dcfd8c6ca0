"""A picture with panels measured in pixels, and written as SVG or PNG: the same figures give the same file."""

from __future__ import annotations

import io
import logging
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from soundbite_tools import Levels, clock, round_step_sec

Side = Literal["left", "right"]
INK, FAINT, GRID, WAVE = "#1f2933", "#66717d", "#e4e7eb", "#9fb3c8"
# Okabe and Ito's colours, which people with any colour vision can tell apart, and darker ones after them.
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#5b3a8c", "#111111", "#a11d33",
)  # fmt: skip
SPEECH, SOUND = PALETTE[0], PALETTE[1]
_DPI = 100  # of the measures here; a PNG has twice as many pixels
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans", "Noto Sans CJK JP"],
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "soundbite",
}
_TICK_PX = 80
# The mean width of a letter, as a share of the size.
_LETTER = 0.56
# What no XML document may hold, escaped or not.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SVG = "http://www.w3.org/2000/svg"


@dataclass
class Picture:
    """A figure of a fixed size in pixels; `hints` are what a browser shows with the pointer on a mark."""

    width: float
    height: float
    title: str
    hints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.figure = Figure(figsize=(self.width / _DPI, self.height / _DPI), dpi=_DPI, facecolor="white")

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes without a frame at a place in pixels from the upper left corner."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        with matplotlib.rc_context(_STYLE):
            axes = self.figure.add_axes(place)
        axes.set_frame_on(False)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = INK,
        weight: str = "normal",
        side: Side = "left",
    ) -> None:
        """Write one line whose left or right end is at `x`; `y` is its base line, and `size` is in pixels."""
        with matplotlib.rc_context(_STYLE):
            self.figure.text(
                x / self.width,
                1 - y / self.height,
                writable(text),
                fontsize=size * 72 / _DPI,
                color=colour,
                weight=weight,
                ha=side,
                parse_math=False,
            )

    def hint(self, artist: Artist, text: str) -> None:
        """Have a browser show a text with the pointer on a mark."""
        name = f"mark-{len(self.hints) + 1}"
        artist.set_gid(name)
        self.hints[name] = writable(text)

    def to_svg(self) -> str:
        """Return the picture as a document."""
        buffer = io.StringIO()
        facts = {"Date": None, "Title": writable(self.title)}
        self._print(FigureCanvasSVG(self.figure).print_svg, buffer, metadata=facts)
        if not self.hints:
            return buffer.getvalue()
        ElementTree.register_namespace("", _SVG)
        ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
        document = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - written above
        for mark in document.iter(f"{{{_SVG}}}g"):
            if hint := self.hints.get(mark.get("id", "")):
                title = ElementTree.Element(f"{{{_SVG}}}title")
                title.text = hint
                mark.insert(0, title)
        return ElementTree.tostring(document, encoding="unicode", xml_declaration=True) + "\n"

    def to_png(self) -> bytes:
        """Return the picture as a PNG of twice its size in pixels."""
        buffer = io.BytesIO()
        self.figure.set_dpi(2 * _DPI)
        self._print(FigureCanvasAgg(self.figure).print_png, buffer, metadata={"Software": None})
        self.figure.set_dpi(_DPI)
        return buffer.getvalue()

    def _print(self, write: Any, buffer: Any, **options: Any) -> None:
        # That a font or a letter is not there is no affair of whoever asks for the picture.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.CRITICAL)
        with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
            write(buffer, **options)


def time_panel(picture: Picture, left: float, top: float, width: float, height: float, length_sec: float) -> Axes:
    """Return a panel whose x is seconds of a recording."""
    axes = picture.panel(left, top, width, height)
    axes.set_xlim(0, length_sec)
    axes.set_ylim(0, 1)
    return axes


def draw_clock(axes: Axes, width: float, length_sec: float) -> None:
    """Draw the times at round seconds below a panel."""
    axes.xaxis.set_major_locator(MultipleLocator(round_step_sec(length_sec * _TICK_PX / width)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda second, _: clock(second)))
    axes.tick_params(axis="x", labelsize=7.5, length=3, color=FAINT, labelcolor=FAINT)


def draw_levels(axes: Axes, levels: Levels | None, spans: Sequence[tuple[float, float, str]]) -> None:
    """Draw the waveform around the middle of a time panel, spans of it in a colour, or say that there is none."""
    axes.axhline(0.5, color=WAVE, linewidth=0.8)
    if levels is None or not levels.peaks:
        axes.text(0, 0.56, "The file changed or is gone: no waveform.", fontsize=7.5, color=FAINT)
        return
    loudest, count = max(levels.peaks) or 1, len(levels.peaks)
    seconds = [(at + 0.5) * levels.duration_sec / count for at in range(count)]
    halves = [peak / loudest / 2 for peak in levels.peaks]
    below, above = [0.5 - half for half in halves], [0.5 + half for half in halves]
    axes.fill_between(seconds, below, above, color=WAVE, linewidth=0)
    for start_sec, end_sec, colour in spans:
        is_inside = [start_sec <= second <= end_sec for second in seconds]
        axes.fill_between(seconds, below, above, where=is_inside, color=colour, alpha=0.45, linewidth=0)


def writable(text: str) -> str:
    """Return the text without what a document can't hold."""
    return _UNWRITABLE.sub("", text)


def fitting(text: str, width: float, size: float) -> str:
    """Return the text cut so that it is about as wide as that at most, in pixels."""
    most = int(width / (size * _LETTER))
    return text if len(text) <= most else f"{text[: max(0, most - 1)].rstrip()}…"


def wrapped(text: str, width: float, size: float) -> Sequence[str]:
    """Return the text as lines of about that width at most, in pixels."""
    import textwrap

    return textwrap.wrap(text, max(10, int(width / (size * _LETTER)))) or [""]
