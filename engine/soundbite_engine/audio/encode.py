"""A short stretch of a recording as the bytes of a small audio file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError

from soundbite_engine.audio.decode import Samples, decoded_blocks
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import ClipFormat

MAX_CLIP_SEC = 600.0


@dataclass(frozen=True)
class _Recipe:
    container: str
    codec: str
    rate_hz: int
    bit_rate: int
    sample_format: str


_RECIPES = {
    "wav": _Recipe("wav", "pcm_s16le", 16_000, 0, "s16"),  # what speech models take
    "mp3": _Recipe("mp3", "libmp3lame", 24_000, 56_000, "s16p"),
    "opus": _Recipe("ogg", "libopus", 24_000, 32_000, "s16"),
    "flac": _Recipe("flac", "flac", 24_000, 0, "s16"),
}
_FRAME_SAMPLES = 1152


def cut(report: Report, path: str, start_sec: float, end_sec: float, fmt: ClipFormat) -> bytes:
    """`start_sec` to `end_sec` of the file at `path` as a whole mono file of format `fmt`.

    Raises:
        MediaError: see `decoded_blocks`; also a stretch of more than ten minutes.
    """
    del report
    if end_sec - start_sec > MAX_CLIP_SEC:
        raise MediaError("media_too_long", f"a clip is at most {MAX_CLIP_SEC:g} s, not {end_sec - start_sec:.1f} s")
    recipe = _RECIPES[fmt]
    samples = np.concatenate(list(decoded_blocks(path, start_sec, end_sec, recipe.rate_hz)))
    try:
        return _encoded(samples, recipe)
    except FFmpegError as exc:
        raise MediaError("media_unreadable", f"the clip can't be written as {fmt}: {exc}") from exc


def _encoded(samples: Samples, recipe: _Recipe) -> bytes:
    out = io.BytesIO()
    with av.open(out, mode="w", format=recipe.container) as container:
        stream = container.add_stream(recipe.codec, rate=recipe.rate_hz)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = recipe.sample_format
        if recipe.bit_rate:
            stream.bit_rate = recipe.bit_rate
        for frame in [*_frames(samples, recipe, stream.codec_context.frame_size or _FRAME_SAMPLES), None]:
            container.mux(stream.encode(frame))
    return out.getvalue()


def _frames(samples: Samples, recipe: _Recipe, frame_samples: int) -> Iterator[AudioFrame]:
    for at in range(0, samples.size, frame_samples):
        part = samples[at : at + frame_samples].reshape(1, -1)
        frame = AudioFrame.from_ndarray(part, format=recipe.sample_format, layout="mono")
        frame.sample_rate = recipe.rate_hz
        frame.pts = at
        yield frame
