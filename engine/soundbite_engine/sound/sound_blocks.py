"""The base profile's sound block: measured properties with plain names, then the scaled descriptors.

Block (128) = [16 properties | 112 principal components of the descriptors], the two parts weighted so that sounds
compare mostly by their descriptors and a text, which fills properties alone, compares by those.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from soundbite_engine.audio import descriptors
from soundbite_engine.audio.descriptors import Frames, Tonality, tonality
from soundbite_engine.audio.spectra import Floats
from soundbite_engine.sound.sound_words import NONE_DIMENSION, PROPERTIES, PROPERTY_DIMENSION
from soundbite_engine.space import SOUND_DIMENSION

PROPERTY_WEIGHT = 0.4  # above it, likeness between sounds suffers: mAP .73 at .4, .71 at .6
DESCRIPTOR_WEIGHT = (1.0 - PROPERTY_WEIGHT**2) ** 0.5
CLIP_SIGMA = 3.0

SCALE_FILE = Path(__file__).parents[1] / "data" / "descriptor_scale.npz"
DESCRIPTOR_DIMENSION = SOUND_DIMENSION - PROPERTY_DIMENSION


@cache
def _scale() -> tuple[Floats, Floats, Floats]:
    """Mean and spread of each descriptor, and the axes (descriptors, 112).

    bench/acoustics/fit_descriptors.py says over what.
    """
    with np.load(SCALE_FILE) as stored:
        return stored["mean"], stored["spread"], stored["axes"].astype(np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, straight between; `low` may be the greater."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def measured_properties(frames: Frames, tonal: Tonality, speech_ratio: float) -> dict[str, float]:
    """How far each of `PROPERTIES` applies, 0..1."""
    level = frames.level_db
    loud_db, quiet_db = (float(np.percentile(level, share)) for share in (90, 50))
    sounding = 1.0 - float((level < descriptors.SILENCE_DB).mean())
    active, shape, onsets = frames.is_active, frames.shape, frames.onsets
    strength, _ = descriptors.pulse(onsets)
    flatness = float(np.median(shape["flatness"]))
    centroid = float(np.median(shape["centroid"]))
    spread_db = float(level[active].std())
    audible = (1.0 - _ramp(speech_ratio, 0.1, 0.5)) * _ramp(float(level.max()), -60.0, -45.0)
    other = audible * sounding
    held = _ramp(tonal.line_share, 0.25, 0.55)
    steady = _ramp(spread_db, 6.0, 1.5) * float(active.mean()) * _ramp(quiet_db, -60.0, -45.0)
    return {
        "speech": _ramp(speech_ratio, 0.1, 0.6),
        "music": other * held * _ramp(tonal.note_entropy, 1.2, 2.0) * _ramp(tonal.note_change, 0.03, 0.12),
        "silence": 1.0 - _ramp(sounding, 0.0, 0.25),
        "loud": sounding * _ramp(loud_db, -26.0, -12.0),
        "quiet": sounding * _ramp(quiet_db, -36.0, -50.0),
        "rhythmic": other * _ramp(strength, 0.3, 0.7) * _ramp(float(onsets.max()), 1.0, 4.0),
        "noise": other * _ramp(flatness, 0.05, 0.35) * (1.0 - _ramp(tonal.line_share, 0.05, 0.3)),
        "tone": other * held * _ramp(tonal.note_entropy, 2.0, 1.2),
        "high": other * _ramp(centroid, 2000.0, 4500.0),
        "low": other * _ramp(centroid, 500.0, 150.0),
        "impulse": audible * _impulse(level),
        "steady": other * steady,
    }


def _impulse(level_db: Floats) -> float:
    """How far the sound is a few sudden moments over something much quieter, 0..1.

    The loudest moment must fall off again: the beginning of a voice at the end of a silence is no knock.
    """
    loudest, usual = float(level_db.max()), float(np.median(level_db))
    attack = float((level_db[2:] - level_db[:-2]).max(initial=0.0))  # over 32 ms
    fall = loudest - float(level_db[level_db.argmax() :].min())
    brevity = _ramp(float((level_db > loudest - 10.0).mean()), 0.3, 0.1)
    return brevity * _ramp(loudest - usual, 15.0, 35.0) * _ramp(min(attack, fall), 10.0, 25.0)


def property_part(frames: Frames, tonal: Tonality, speech_ratio: float) -> Floats:
    """Unit vector (16,) of the measured properties; what none of them explains goes to the last dimension."""
    measured = measured_properties(frames, tonal, speech_ratio)
    part = np.zeros(PROPERTY_DIMENSION, np.float32)
    part[: len(PROPERTIES)] = [measured[name] for name in PROPERTIES]
    part[NONE_DIMENSION] = 1.0 - part.max()
    unit: Floats = part / np.float32(np.linalg.norm(part))
    return unit


def descriptor_part(sound: Floats, frames: Frames, tonal: Tonality, speech_ratio: float) -> Floats:
    """Unit vector (112,) of the descriptors in standard units, none beyond `CLIP_SIGMA`, weighted by group."""
    mean, spread, axes = _scale()
    scaled: Floats = np.clip(
        (descriptors.describe(sound, frames, tonal, speech_ratio) - mean) / spread, -CLIP_SIGMA, CLIP_SIGMA
    )
    components: Floats = ((scaled * descriptors.weights()) @ axes).astype(np.float32)
    return components / np.float32(max(float(np.linalg.norm(components)), 1e-6))


def sound_block(sound: Floats, speech_ratio: float) -> Floats:
    """The sound block (128,) of `sound` (float32 at 16 kHz), unit length; `speech_ratio` is from voice activity."""
    frames, tonal = Frames.of(sound), tonality(sound)
    parts = [
        PROPERTY_WEIGHT * property_part(frames, tonal, speech_ratio),
        DESCRIPTOR_WEIGHT * descriptor_part(sound, frames, tonal, speech_ratio),
    ]
    return np.concatenate(parts).astype(np.float32)
