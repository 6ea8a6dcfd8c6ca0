"""Plain words for sounds, and the dimensions of the sound block they share with what was measured.

The base profile knows a dozen properties of sound by measurement, not by learning: whether someone speaks,
whether it is music, loud, silent, rhythmic and so on. A text query fills only these dimensions.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from soundbite_engine.space import SOUND_DIMENSION, unit_rows

Floats = npt.NDArray[np.float32]

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


def sound_block(text: str) -> Floats:
    """The sound block (128,) of a text query: a unit vector, or zeros where it names no property."""
    block = np.zeros(SOUND_DIMENSION, np.float32)
    for name in properties_in(text):
        block[PROPERTIES.index(name)] = 1.0
    return unit_rows(block)
