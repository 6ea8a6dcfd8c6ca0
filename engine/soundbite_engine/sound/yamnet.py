"""YAMNet through LiteRT: scores of sound classes, a frame at a time, and the words a person has for the classes."""

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

from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.space import Floats

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


MODEL_FILE = "yamnet.tflite"
FRAME_SAMPLES = 15_600  # .975 s at 16 kHz, what the network takes
HOP_SAMPLES = 7_680  # .48 s, as its authors step


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
