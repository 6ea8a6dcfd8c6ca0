"""YAMNet through LiteRT, the words a person has for its classes, and the sound block of the profile `sounds`.

The block (656) is what YAMNet calls a sound, then the base profile's measures: [521 classes, 6 spare, "no sound
meant" | the base profile's 128]. A sound fills the classes with the roots of its scores, a text with how near its words
are to the words of each class. Their dot product is then the late interaction of the two, which no shorter vector
keeps: over ESC-10 the whole gives .95 zero-shot accuracy, its first 256 principal components .91, the sum of the
classes' word vectors .75.
"""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.audio.scratch import segment_sounds
from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.sound.sound_blocks import (
    SOUND_DIMENSION,
    Described,
    Floats,
    heard_names,
    property_block,
    unit_rows,
)
from soundbite_engine.sound.sound_blocks import sound_block as measured_block
from soundbite_engine.text import SentenceEmbedder
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, Segment

CLASS_COUNT = 521
CLASS_MAP = "yamnet_class_map.csv"

# Everyday words whose class has another name, which the text table does not know to mean the same.
_ALIASES = {
    "Aircraft": "plane",
    "Applause": "ovation",
    "Bark": "barking",
    "Bicycle": "bike",
    "Bird": "birds",
    "Car": "automobile",
    "Cat": "kitten",
    "Cattle, bovinae": "cow; bull",
    "Chewing, mastication": "eating",
    "Chicken, rooster": "hen; cockerel",
    "Cricket": "cicada",
    "Crow": "raven",
    "Dog": "puppy",
    "Explosion": "bomb; blast",
    "Fire": "campfire; flames",
    "Fixed-wing aircraft, airplane": "aeroplane; plane",
    "Gunshot, gunfire": "gun",
    "Insect": "insects",
    "Mechanical fan": "fan",
    "Meow": "miaow",
    "Motorcycle": "motorbike",
    "Ocean": "sea",
    "Shatter": "breaking glass; glass breaking",
    "Sheep": "lamb",
    "Skidding": "skid",
    "Static": "hiss",
    "Stream": "river; brook; creek",
    "Subway, metro, underground": "tube train; underground train",
    "Telephone": "phone",
    "Thunderstorm": "storm",
    "Truck": "lorry",
    "Vacuum cleaner": "hoover",
    "Vehicle horn, car horn, honking": "honk",
    "Violin, fiddle": "viola",
    "Water tap, faucet": "tap water",
    "Whale vocalization": "whale; humpback whale; whale song",
}
# What a person would not call a sound that is heard besides speech: speech itself, and kinds of rooms.
_UNSPOKEN = re.compile(r"^(Speech|Conversation|Narration, monologue|Inside, .*|Outside, .*|Field recording)$")
_PARENTHESES = re.compile(r"\s*\(.*?\)")
MODEL_FILE = "yamnet.tflite"
FRAME_SAMPLES = 15_600  # .975 s at 16 kHz, what the network takes
HOP_SAMPLES = 7_680  # .48 s, as its authors step
TAG_DIMENSION = 528
NOTHING_DIMENSION = TAG_DIMENSION - 1
TAGGED_SOUND_DIMENSION = TAG_DIMENSION + SOUND_DIMENSION
# Sounds are alike mostly by what they are called, and a little by how they sound.
_TAG_WEIGHT = 0.93
_MEASURE_WEIGHT = 0.37
# A class counts by the third of the frames where it is strongest: a bark is short, and a clip is mostly its pauses.
_STRONGEST_SHARE = 1 / 3
# How sharply a text prefers the classes nearest to it.
_SHARPNESS = 6
_MOST_NAMES = 6
_LEAST_SCORE = 0.2  # over ESC-10 three clips of four then bear their name, and two of a hundred another one
# Cosines of a text with its nearest class: 90 % of questions about what was said stay under .48 and 95 % under .51; of
# names of sounds, 95 % are over .6.
_LEAST_COSINE, _SURE_COSINE = 0.45, 0.62


@dataclass(frozen=True)
class SoundClasses:
    """The names of YAMNet's classes, in the order of its scores."""

    names: tuple[str, ...]

    @classmethod
    @cache
    def from_pack(cls, folder: Path) -> SoundClasses:
        """Read the class map of a pack.

        Raises:
            EngineError: it is not there, or not the map of `CLASS_COUNT` classes.
        """
        try:
            with (folder / CLASS_MAP).open(newline="", encoding="utf-8") as file:
                names = tuple(row["display_name"] for row in csv.DictReader(file))
        except (OSError, KeyError, ValueError) as exc:
            raise EngineError("pack_missing", f"the class map {CLASS_MAP} can't be read; {CHECK_PACKS}") from exc
        if len(names) != CLASS_COUNT:
            raise EngineError(
                "pack_missing", f"the class map {CLASS_MAP} has {len(names)} classes, not {CLASS_COUNT}; {CHECK_PACKS}"
            )
        return cls(names)

    def phrases(self) -> Iterator[tuple[int, str]]:
        """Each class by number with each way to say it: the whole name, its parts, and everyday words."""
        for number, name in enumerate(self.names):
            for phrase in _phrases(name):
                yield number, phrase

    def spoken_name(self, number: int) -> str:
        """What the class is called among the sounds of a clip; empty for one that is left out."""
        name = self.names[number]
        return "" if _UNSPOKEN.match(name) else name.lower()

    def numbers(self, *names: str) -> Sequence[int]:
        """The numbers of classes by their names."""
        return [self.names.index(name) for name in names]


def _phrases(name: str) -> tuple[str, ...]:
    bare = _PARENTHESES.sub("", name)
    parts = [part.strip() for part in bare.split(",")] if "," in bare else []
    aliases = _ALIASES.get(name, "").split("; ")
    found = (name, bare, *parts, *aliases)
    return tuple(dict.fromkeys(phrase for phrase in found if phrase and phrase != "etc."))


class Yamnet:
    """One loaded network, on one thread: the worker processes are the parallelism."""

    def __init__(self, path: Path) -> None:
        # By name: it is an extra, and only the workers of a profile that tags sounds pay for it.
        runtime = importlib.import_module("ai_edge_litert.interpreter")
        try:
            self._network: Any = runtime.Interpreter(model_path=str(path), num_threads=1)
            self._network.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as exc:
            raise EngineError(
                "pack_missing", f"the model {path.name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}"
            ) from exc
        entry = self._network.get_input_details()[0]
        # Builds differ in the order of their outputs and in whether the frame has a batch dimension.
        scores = [each for each in self._network.get_output_details() if each["shape"][-1] == CLASS_COUNT]
        if int(np.prod(entry["shape"])) != FRAME_SAMPLES or not scores:
            raise EngineError(
                "pack_missing", f"the model {path.name} is not YAMNet: it takes {entry['shape']}; {CHECK_PACKS}"
            )
        self._entry, self._shape, self._scores = entry["index"], tuple(entry["shape"]), scores[0]["index"]

    @classmethod
    @cache
    def from_pack(cls, folder: Path) -> Yamnet:
        """The network of a pack, loaded once a process."""
        return cls(folder / MODEL_FILE)

    def scores(self, sound: Floats) -> Floats:
        """Scores 0..1, float32 (frames, 521), of `sound` (float32 at 16 kHz); at least one frame, padded with zeros."""
        last = max(0, sound.size - FRAME_SAMPLES)
        starts = [*range(0, last, HOP_SAMPLES), last]
        return np.stack([self._frame(sound[at : at + FRAME_SAMPLES]) for at in starts])

    def _frame(self, sound: Floats) -> Floats:
        padded = np.pad(sound, (0, FRAME_SAMPLES - sound.size)).astype(np.float32)
        self._network.set_tensor(self._entry, padded.reshape(self._shape))
        self._network.invoke()
        found: Floats = self._network.get_tensor(self._scores).reshape(CLASS_COUNT).astype(np.float32)
        return found


def pooled(scores: Floats, classes: SoundClasses) -> Floats:
    """One score a class (521,) of a clip from the scores of its frames (frames, 521)."""
    strongest = max(1, round(len(scores) * _STRONGEST_SHARE))
    found: Floats = np.sort(scores, axis=0)[-strongest:].mean(axis=0)
    # A clip is silent only if it is silent all along.
    for silence in classes.numbers("Silence"):
        found[silence] = float(scores[:, silence].mean()) ** 4
    return found


def sound_block(scores: Floats, measures: Floats) -> Floats:
    """The block (656,) of a clip, unit length, from its pooled scores (521,) and the base profile's block (128,)."""
    tags = np.zeros(TAG_DIMENSION, np.float32)
    tags[:CLASS_COUNT] = np.sqrt(np.clip(scores, 0.0, 1.0))
    return _joined(tags, measures)


def names_of(scores: Floats, classes: SoundClasses) -> tuple[str, ...]:
    """What is heard in a clip, the surest first."""
    surest = [int(number) for number in np.argsort(-scores, kind="stable") if scores[number] >= _LEAST_SCORE]
    return tuple(filter(None, (classes.spoken_name(number) for number in surest)))[:_MOST_NAMES]


@dataclass(frozen=True, eq=False)
class TextTagger:
    """Fills the sound block of a text: classes by the nearness of words, properties by plain sound words."""

    _texts: SentenceEmbedder
    _centre: Floats  # (384,), the mean of the classes' names
    _phrases: Floats  # (phrases, 384), unit rows
    _numbers: np.ndarray  # (phrases,), the class of each

    @classmethod
    def of(cls, classes: SoundClasses, texts: SentenceEmbedder) -> TextTagger:
        """The tagger for these classes; embeds their names, which takes about a second."""
        # What all names share (sound, music, noise) says nothing about any of them.
        centre: Floats = texts.embed(classes.names).mean(axis=0)
        numbers, phrases = zip(*classes.phrases(), strict=True)
        return cls(texts, centre, unit_rows(texts.embed(phrases) - centre), np.array(numbers))

    def cosines(self, text: str) -> Floats:
        """How near the words of `text` are to those of each class (521,), at least 0."""
        embedded = self._texts.embed([text])[0]
        found = np.zeros(CLASS_COUNT, np.float32)
        if embedded.any():
            np.maximum.at(found, self._numbers, self._phrases @ unit_rows((embedded - self._centre)[None])[0])
        return found

    def sound_block(self, text: str) -> Floats:
        """The block (656,) of a text query: a unit vector, or zeros where it names no sound and no property.

        What keeps a text from being sure of a class lies in a dimension that no sound fills, so that its cosine with
        any sound is smaller by as much.
        """
        cosines = self.cosines(text)
        ramp = (float(cosines.max()) - _LEAST_COSINE) / (_SURE_COSINE - _LEAST_COSINE)
        sureness = min(max(ramp, 0.0), 1.0)
        tags = np.zeros(TAG_DIMENSION, np.float32)
        if sureness > 0.0:
            tags[:CLASS_COUNT] = sureness * unit_rows((cosines**_SHARPNESS)[None])[0]
            tags[NOTHING_DIMENSION] = np.sqrt(1.0 - sureness**2)
        return _joined(tags, property_block(text))


def _joined(tags: Floats, measures: Floats) -> Floats:
    parts = [_TAG_WEIGHT * unit_rows(tags[None])[0], _MEASURE_WEIGHT * unit_rows(measures[None])[0]]
    whole: Floats = unit_rows(np.concatenate(parts)[None])[0]
    return whole


def describe(report: Report, scratch: str, spans: Sequence[Segment], start_sec: float, pack: str) -> Described:
    """Sound blocks (segments, 656) and names of sounds; `pack` is the folder of the model."""
    classes, network = SoundClasses.from_pack(Path(pack)), Yamnet.from_pack(Path(pack))
    blocks, names = [], []
    for done, (sound, ratio) in enumerate(segment_sounds(scratch, spans, start_sec)):
        scores = pooled(network.scores(sound), classes)
        blocks.append(sound_block(scores, measured_block(sound, ratio)))
        names.append(heard_names(sound, SAMPLE_RATE_HZ, names_of(scores, classes)))
        report((done + 1) / len(spans))
    return Described.of(blocks, names)
