"""SVG to PNG, with the optional dependency."""

from __future__ import annotations

import importlib

_SCALE = 2.0


class NoRenderer(Exception):
    """What turns SVG into PNG is not installed; the message says what to do."""


def to_png(svg: str) -> bytes:
    """Return the drawing as a PNG of twice its size in pixels.

    Raises:
        NoRenderer: cairosvg or the Cairo library is missing.
    """
    try:
        # By name: the checkers of types need not have it.
        cairosvg = importlib.import_module("cairosvg")
    except (ImportError, OSError) as exc:  # OSError: the package is there and the system's Cairo library is not
        raise NoRenderer(
            'PNG needs `pip install "soundbite[plot]"` and the Cairo library of the system; SVG needs neither.'
        ) from exc
    png: bytes = cairosvg.svg2png(bytestring=svg.encode(), scale=_SCALE)
    return png
