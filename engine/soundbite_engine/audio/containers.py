"""Opening recordings: which formats are let in, what a container says of itself, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from soundbite_engine.audio.riff import up_to_announced
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.media import MediaInfo

MAX_CHANNELS = 64
MAX_RATE_HZ = 768_000

# A recording names no other file: no playlist, no concatenation script, no manifest is on this list.
FORMATS = (
    "wav,w64,aiff,caf,au,voc,flac,mp3,aac,ac3,eac3,dts,amr,amrnb,amrwb,ogg,mov,mp4,m4a,matroska,webm,asf,avi,"
    "mpeg,mpegts,flv,wv,ape,tta,tak,mpc,mpc8,dsf,loas,nistsphere"
)
_OPEN_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "enable_drefs": "0"}
_READ_BUFFER_BYTES = 256 * 1024


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container at `path`, opened through a file object: a name can never become an address.

    Raises:
        MediaError: missing, empty, or not in a format of `FORMATS`.
    """
    try:
        file: IO[bytes] = path.open("rb")
    except OSError as exc:
        raise MediaError("media_not_found", f"{path.name} can't be opened: {exc.strerror or exc}") from exc
    with file:
        if os.fstat(file.fileno()).st_size == 0:  # not by its name, which may be another's by now
            raise MediaError("media_empty", f"{path.name} is empty")
        try:
            container = av.open(up_to_announced(file), mode="r", options=_OPEN_OPTIONS, buffer_size=_READ_BUFFER_BYTES)
        except (FFmpegError, ValueError, OSError) as exc:
            raise MediaError(
                "media_unreadable", f"{path.name} is not audio or video that can be read ({reason(exc)})"
            ) from exc
        with container:
            yield container


def reason(exc: BaseException) -> str:
    """FFmpeg's own short words for a failure."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


def audio_stream(container: InputContainer, name: str) -> AudioStream:
    """The first audio track of `container`, that of a video included.

    Raises:
        MediaError: no audio track, no decoder for it, or absurd channels or rate.
    """
    if not container.streams.audio:
        held = "video but no audio track" if container.streams.video else "no audio track"
        raise MediaError("media_no_audio", f"{name} has {held}")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise MediaError("media_unreadable", f"{name}: its audio codec is not supported")
    if context.channels > MAX_CHANNELS or context.sample_rate > MAX_RATE_HZ:
        raise MediaError("media_unreadable", f"{name} claims {context.channels} channels at {context.sample_rate} Hz")
    return stream


def announced_sec(container: InputContainer, stream: AudioStream) -> float | None:
    """Seconds of sound the container claims, or None."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def origin_sec(container: InputContainer) -> float:
    """The timestamp a player shows as 0:00."""
    return 0.0 if container.start_time is None else container.start_time / av.time_base


def describe_container(container: InputContainer, path: Path) -> MediaInfo:
    """The container's own account of itself.

    Raises:
        MediaError: see `audio_stream`.
    """
    stream = audio_stream(container, path.name)
    return MediaInfo(
        duration_sec=announced_sec(container, stream),
        container=container.format.name,
        codec=stream.codec_context.name,
        sample_rate_hz=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        size_bytes=path.stat().st_size,
        has_audio=True,
        has_video=any(not video.disposition & Disposition.attached_pic for video in container.streams.video),
    )
