"""Real audio for the media tests: tones, noise and clicks made with numpy, encoded with PyAV."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

RATE_HZ = 16_000
Sound = np.ndarray
WriteAudio = Callable[..., Path]


def _tone(seconds: float, hz: float = 440.0, level: float = 0.3, rate_hz: int = RATE_HZ) -> Sound:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def _noise(seconds: float, level: float = 0.1, seed: int = 7, rate_hz: int = RATE_HZ) -> Sound:
    return (np.random.default_rng(seed).normal(0, level, round(seconds * rate_hz))).astype(np.float32)


def _silence(seconds: float, rate_hz: int = RATE_HZ) -> Sound:
    return np.zeros(round(seconds * rate_hz), np.float32)


@pytest.fixture
def tone() -> Callable[..., Sound]:
    return _tone


@pytest.fixture
def noise() -> Callable[..., Sound]:
    return _noise


@pytest.fixture
def silence() -> Callable[..., Sound]:
    return _silence


def _as_int16(sound: Sound) -> np.ndarray:
    return (np.clip(sound, -1, 1) * 32767).astype("<i2")


def _write_wav(path: Path, sound: Sound, rate_hz: int) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(sound.shape[1] if sound.ndim > 1 else 1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(_as_int16(sound).tobytes())


_CODECS = {".mp3": ("mp3", "libmp3lame"), ".m4a": ("mp4", "aac"), ".flac": ("flac", "flac"), ".ogg": ("ogg", "libopus")}


def _write_encoded(path: Path, sound: Sound, rate_hz: int) -> None:
    container_name, codec = _CODECS[path.suffix]
    with av.open(str(path), "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        resampler = av.AudioResampler(stream.format, "mono", rate_hz, stream.codec_context.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(_as_int16(sound).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


@pytest.fixture
def write_audio(tmp_path: Path) -> WriteAudio:
    """`write_audio("name.mp3", sound)` -> path; wav, mp3, m4a, flac, ogg (opus)."""

    def write(name: str, sound: Sound, rate_hz: int = RATE_HZ) -> Path:
        path = tmp_path / name
        (_write_wav if path.suffix == ".wav" else _write_encoded)(path, sound, rate_hz)
        return path

    return write


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """`write_video("name.mp4", sound or None)` -> a one-second picture, with a sound track if given."""

    def write(name: str, sound: Sound | None) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            video = container.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
            audio = None if sound is None else container.add_stream("aac", rate=RATE_HZ)
            if audio is not None:
                audio.layout = "mono"
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
            if audio is not None and sound is not None:
                resampler = av.AudioResampler(audio.format, "mono", RATE_HZ, 1024)
                frame = av.AudioFrame.from_ndarray(_as_int16(sound).reshape(1, -1), format="s16", layout="mono")
                frame.sample_rate = RATE_HZ
                for part in [*resampler.resample(frame), *resampler.resample(None)]:
                    container.mux(audio.encode(part))
                container.mux(audio.encode(None))
        return path

    return write


@pytest.fixture
def samples() -> Path:
    """The project's own recordings."""
    return Path(__file__).parents[3] / "samples"
