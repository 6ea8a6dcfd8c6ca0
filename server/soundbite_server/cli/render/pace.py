"""How fast work goes and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable

# Before this much is done, an estimate is a guess.
_LEAST_SHARE = 0.02
_LEAST_S = 3.0


class Pace:
    """Counts work in any unit that is in proportion to the time it takes, such as bytes of files.

    Work that turned out to be done already is taken out of the sum, so that it does not make the rest look quick.
    """

    def __init__(self, total: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._began = clock()
        self._under_way: dict[str, float] = {}
        self._done = 0.0

    def is_at(self, name: str, done: float) -> None:
        """Note how much of one piece of work is done."""
        self._under_way[name] = done

    def ended(self, name: str, amount: float) -> None:
        """Note that a piece of work is done."""
        self._under_way.pop(name, None)
        self._done += amount

    def was_not_needed(self, name: str, amount: float) -> None:
        """Note that a piece of work had been done before."""
        self._under_way.pop(name, None)
        self.total -= amount

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def share(self) -> float:
        """How much of all is done, 0 to 1."""
        return min(1.0, self._sum / self.total) if self.total > 0 else 1.0

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done, None while that can't be told."""
        if self.share < _LEAST_SHARE or self.elapsed_s < _LEAST_S:
            return None
        return self.elapsed_s * (1.0 - self.share) / self.share

    @property
    def _sum(self) -> float:
        return self._done + sum(self._under_way.values())
