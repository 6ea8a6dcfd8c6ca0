"""CLAP, as ONNX files: a sound and a text to unit vectors of one space; and the job that describes segments by it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.errors import CHECK_PACKS, EngineError
from soundbite_engine.machine import onnx_providers
from soundbite_engine.sound.sound_blocks import Described, Floats, heard_names, unit_rows
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import Segment, TrackChoice

RATE_HZ = 48_000
WINDOW_SAMPLES = 10 * RATE_HZ
FRAMES = 1001
BANDS = 64
_FFT_SAMPLES = 1024
_HOP_SAMPLES = 480
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 14_000.0
_LEAST_POWER = 1e-10

# The Slaney scale: straight up to 1 kHz, logarithmic from there.
_HZ_PER_MEL = 200.0 / 3.0
_CORNER_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0
CLAP_DIMENSION = 512
MOST_TOKENS = 77  # what the text encoder was trained on
AUDIO_FILE, TEXT_FILE, TOKENIZER_FILE = "audio_model.onnx", "text_model.onnx", "tokenizer.json"


def windows(sound: Floats) -> list[Floats]:
    """`sound` (float32 at 48 kHz) in windows of ten seconds; a shorter one is repeated and filled up with zeros.

    The rest after whole windows is left out if it is under a second and there is a whole one.
    """
    found = [_filled(sound[at : at + WINDOW_SAMPLES]) for at in range(0, max(sound.size, 1), WINDOW_SAMPLES)]
    is_rest_short = len(found) > 1 and 0 < sound.size % WINDOW_SAMPLES < RATE_HZ
    return found[:-1] if is_rest_short else found


def log_mel(window: Floats) -> Floats:
    """Decibels, float32 (1001, 64), of a window of ten seconds."""
    padded = np.pad(window, _FFT_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[::_HOP_SAMPLES]
    power = np.abs(np.fft.rfft(frames * _hann(), axis=1)) ** 2
    mels = np.maximum(power @ _filters(), _LEAST_POWER)
    decibels: Floats = (10.0 * np.log10(mels)).astype(np.float32)
    return decibels


def _filled(sound: Floats) -> Floats:
    repeated = np.tile(sound, max(1, WINDOW_SAMPLES // max(sound.size, 1)))[:WINDOW_SAMPLES]
    filled: Floats = np.pad(repeated, (0, WINDOW_SAMPLES - repeated.size)).astype(np.float32)
    return filled


@cache
def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FFT_SAMPLES) / _FFT_SAMPLES)


@cache
def _filters() -> np.ndarray:
    """Triangles of equal area (Slaney), (513, 64)."""
    corners_hz = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2))
    bins_hz = np.linspace(0.0, RATE_HZ / 2, _FFT_SAMPLES // 2 + 1)
    slopes = corners_hz[None, :] - bins_hz[:, None]
    widths = np.diff(corners_hz)
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    triangles: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    filters: np.ndarray = triangles * (2.0 / (corners_hz[2:] - corners_hz[:-2]))
    return filters


def _mel(hz: float) -> float:
    if hz < _CORNER_HZ:
        return hz / _HZ_PER_MEL
    return _CORNER_HZ / _HZ_PER_MEL + float(np.log(hz / _CORNER_HZ) / _LOG_STEP)


def _hz(mels: np.ndarray) -> np.ndarray:
    corner = _CORNER_HZ / _HZ_PER_MEL
    curved = _CORNER_HZ * np.exp(_LOG_STEP * (np.maximum(mels, corner) - corner))
    return np.where(mels < corner, mels * _HZ_PER_MEL, curved)


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
        return runtime.InferenceSession(str(path), options, providers=onnx_providers(runtime))
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


def describe(
    report: Report,
    scratch: str,
    spans: Sequence[Segment],
    start_sec: float,
    pack: str,
    source: MediaFile,
    track: TrackChoice,
) -> Described:
    """Sound blocks (segments, 512); `pack` is the folder of the model, `source` the recording, and `track` of it.

    CLAP hears up to 14 kHz and the scratch file ends at 8, so the spans are decoded once more, at 48 kHz.
    """
    del scratch, start_sec
    first_sec = spans[0].start_sec
    sound = _decoded(source, first_sec, spans[-1].end_sec, track)
    encoder = SoundEncoder.from_pack(Path(pack))
    blocks, names = [], []
    for done, span in enumerate(spans):
        first, last = (round((at - first_sec) * RATE_HZ) for at in (span.start_sec, span.end_sec))
        blocks.append(encoder.embed(sound[first : max(last, first + 1)]))
        names.append(heard_names(sound[first:last], RATE_HZ))
        report((done + 1) / len(spans))
    return Described.of(blocks, names)


def _decoded(source: MediaFile, start_sec: float, end_sec: float, track: TrackChoice) -> Floats:
    from soundbite_engine.audio.decode import decoded_blocks  # in workers alone: a server loads no decoder

    blocks = list(decoded_blocks(source, start_sec, end_sec, rate_hz=RATE_HZ, track=track))
    sound: Floats = np.concatenate(blocks).astype(np.float32) / np.float32(32768.0)
    return sound
