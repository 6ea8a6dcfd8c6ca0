"""What evidence means: how sure an answer is, and what a cosine tells in each space."""

from __future__ import annotations

import math
from dataclasses import dataclass

# How sure it is that a clip answers, from how near it comes to the question: chosen on the evaluation recordings and on
# meetings (QMSum), so that of the first answers with a score about .7, seven of ten are right. See docs/search.md.
_STEEPNESS = 6.0
_EVEN = 0.5


def probability(nearness: float) -> float:
    """Return how sure it is, 0 to 1, that a clip of this nearness answers."""
    return 1.0 / (1.0 + math.exp(-_STEEPNESS * (nearness - _EVEN)))


def odds(score: float) -> float:
    """Return the odds that a clip of this score answers."""
    return score / max(1.0 - score, 1e-6)


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
    """To the cosine that our text embedder would give, on which `probability` was chosen."""
    text_to_sound: Ramp
    speech_to_speech: Ramp
    sound_to_sound: Ramp


# The profiles of this engine share the text embedder.
_TEXT_TO_SPEECH = Ramp(0.0, 1.0)
_SPEECH_TO_SPEECH = Ramp(0.1, 1.0)
_BASE = Calibration(
    text_to_speech=_TEXT_TO_SPEECH,
    # A text names properties of a sound, which are at most .4 of its block: one of two that apply alike has .28.
    text_to_sound=Ramp(0.06, 0.34),
    speech_to_speech=_SPEECH_TO_SPEECH,
    # Of everyday sounds in ten classes, nine of ten unlike pairs lie under .45 and half of the like ones over .57.
    sound_to_sound=Ramp(0.3, 0.9),
)
_SOUNDS = Calibration(
    text_to_speech=_TEXT_TO_SPEECH,
    # 95 of 100 other sounds have a cosine with a name under .12, and so have questions about what was said; of the
    # sounds that bear the name, half are over .44.
    text_to_sound=Ramp(0.12, 0.6),
    speech_to_speech=_SPEECH_TO_SPEECH,
    # Nine of ten unlike pairs lie under .42, half of the like ones over .56: as in the base profile.
    sound_to_sound=_BASE.sound_to_sound,
)
# The hosted platform's space, and any other that could not be measured: a guess in the middle of what is usual.
_UNMEASURED = Calibration(
    text_to_speech=Ramp(0.1, 0.9),
    text_to_sound=Ramp(0.06, 0.34),
    speech_to_speech=Ramp(0.2, 1.0),
    sound_to_sound=Ramp(0.3, 0.9),
)
_FULL = Calibration(
    text_to_speech=_TEXT_TO_SPEECH,
    text_to_sound=_UNMEASURED.text_to_sound,
    speech_to_speech=_SPEECH_TO_SPEECH,
    sound_to_sound=_UNMEASURED.sound_to_sound,
)
_BASE_PREFIX = "soundbite-base-"
_BY_PROFILE = {_BASE_PREFIX: _BASE, "soundbite-sounds-": _SOUNDS, "soundbite-full-": _FULL}


def calibration_of(space_id: str) -> Calibration:
    """Return the ramps of a space.

    Measured are the profiles base and sounds, and the speech of full, which has the same text embedder. The sounds of
    full and everything in the hosted platform's space could not be measured: their scores are less sure to mean the
    same.
    """
    for prefix, calibration in _BY_PROFILE.items():
        if space_id.startswith(prefix):
            return calibration
    return _UNMEASURED


def knows_sound_names(space_id: str) -> bool:
    """Return whether sounds can be asked for by name in a space: not in that of the profile base."""
    return not space_id.startswith(_BASE_PREFIX)
