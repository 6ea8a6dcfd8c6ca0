"""The base profile's sound block: measured properties with plain names, then the scaled descriptors.

Block (256) = [16 properties | descriptors, zeros to the end], the two parts weighted so that sounds compare mostly
by their descriptors and a text, which fills properties alone, compares by those.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from soundbite_engine import descriptors
from soundbite_engine.descriptors import Frames
from soundbite_engine.sound_words import NONE_DIMENSION, PROPERTIES, PROPERTY_DIMENSION
from soundbite_engine.space import SOUND_DIMENSION
from soundbite_engine.spectra import HOP_SEC, Floats

PROPERTY_WEIGHT = 0.6
DESCRIPTOR_WEIGHT = 0.8
CLIP_SIGMA = 3.0

_SCALE = Path(__file__).parent / "data" / "descriptor_scale.json"


@cache
def _scale() -> tuple[Floats, Floats]:
    """Mean and spread of each descriptor; bench/fit_descriptors.py says over what."""
    stored = json.loads(_SCALE.read_text())
    return np.array(stored["mean"], np.float32), np.array(stored["spread"], np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, straight between; `low` may be the greater."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def measured_properties(frames: Frames, speech_ratio: float) -> dict[str, float]:
    """How far each of `PROPERTIES` applies, 0..1."""
    level = frames.level_db
    loud_db, quiet_db = (float(np.percentile(level, share)) for share in (90, 50))
    sounding = 1.0 - float((level < descriptors.SILENCE_DB).mean())
    active = frames.is_active
    shape = descriptors.spectral_shape(frames.power[active])
    periodicity, _ = descriptors.pitch(frames.power[active])
    strength, _ = descriptors.pulse(descriptors.onset_strength(frames.mel_db))
    flatness = float(np.median(shape["flatness"]))
    peak = float(np.median(shape["peak"]))
    centroid = float(np.median(shape["centroid"]))
    spread_db = float(level[active].std())
    other = (1.0 - _ramp(speech_ratio, 0.1, 0.5)) * sounding
    tonal = _ramp(float(np.median(periodicity)), 0.35, 0.7)
    steady = _ramp(spread_db, 6.0, 1.5) * float(active.mean())
    attack = float(np.max(np.diff(level[:: max(1, round(0.03 / HOP_SEC))], prepend=level[0])))
    pure = _ramp(peak, 0.6, 0.9)
    return {
        "speech": _ramp(speech_ratio, 0.1, 0.6),
        "music": other * tonal * (1.0 - pure) * _ramp(flatness, 0.25, 0.05),
        "silence": 1.0 - _ramp(sounding, 0.0, 0.25),
        "loud": sounding * _ramp(loud_db, -26.0, -12.0),
        "quiet": sounding * _ramp(quiet_db, -36.0, -50.0),
        "rhythmic": other * _ramp(strength, 0.3, 0.7),
        "noise": other * _ramp(flatness, 0.05, 0.35) * (1.0 - tonal),
        "tone": other * pure,
        "high": other * _ramp(centroid, 2000.0, 4500.0),
        "low": other * _ramp(centroid, 500.0, 150.0),
        "impulse": other * _ramp(attack, 15.0, 40.0) * _ramp(float(active.mean()), 0.6, 0.2),
        "steady": other * steady,
    }


def property_part(frames: Frames, speech_ratio: float) -> Floats:
    """Unit vector (16,) of the measured properties; what none of them explains goes to the last dimension."""
    measured = measured_properties(frames, speech_ratio)
    part = np.zeros(PROPERTY_DIMENSION, np.float32)
    part[: len(PROPERTIES)] = [measured[name] for name in PROPERTIES]
    part[NONE_DIMENSION] = 1.0 - part.max()
    unit: Floats = part / np.float32(np.linalg.norm(part))
    return unit


def descriptor_part(sound: Floats, frames: Frames, speech_ratio: float) -> Floats:
    """Unit vector of the descriptors in standard units, none beyond `CLIP_SIGMA`."""
    mean, spread = _scale()
    scaled: Floats = np.clip(
        (descriptors.describe(sound, frames, speech_ratio) - mean) / spread, -CLIP_SIGMA, CLIP_SIGMA
    )
    return scaled / np.float32(max(float(np.linalg.norm(scaled)), 1e-6))


def sound_block(sound: Floats, speech_ratio: float) -> Floats:
    """The sound block (256,) of `sound` (float32 at 16 kHz), unit length; `speech_ratio` is from voice activity."""
    frames = Frames.of(sound)
    parts = [
        PROPERTY_WEIGHT * property_part(frames, speech_ratio),
        DESCRIPTOR_WEIGHT * descriptor_part(sound, frames, speech_ratio),
    ]
    block = np.concatenate(parts)
    return np.pad(block, (0, SOUND_DIMENSION - block.size)).astype(np.float32)
