"""YAMNet through LiteRT: scores of sound classes, a frame at a time."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.sound.yamnet_classes import CLASS_COUNT
from soundbite_engine.space import Floats

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
