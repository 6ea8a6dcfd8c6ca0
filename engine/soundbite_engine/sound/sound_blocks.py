"""The joint space of blocks, the base profile's sound block, and what any profile says of how segments sound.

The whole is `[sound block | speech block]`, 128 and 384 numbers in the base profile. A sound fills the sound block, a
transcript the speech block, `fused` and a text query both. Each block is a unit vector where present and zeros where
absent, and so is the whole: cosine compares like with like.

Sound block (128) = [16 properties | 112 principal components of the descriptors], the two parts weighted so that sounds
compare mostly by their descriptors and a text, which fills properties alone, compares by those. The properties are
measured, not learned: whether someone speaks, whether it is music, loud, silent, rhythmic and so on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio import descriptors
from soundbite_engine.audio.descriptors import Frames, Tonality, tonality

Floats = npt.NDArray[np.float32]

SOUND_DIMENSION = 128
SPEECH_DIMENSION = 384
BLOCKS: Mapping[str, int] = MappingProxyType({"sound": SOUND_DIMENSION, "speech": SPEECH_DIMENSION})
DIMENSION = SOUND_DIMENSION + SPEECH_DIMENSION


def unit_rows(rows: Floats) -> Floats:
    """Rows of length one; rows of zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    units: Floats = np.divide(rows, lengths, out=np.zeros_like(rows, dtype=np.float32), where=lengths > 0)
    return units


def joined(sound: Floats | None, speech: Floats | None, blocks: Mapping[str, int] = BLOCKS) -> Floats:
    """Vectors (n, all blocks) of the blocks (n, one block) given; an absent block is zeros."""
    count = len(sound) if sound is not None else len(speech) if speech is not None else 0
    width = blocks["sound"]
    whole = np.zeros((count, sum(blocks.values())), np.float32)
    if sound is not None:
        whole[:, :width] = unit_rows(sound)
    if speech is not None:
        whole[:, width:] = unit_rows(speech)
    return unit_rows(whole)


MOST_NAMES_OF_A_RECORDING = 12
SILENCE = "silence"
_SILENT_PEAK = 1e-4  # of full scale: -80 dB
_BORDER_SEC = 0.5  # where what is before or after a segment may still be heard
# Order is part of the space: append only, and only with a new space id.
PROPERTIES = (
    "speech",
    "music",
    "silence",
    "loud",
    "quiet",
    "rhythmic",
    "noise",
    "tone",
    "high",
    "low",
    "impulse",
    "steady",
)
PROPERTY_DIMENSION = 16  # four to spare; the last stays for "none of these"
NONE_DIMENSION = PROPERTY_DIMENSION - 1
_WORDS = {
    "speech": "speech voice voices speaking talking talk talks spoken speaker conversation dialogue narration",
    "music": "music musical song songs melody melodic tune instrument instruments orchestra guitar piano violin "
    "trumpet band singing harmony chord chords",
    "silence": "silence silent pause nothing",
    "loud": "loud louder loudest noisy deafening shouting blaring",
    "quiet": "quiet quieter soft softly faint hushed whisper whispering murmur",
    "rhythmic": "rhythm rhythmic beat beats beating drum drums drumming percussion ticking pulsing repeating",
    "noise": "noise hiss hissing static rain raining wind waterfall waves surf applause rustling storm shower",
    "tone": "tone tones beep beeps beeping whistle whistling alarm buzzer ringing siren sine chime bell ringtone",
    "high": "high-pitched shrill squeaky treble screech piercing",
    "low": "low-pitched rumble rumbling bass deep thunder",
    "impulse": "knock knocking click clicks clicking bang bangs clap thud slam hit crack gunshot pop",
    "steady": "steady constant continuous hum humming drone droning engine motor machine fan buzz buzzing "
    "generator drill drilling compressor vacuum",
}
_PHRASES = {"high pitched": "high-pitched", "low pitched": "low-pitched", "white noise": "noise static"}
_TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)?")
# A question about something said may hold a sound word by chance; one about a sound is mostly of them.
_NAMING_SHARE = 1 / 3
_SMALL = """
    a an and any are as at be been by can did do does for from had has have he her his how i in is it its like of on or
    our she some something sound sounds that the their there they this to was we were what when where which who with
    you your hear heard
"""
_SMALL_WORDS = frozenset(_SMALL.split())
_INDEX = {word: PROPERTIES.index(name) for name, words in _WORDS.items() for word in words.split()}
PROPERTY_WEIGHT = 0.4  # above it, likeness between sounds suffers: mAP .73 at .4, .71 at .6
DESCRIPTOR_WEIGHT = (1.0 - PROPERTY_WEIGHT**2) ** 0.5
CLIP_SIGMA = 3.0
DESCRIPTOR_DIMENSION = SOUND_DIMENSION - PROPERTY_DIMENSION
SCALE_FILE = Path(__file__).parents[1] / "data" / "descriptor_scale.npz"


def heard_names(sound: Floats, rate_hz: int, names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`names` of what is heard in `sound` (float32), or that it is silence."""
    border = min(round(_BORDER_SEC * rate_hz), sound.size // 4)
    inside = sound[border : sound.size - border]
    is_silent = inside.size > 0 and float(np.abs(inside).max()) <= _SILENT_PEAK
    return (SILENCE,) if is_silent else names


@dataclass(frozen=True, eq=False)
class Described:
    """Sound blocks, float32 (segments, sound block), and the names of the sounds heard in each segment."""

    blocks: Floats
    names: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, blocks: Sequence[Floats], names: Iterable[tuple[str, ...]] | None = None) -> Described:
        """Those of segments in order; without `names`, nothing heard has one."""
        return cls(np.stack(blocks), tuple(names) if names is not None else ((),) * len(blocks))

    @classmethod
    def joined(cls, parts: Sequence[Described]) -> Described:
        """The segments of all parts, in order."""
        return cls(np.concatenate([part.blocks for part in parts]), tuple(n for part in parts for n in part.names))

    def as_one(self, weights: Floats) -> Described:
        """The whole as one segment: blocks by weight, and the names heard in most segments."""
        counted = Counter(name for names in self.names for name in names)
        if len(counted) > 1 or not all(self.names):
            del counted[SILENCE]  # some of it is not
        most = tuple(name for name, _ in counted.most_common(MOST_NAMES_OF_A_RECORDING))
        return Described((weights @ self.blocks)[None], (most,))


def properties_in(text: str) -> tuple[str, ...]:
    """The properties that the plain sound words of `text` name, in the order of `PROPERTIES`.

    None where they are a third of its words or less: then the text is about something else.
    """
    lowered = text.lower()
    for phrase, words in _PHRASES.items():
        lowered = lowered.replace(phrase, words)
    tokens = [token for token in _TOKEN.findall(lowered) if token not in _SMALL_WORDS]
    naming = [_INDEX[token] for token in tokens if token in _INDEX]
    if len(naming) <= _NAMING_SHARE * len(tokens):
        return ()
    return tuple(PROPERTIES[index] for index in sorted(set(naming)))


def property_block(text: str) -> Floats:
    """The sound block (128,) of a text query: a unit vector, or zeros where it names no property."""
    block = np.zeros(SOUND_DIMENSION, np.float32)
    for name in properties_in(text):
        block[PROPERTIES.index(name)] = 1.0
    return unit_rows(block)


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
