"""CLAP's two encoders, as ONNX files: a sound and a text to unit vectors of one space."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.sound.clap_mel import log_mel, windows
from soundbite_engine.space import Floats, unit_rows

CLAP_DIMENSION = 512
AUDIO_FILE, TEXT_FILE, TOKENIZER_FILE = "audio_model.onnx", "text_model.onnx", "tokenizer.json"
MOST_TOKENS = 77  # what the text encoder was trained on


class SoundEncoder:
    """The encoder of sounds, on `threads` threads: worker processes are the parallelism, so one is the rule."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = _session(path, threads)
        self._entry = self._session.get_inputs()[0].name
        self._out = _output(self._session, "audio_embeds", path)

    @classmethod
    @cache
    def from_pack(cls, folder: Path) -> SoundEncoder:
        """The encoder of a pack, loaded once a process."""
        return cls(folder / AUDIO_FILE)

    def embed(self, sound: Floats) -> Floats:
        """Unit vector (512,) of `sound` (float32 at 48 kHz): the mean of its windows of ten seconds."""
        # One by one: together they are no quicker, hold more memory, and the 8 bits would be scaled by the loudest.
        found = [self.encode([log_mel(window)]) for window in windows(sound)]
        mean: Floats = unit_rows(unit_rows(np.concatenate(found)).mean(axis=0)[None])[0]
        return mean

    def encode(self, pictures: Sequence[Floats]) -> Floats:
        """Vectors (n, 512) of n log-mel pictures that go through the network together."""
        embedded: Floats = self._session.run([self._out], {self._entry: np.stack(pictures)[:, None]})[0]
        return embedded


class TextEncoder:
    """The encoder of texts, and its tokenizer."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        tokenizers = importlib.import_module("tokenizers")
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self._tokenizer.no_padding()
        self._session = _session(folder / TEXT_FILE, threads)
        self._entries = {each.name for each in self._session.get_inputs()}
        self._out = _output(self._session, "text_embeds", folder / TEXT_FILE)

    def embed(self, text: str) -> Floats:
        """Unit vector (512,) of `text`; zeros for a text without any word."""
        if not text.strip():
            return np.zeros(CLAP_DIMENSION, np.float32)
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        found = self._session.run([self._out], {name: fed[name] for name in self._entries})[0]
        unit: Floats = unit_rows(np.asarray(found, np.float32))[0]
        return unit


def _session(path: Path, threads: int) -> Any:
    runtime = importlib.import_module("onnxruntime")  # by name: it is an extra, and takes a moment to load
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # the runtime's own errors have no common parent but this
        raise EngineError(
            "pack_missing", f"the model {path.name} can't be loaded ({type(exc).__name__}); {CHECK_PACKS}"
        ) from exc


def _output(session: Any, wanted: str, path: Path) -> str:
    outputs = {each.name: each.shape for each in session.get_outputs()}
    if wanted not in outputs or outputs[wanted][-1] != CLAP_DIMENSION:
        raise EngineError(
            "pack_missing", f"the model {path.name} is not CLAP: it gives {', '.join(outputs)}; {CHECK_PACKS}"
        )
    return wanted
