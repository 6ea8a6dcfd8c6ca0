"""A recording, or a stretch of it, as a FLAC file: streamed, so that hours take no more memory than seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError

from soundbite_engine.audio.containers import announced_sec, audio_stream, opened
from soundbite_engine.audio.decode import Samples, decoded_blocks
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report

_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 16_000, 48_000
_FRAME_SAMPLES = 4608


def to_flac(report: Report, path: str, out: str, start_sec: float, end_sec: float | None) -> None:
    """Write a stretch of the sound in `path` to `out`: mono, 16 bits, the rate of the source up to 48 kHz.

    Raises:
        MediaError: see `decoded_blocks`; also when `out` can't be written.
    """
    rate_hz, until_sec = _rate_and_end(path, end_sec)
    frames = _frames(decoded_blocks(path, start_sec, end_sec, rate_hz), rate_hz)
    try:
        with av.open(out, mode="w", format="flac") as container:
            stream = container.add_stream("flac", rate=rate_hz)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = "mono"
            stream.codec_context.format = "s16"
            for frame in frames:
                container.mux(stream.encode(frame))
                if until_sec > start_sec and frame.pts is not None:
                    report(min(1.0, frame.pts / rate_hz / (until_sec - start_sec)))
            container.mux(stream.encode(None))
    except (FFmpegError, OSError) as exc:
        raise MediaError("media_unreadable", f"{Path(path).name} can't be written as FLAC: {exc}") from exc


def _rate_and_end(path: str, end_sec: float | None) -> tuple[int, float]:
    source = Path(path)
    with opened(source) as container:
        stream = audio_stream(container, source.name)
        rate_hz = min(max(stream.codec_context.sample_rate, _LOWEST_RATE_HZ), _HIGHEST_RATE_HZ)
        return rate_hz, end_sec or announced_sec(container, stream) or 0.0


def _frames(blocks: Iterator[Samples], rate_hz: int) -> Iterator[AudioFrame]:
    # The encoder takes frames of one size, only the last may be shorter.
    held, at = np.zeros(0, np.int16), 0
    for block in blocks:
        held = np.concatenate([held, block])
        whole = held.size - held.size % _FRAME_SAMPLES
        for first in range(0, whole, _FRAME_SAMPLES):
            yield _frame(held[first : first + _FRAME_SAMPLES], rate_hz, at + first)
        held, at = held[whole:], at + whole
    if held.size:
        yield _frame(held, rate_hz, at)


def _frame(samples: Samples, rate_hz: int, pts: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    frame.pts = pts
    return frame
