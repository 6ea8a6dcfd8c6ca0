"""What a cosine means: ramps for each space, so that scores of different profiles mean the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ramp:
    """Where a cosine begins to mean something, and where it means all it can."""

    low: float
    high: float

    def __call__(self, cosine: float) -> float:
        """Return 0 up to `low`, 1 from `high` on, and straight between."""
        return min(max((cosine - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Calibration:
    """The ramps of one space."""

    text_to_speech: Ramp
    text_to_sound: Ramp
    speech_to_speech: Ramp
    sound_to_sound: Ramp


# Fitted on the development recordings of the evaluation folder and on the samples; bench/quality.py measures them.
_BASE = Calibration(
    text_to_speech=Ramp(0.2, 0.85),
    # A text names properties of a sound, which are at most .4 of its block: one of two that apply alike has .28.
    text_to_sound=Ramp(0.06, 0.34),
    speech_to_speech=Ramp(0.2, 1.0),
    # Of everyday sounds in ten classes, nine of ten unlike pairs lie under .45 and half of the like ones over .57.
    sound_to_sound=Ramp(0.3, 0.9),
)
_BY_SPACE: dict[str, Calibration] = {}


def calibration_of(space_id: str) -> Calibration:
    """Return the ramps of a space; one that was not measured is taken for the base profile's."""
    return _BY_SPACE.get(space_id, _BASE)
