"""Voices as vectors: the GE2E speaker encoder, over windows of 1.6 seconds of what is spoken."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.audio.scratch import read_samples, speech_probabilities
from soundbite_engine.audio.spectra import Floats, as_floats
from soundbite_engine.audio.voice_activity import Leniency, Stretch, speech_stretches
from soundbite_engine.errors import CHECK_PACKS, EngineError, MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, TICK_SEC, Span, TrackChoice

VOICE_FILE = "encoder.onnx"
# Between what begins a turn and what a recogniser is given: a telephone's speech counts, steady noise does not.
SPOKEN = Leniency(begin=0.35, end=0.2)

# The encoder's own measures: power in mel bands, 160 windows of 25 ms every 10 ms, at least -30 dB of full scale.
_BANDS, _FRAMES = 40, 160
_WINDOW_SAMPLES, _HOP_SAMPLES = 400, 160
_LEVEL = 10.0 ** (-30.0 / 20.0)
_VOICE_SAMPLES = (_FRAMES - 1) * _HOP_SAMPLES
_VOICE_TICKS = round(1.6 / TICK_SEC)
# Of so much speech, windows that do not overlap tell as much for half the time: three calls of two to four minutes, and
# two or three of them in a row, come out the same. Of 30 s of a meeting they do not (bench/speakers.py).
MUCH_SPEECH_SEC = 180.0
_AT_ONCE = 64
# How much of a speaker makes a voice, and how little is none.
ENOUGH_SEC, LEAST_VOICE_SEC = 60.0, 3.0
_LONGEST_PIECE_SEC, _SHORTEST_PIECE_SEC, _EDGE_SEC = 10.0, 0.6, 0.25
# Slaney's mel scale: even steps up to 1,000 Hz, then 27 steps for a factor of 6.4.
_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0


def voice_windows(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The windows that are encoded: 1.6 s of each stretch of speech, every .8 s, or the whole of a shorter one."""
    return [window for windows in windows_by_stretch(stretches) for window in windows]


def windows_by_stretch(stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """The windows of each stretch; where much is said they hardly overlap."""
    is_much = sum(stretch.seconds for stretch in stretches) > MUCH_SPEECH_SEC
    step = _VOICE_TICKS if is_much else _VOICE_TICKS // 2
    return [_windows(stretch, step) for stretch in stretches]


def _windows(stretch: Stretch, step: int) -> list[Stretch]:
    room = stretch.last - stretch.first - _VOICE_TICKS
    if room <= 0:
        return [stretch]
    steps = -(-room // step)
    firsts = (stretch.first + round(room * at / steps) for at in range(steps + 1))
    return [Stretch(first, first + _VOICE_TICKS) for first in firsts]


def hear_voices(report: Report, scratch: str, first_tick: int, last_tick: int, model: str) -> None:
    """Write the voices of the windows that begin in `first_tick` to `last_tick`, by the encoder in a folder."""
    stretches = speech_stretches(np.asarray(speech_probabilities(scratch)), SPOKEN)
    windows = [window for window in voice_windows(stretches) if first_tick <= window.first < last_tick]
    encoder, parts = VoiceEncoder.load(model), []
    for at in range(0, len(windows), _AT_ONCE):
        parts.append(encoder.encode([_sound(scratch, window) for window in windows[at : at + _AT_ONCE]]))
        report(min(1.0, (at + _AT_ONCE) / len(windows)))
    voices = np.concatenate(parts) if parts else np.zeros((0, VoiceEncoder.dimension), np.float32)
    np.save(Path(scratch) / f"voices-{first_tick:09d}.npy", voices)


def read_voices(scratch: str) -> Floats:
    """The voices of all windows, in order, (windows, 256)."""
    parts = [np.load(path) for path in sorted(Path(scratch).glob("voices-*.npy"))]
    voices: Floats = np.concatenate(parts) if parts else np.zeros((0, VoiceEncoder.dimension), np.float32)
    return voices


def voice_of(
    report: Report, media: MediaFile, turns: Sequence[Span], model: str, track: TrackChoice = None
) -> Floats | None:
    """The voice of who speaks in these turns, in seconds of a file: (256,), unit length; None of too little speech.

    Its longest turns are heard, without their ends, where another may speak still.
    """
    encoder, heard_sec, voices = VoiceEncoder.load(model), 0.0, []
    longest = sorted(turns, key=lambda turn: turn[0] - turn[1])
    for number, (start_sec, end_sec) in enumerate(longest):
        edge_sec = min(_EDGE_SEC, (end_sec - start_sec) / 4)
        first, last = start_sec + edge_sec, min(end_sec - edge_sec, start_sec + edge_sec + _LONGEST_PIECE_SEC)
        if heard_sec >= ENOUGH_SEC or last - first < _SHORTEST_PIECE_SEC:
            break
        try:
            sound = np.concatenate(list(decoded_blocks(media, first, last, SAMPLE_RATE_HZ, track=track)))
        except MediaError:
            continue  # past the end of what decodes
        heard_sec += sound.size / SAMPLE_RATE_HZ
        windows = voice_windows([Stretch(0, sound.size // TICK_SAMPLES)])
        pieces = [as_floats(sound[one.first * TICK_SAMPLES : one.last * TICK_SAMPLES]) for one in windows]
        voices.append(encoder.encode([piece for piece in pieces if piece.size]))
        report(min(1.0, (number + 1) / len(longest)))
    if heard_sec < LEAST_VOICE_SEC:
        return None
    middle = np.concatenate(voices).mean(axis=0)
    voice: Floats = (middle / np.linalg.norm(middle)).astype(np.float32)
    return voice


def _sound(scratch: str, window: Stretch) -> Floats:
    return as_floats(read_samples(scratch, window.first * TICK_SAMPLES, window.last * TICK_SAMPLES))


class VoiceEncoder:
    """The network of one folder: speech to unit vectors, near each other where the same person speaks."""

    dimension = 256

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    @cache
    def load(cls, folder: str) -> VoiceEncoder:
        """The encoder in `folder`, kept for the next call.

        Raises:
            EngineError: there is none, or it can't be loaded.
        """
        runtime = importlib.import_module("onnxruntime")  # by name: only a worker pays for it
        options = runtime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        try:
            path = str(Path(folder) / VOICE_FILE)
            return cls(runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
        except Exception as exc:  # the runtime's own types are not exported
            raise EngineError(
                "pack_missing", f"the speaker encoder can't be loaded ({type(exc).__name__}); {CHECK_PACKS}"
            ) from exc

    def encode(self, sounds: Sequence[Floats]) -> Floats:
        """One unit vector for each sound (float32, 16 kHz), (sounds, 256); what is shorter than 1.6 s is repeated."""
        if not sounds:
            return np.zeros((0, self.dimension), np.float32)
        mels = np.stack([mel_spectrum(_levelled(np.resize(sound, _VOICE_SAMPLES))) for sound in sounds])
        voices: Floats = self._session.run(None, {"mels": mels})[0]
        return voices


def mel_spectrum(sound: Floats) -> Floats:
    """Power in 40 mel bands every 10 ms, (frames, 40), as librosa's `melspectrogram` has it; no logarithm."""
    padded = np.pad(sound, _WINDOW_SAMPLES // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * _hann())
    mels: Floats = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _filters()
    return mels


def _levelled(sound: Floats) -> Floats:
    level = float(np.sqrt((sound**2).mean())) or 1.0
    levelled: Floats = sound * np.float32(max(_LEVEL / level, 1.0))
    return levelled


@cache
def _hann() -> Floats:
    window: Floats = np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    return window


@cache
def _filters() -> Floats:
    """Triangles of equal area, 201 x 40."""
    top = _BREAK_HZ / _LINEAR_HZ + np.log(SAMPLE_RATE_HZ / 2 / _BREAK_HZ) / _LOG_STEP
    steps = np.linspace(0.0, top, _BANDS + 2)
    above = steps - _BREAK_HZ / _LINEAR_HZ
    edges = np.where(above < 0, steps * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * above))
    bins = np.arange(_WINDOW_SAMPLES // 2 + 1)[:, None] * (SAMPLE_RATE_HZ / _WINDOW_SAMPLES)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    filters: Floats = (np.maximum(0.0, np.minimum(rising, falling)) * area).astype(np.float32)
    return filters
