"""How far an analysis is, told by the parts of its stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["decoding", "transcribing", "embedding"]

# Rough shares of the time, measured on speech at RTF .1 a core.
_SHARES_WITH_SPEECH: dict[Stage, float] = {"decoding": 0.15, "transcribing": 0.75, "embedding": 0.10}
_SHARES_WITHOUT: dict[Stage, float] = {"decoding": 0.75, "transcribing": 0.0, "embedding": 0.25}


@dataclass(frozen=True)
class Progress:
    """The stage at work, and how much of the whole is done, 0 to 1."""

    stage: Stage
    fraction: float


class Meter:
    """Adds up the parts of each stage and tells `listener`, never less than before."""

    def __init__(self, has_speech: bool, listener: Callable[[Progress], None] | None) -> None:
        self._shares: dict[Stage, float] = _SHARES_WITH_SPEECH if has_speech else _SHARES_WITHOUT
        self._listener = listener
        self._done: dict[Stage, dict[object, float]] = {stage: {} for stage in self._shares}
        self._totals: dict[Stage, int] = dict.fromkeys(self._shares, 1)
        self._reached = 0.0

    def expect(self, stage: Stage, parts: int) -> None:
        """`stage` has so many parts; none of them means that it is over."""
        self._totals[stage] = parts

    def part(self, stage: Stage, key: object) -> Callable[[float], None]:
        """What the part called `key` reports its fraction to."""

        def report(fraction: float) -> None:
            self._done[stage][key] = max(fraction, self._done[stage].get(key, 0.0))
            self._tell()

        return report

    def _stage_fraction(self, stage: Stage) -> float:
        total = self._totals[stage]
        return 1.0 if total == 0 else min(1.0, sum(self._done[stage].values()) / total)

    def _tell(self) -> None:
        fractions: dict[Stage, float] = {stage: self._stage_fraction(stage) for stage in self._shares}
        unfinished = [stage for stage, fraction in fractions.items() if fraction < 1.0]
        current = unfinished[0] if unfinished else "embedding"
        whole = sum(self._shares[stage] * fraction for stage, fraction in fractions.items())
        self._reached = max(self._reached, min(1.0, whole))
        if self._listener is not None:
            # pyright widens the literals that pass through a comprehension; mypy holds them.
            self._listener(Progress(current, self._reached))  # pyright: ignore[reportArgumentType]
