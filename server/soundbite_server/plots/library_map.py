"""The clips of a library on a map: near each other where they sound or mean alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from soundbite_server.plots.svg import FAINT, PALETTE, Drawing, fitting

_SIZE, _MARGIN, _KEY_WIDTH = 760.0, 40.0, 260.0
_OTHER, _OTHER_COLOUR = "others", "#c3cad3"
# So few that each can be named beside its dot; more would hide one another, and have their names under the pointer.
_MOST_NAMED = 25
_NAME_WIDTH = 130.0


@dataclass(frozen=True)
class MappedClip:
    """A clip where it lies on the map, x and y from 0 to 1."""

    x: float
    y: float
    group: str
    said: str


def draw_map(clips: Sequence[MappedClip], title: str, said: str) -> str:
    """Return the map as SVG; the largest groups have a colour of their own and a name in the key."""
    paper = Drawing(_SIZE + _KEY_WIDTH, _SIZE, title)
    paper.text(_MARGIN, 30, title, size=18, bold=True)
    paper.text(_MARGIN, 48, said, size=11, colour=FAINT)
    counts = Counter(each.group for each in clips)
    named = [group for group, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    colours = dict(zip(named, PALETTE[:-1], strict=False))
    side = _SIZE - 2 * _MARGIN - 30
    for each in clips:
        x, y = _MARGIN + each.x * side, 70 + each.y * side
        paper.circle(x, y, 5, colours.get(each.group, _OTHER_COLOUR), said=f"{each.said}\n{each.group}")
        if len(clips) <= _MOST_NAMED:
            is_right = each.x > 0.5
            name = fitting(each.said, _NAME_WIDTH, 10)
            paper.text(x + (-9 if is_right else 9), y + 3.5, name, size=10, anchor="end" if is_right else "")
    rest = sum(counts[group] for group in named if group not in colours)
    key = [(group, colour, counts[group]) for group, colour in colours.items()]
    for number, (group, colour, count) in enumerate([*key, *([(_OTHER, _OTHER_COLOUR, rest)] if rest else [])]):
        y = 80 + 22 * number
        paper.circle(_SIZE + 10, y - 4, 6, colour)
        paper.text(_SIZE + 24, y, fitting(f"{group} ({count})", _KEY_WIDTH - 30, 12), size=12)
    return paper.to_svg()
