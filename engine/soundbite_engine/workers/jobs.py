"""The jobs a worker process can be asked for, by name, and the messages in which they and their results travel.

A job is a function `job(report, *args)`; `report(fraction)` tells how far it is, 0 to 1. The functions are
named by strings and imported in the worker, so that the pool's own process never loads a decoder or a model.

A message is a length, then a pickle. A worker handles hostile files, so what it sends is read by an unpickler that
makes nothing but numpy arrays and this package's own values: its dataclasses and its errors.
"""

from __future__ import annotations

import importlib
import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from soundbite_engine.errors import EngineError

Report = Callable[[float], None]
Job = Callable[..., Any]

JOBS = {
    "probe": "soundbite_engine.audio.decode:probe",
    "decode": "soundbite_engine.audio.decode:decode_to_scratch",
    "decode_growing": "soundbite_engine.analysis.growing:decode_growing",
    "cut": "soundbite_engine.audio.encode:cut",
    "to_flac": "soundbite_engine.audio.encode:to_flac",
    "copy_sound": "soundbite_engine.audio.encode:copy_sound",
    "levels": "soundbite_engine.audio.encode:levels",
    "listen": "soundbite_engine.analysis.listening:listen",
    "plan": "soundbite_engine.analysis.listening:plan",
    "segment": "soundbite_engine.analysis.listening:segment",
    "describe": "soundbite_engine.analysis.listening:describe",
    "describe_tags": "soundbite_engine.sound.yamnet:describe",
    "describe_clap": "soundbite_engine.sound.clap:describe",
    "voice": "soundbite_engine.speech.voices:voice_of",
    "hear_voices": "soundbite_engine.speech.voices:hear_voices",
    "tell_speakers": "soundbite_engine.speech.turns:tell_speakers",
    "recognise": "soundbite_engine.speech.recognition:recognise",
    "load_models": "soundbite_engine.analysis.listening:load_models",
    "embed_clips": "soundbite_engine.analysis.listening:embed_clips",
}
HEADER = struct.Struct(">Q")
MAX_FRAME_BYTES = 512 * 1024 * 1024
_NUMPY_NAMES = frozenset({"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar"})


def find_job(name: str, module: str = __name__) -> Job:
    """The function of job `name` in the `JOBS` table of `module`.

    Raises:
        KeyError: the table has no such job.
    """
    table: dict[str, str] = importlib.import_module(module).JOBS
    target, _, function = table[name].partition(":")
    found: Job = getattr(importlib.import_module(target), function)
    return found


class FrameError(Exception):
    """The bytes are not a frame this package wrote."""


class _ResultUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        is_numpy = module.partition(".")[0] == "numpy" and name in _NUMPY_NAMES
        is_own = module.startswith("soundbite_engine.") and "." not in name
        value = super().find_class(module, name) if is_numpy or is_own else None
        # Not all that a module of ours names is a value of ours: it imports what opens files and starts threads.
        if value is None or not (is_numpy or (value.__module__ == module and _is_value(value))):
            raise FrameError(f"a worker sent a {module}.{name}")
        return value


def _is_value(value: Any) -> bool:
    return isinstance(value, type) and (is_dataclass(value) or issubclass(value, EngineError))


def encode(value: object) -> bytes:
    """`value` as one frame."""
    body = pickle.dumps(value, protocol=5)
    return HEADER.pack(len(body)) + body


def body_size(header: bytes) -> int:
    """Bytes of the body that follow `header`.

    Raises:
        FrameError: more than `MAX_FRAME_BYTES`.
    """
    (size,) = HEADER.unpack(header)
    if size > MAX_FRAME_BYTES:
        raise FrameError(f"a frame claims {size} bytes")
    return int(size)


def decode_untrusted(body: bytes) -> Any:
    """The value of a frame that a worker sent.

    Raises:
        FrameError: not a pickle, or one that would make anything but arrays and this package's values.
    """
    try:
        return _ResultUnpickler(io.BytesIO(body)).load()
    except FrameError:
        raise
    except Exception as exc:  # a damaged pickle may raise nearly anything
        raise FrameError(f"a worker sent what can't be read: {exc}") from exc
