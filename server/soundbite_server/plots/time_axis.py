"""Time from left to right: where a second is drawn, and the labels below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_server.plots.svg import FAINT
from soundbite_tools.text import clock

if TYPE_CHECKING:
    from soundbite_server.plots.svg import Drawing
    from soundbite_tools.sources.local_media import Levels

STEPS_SEC = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_LABEL_WIDTH = 70.0
_WAVE = "#9fb3c8"


@dataclass(frozen=True)
class TimeAxis:
    """Seconds 0 to `length_sec` between two places on the paper."""

    left: float
    width: float
    length_sec: float

    def x(self, second: float) -> float:
        """Return where a second is."""
        return self.left + self.width * min(max(second / self.length_sec, 0.0), 1.0)

    def draw_labels(self, paper: Drawing, y: float) -> None:
        """Draw the line with times at round seconds."""
        paper.line(self.left, y, self.left + self.width, y)
        for second in range(0, int(self.length_sec) + 1, self._step_sec()):
            paper.line(self.x(second), y, self.x(second), y + 4)
            is_last = self.x(second) + _LABEL_WIDTH / 3 > self.left + self.width
            anchor = "end" if is_last else "middle" if second else ""
            paper.text(self.x(second), y + 16, clock(second), size=10, colour=FAINT, anchor=anchor)

    def draw_levels(self, paper: Drawing, levels: Levels | None, top: float, height: float) -> None:
        """Draw the waveform around the middle of a band, or say that there is none."""
        middle = top + height / 2
        if levels is None or not levels.peaks:
            paper.line(self.left, middle, self.left + self.width, middle)
            paper.text(self.left, middle - 6, "The file changed or is gone: no waveform.", size=10, colour=FAINT)
            return
        loudest, count = max(levels.peaks) or 1, len(levels.peaks)
        step_sec = levels.duration_sec / count
        upper = [(self.x((at + 0.5) * step_sec), peak / loudest * height / 2) for at, peak in enumerate(levels.peaks)]
        around = [(x, middle - half) for x, half in upper] + [(x, middle + half) for x, half in reversed(upper)]
        paper.polygon(around, _WAVE)

    def _step_sec(self) -> int:
        least = self.length_sec * _LABEL_WIDTH / self.width
        return next((each for each in STEPS_SEC if each >= least), STEPS_SEC[-1])
