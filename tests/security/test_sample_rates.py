"""Sounds of a few samples a second: refused in a sentence, in each codec and container that can carry them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from soundbite_engine.errors import MediaError
from soundbite_engine.workers.media import probe
from soundbite_engine.workers.pool import WorkerPool

# Those that FFmpeg can write at 50 Hz; Opus, MP3, AAC, AC-3, WMA and speech codecs have fixed rates from 7,350 Hz on.
CARRIERS = (
    *[("wav", codec) for codec in ("pcm_s16le", "pcm_u8", "pcm_f32le", "pcm_mulaw", "adpcm_ima_wav", "adpcm_ms")],
    *[("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("aiff", "adpcm_ima_qt"), ("au", "pcm_s16be")],
    *[("caf", "pcm_s16le"), ("caf", "alac"), ("flac", "flac"), ("ogg", "flac"), ("mov", "alac"), ("mov", "pcm_s16le")],
    *[("matroska", codec) for codec in ("flac", "pcm_s16le", "wavpack")],
    *[("wv", "wavpack"), ("tta", "tta"), ("avi", "pcm_s16le")],
)


def write(path: Path, kind: str, codec: str, rate_hz: int, seconds: int = 20) -> Path:
    """A beat of two samples, of `rate_hz` samples a second."""
    with av.open(str(path), "w", format=kind) as container:
        stream = cast("AudioStream", container.add_stream(codec, rate=rate_hz))
        stream.codec_context.layout = "mono"
        sound = np.tile(np.array([9000, -9000], np.int16), seconds * rate_hz // 2)[None]
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        size = stream.codec_context.frame_size or 0
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate_hz, size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("kind", "codec"), CARRIERS, ids=[f"{codec} in {kind}" for kind, codec in CARRIERS])
async def test_a_sound_of_few_samples_a_second_is_refused_in_a_sentence(kind: str, codec: str, tmp_path: Path) -> None:
    async with WorkerPool(1) as pool, asyncio.timeout(60):
        for rate_hz in (50, 3999):
            with pytest.raises(MediaError, match=rf"has {rate_hz} samples a second; at least 4000 are needed"):
                await probe(write(tmp_path / f"{rate_hz}.{kind}", kind, codec, rate_hz), pool)
        media = await probe(write(tmp_path / f"4000.{kind}", kind, codec, 4000), pool)
    assert media.sample_rate_hz == 4000


async def test_four_hours_in_a_few_bytes_cost_nothing(tmp_path: Path) -> None:
    """The file that took two minutes and a gigabyte."""
    path = tmp_path / "hours.flac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=50, options={"frame_size": "65535"})
        stream.codec_context.layout = "mono"
        for at in range(11):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 65_535), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 50, at * 65_535
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.stat().st_size < 10_000
    async with WorkerPool(1, memory_mb=256) as pool, asyncio.timeout(30):
        with pytest.raises(MediaError, match="samples a second"):
            await probe(path, pool)
