"""A drawing of a few kinds of shapes, written as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax import saxutils

INK, FAINT, PAPER = "#1f2933", "#7b8794", "#ffffff"
# Okabe and Ito's colours, which people with any colour vision can tell apart, and darker ones after them.
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#5b3a8c", "#111111", "#a11d33",
)  # fmt: skip
_FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"
# What no XML document may hold, escaped or not.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The mean width of a letter in these fonts, as a share of the size.
LETTER = 0.53


class Drawing:
    """Shapes on paper of a fixed size in pixels; what is drawn later lies on top."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self._shapes: list[str] = []

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1.0) -> None:
        """Draw a filled rectangle from its upper left corner."""
        self._add("rect", x=x, y=y, width=max(width, 0.5), height=height, fill=fill, fill_opacity=opacity)

    def line(self, x1: float, y1: float, x2: float, y2: float, *, colour: str = FAINT, width: float = 1.0) -> None:
        """Draw a straight line."""
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width)

    def polygon(self, points: Iterable[tuple[float, float]], fill: str) -> None:
        """Draw a filled shape."""
        self._add("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), fill=fill)

    def circle(self, x: float, y: float, radius: float, fill: str, *, said: str = "") -> None:
        """Draw a dot; a browser shows what is said of it under the pointer."""
        inside = f"<title>{_escaped(said)}</title>" if said else ""
        self._add("circle", inside, cx=x, cy=y, r=radius, fill=fill, fill_opacity=0.8, stroke=PAPER, stroke_width=0.6)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = INK,
        bold: bool = False,
        anchor: str = "",
    ) -> None:
        """Write one line; `anchor` is middle or end where x is not its beginning."""
        more = {"text_anchor": anchor} if anchor else {}
        weight = {"font_weight": "bold"} if bold else {}
        self._add("text", _escaped(text), x=x, y=y, font_size=size, fill=colour, **more, **weight)

    def to_svg(self) -> str:
        """Return the drawing as a document."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{self.height:g}" '
            f'viewBox="0 0 {self.width:g} {self.height:g}" font-family="{_FONT}" role="img">'
        )
        paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
        return "\n".join([head, f"<title>{_escaped(self._title)}</title>", paper, *self._shapes, "</svg>", ""])

    def _add(self, kind: str, inside: str = "", /, **attributes: float | str) -> None:
        said = " ".join(f"{name.replace('_', '-')}={_value(value)}" for name, value in attributes.items())
        self._shapes.append(f"<{kind} {said}>{inside}</{kind}>" if inside else f"<{kind} {said}/>")


def _escaped(text: str) -> str:
    return saxutils.escape(_UNWRITABLE.sub("", text))


def _value(value: float | str) -> str:
    return saxutils.quoteattr(value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip("."))


def fitting(text: str, width: float, size: float) -> str:
    """Return the text cut so that it is about as wide as that at most."""
    most = int(width / (size * LETTER))
    return text if len(text) <= most else f"{text[: max(0, most - 1)].rstrip()}…"


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return the text as lines of about that width at most."""
    import textwrap

    return textwrap.wrap(text, max(10, int(width / (size * LETTER)))) or [""]
