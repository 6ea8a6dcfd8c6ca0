"""Opening recordings: which formats are let in, what a container says of itself, where a WAV file ends, and links.

FFmpeg looks for more chunks behind the sound of a WAV file, eight bytes at a time: the zeros that a recorder left
behind a file it had made too long keep it busy for minutes. Nothing behind the size in the header belongs to the file.
Of several recordings behind each other, chained Ogg and joined FLAC, it reads to the end of the first only.
Sources: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), "RIFF"; RFC 3533,
section 4 (a chain of logical streams begins anew with a page that is marked so); RFC 9639, section 6 (a FLAC stream
begins with `fLaC` and a block of 34 bytes).
"""

from __future__ import annotations

import io
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from soundbite_api.files import FileChanged, OpenFile, SourceFile
from soundbite_engine.errors import MediaError
from soundbite_engine.formats import FORMATS
from soundbite_engine.workers.media import MediaFile, MediaInfo

_MOST_CHUNKS = 64
UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # written by those who stream
MAX_CHANNELS = 64
MAX_RATE_HZ = 768_000
OPEN_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "enable_drefs": "0"}
_READ_BUFFER_BYTES = 256 * 1024
_OGG_HEADER = struct.Struct("<4sBB8x4x4x4xB")
_BEGINS_STREAM = 2
_FLAC_BEGINNING = b"fLaC\x00\x00\x00\x22"
_HEAD_BYTES = 64 * 1024
_MOST_LINKS = 1000
Span = tuple[int, int]


def announced_bytes(head: bytes) -> int | None:
    """The length of the file that begins with `head`, as its RIFF header has it; None where it has none."""
    if head[:4] != b"RIFF" or len(head) < 8:
        return None
    (size,) = struct.unpack_from("<I", head, 4)
    return None if size in UNKNOWN_SIZES else size + 8


def up_to_announced(file: IO[bytes]) -> IO[bytes] | Bounded:
    """`file` as it is, or ending where its header says, where its data chunk agrees with that."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    announced = announced_bytes(file.read(12))
    ends_at = _data_end(file) if announced is not None and announced < size else None
    file.seek(0)
    if announced is None or ends_at is None or ends_at > announced:
        return file
    return Bounded(file, announced)


def _data_end(file: IO[bytes]) -> int | None:
    """Where the data chunk ends; None where there is none, or its length is not known."""
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return None if size in UNKNOWN_SIZES else file.tell() + size
        file.seek(size + size % 2, io.SEEK_CUR)
    return None


class Bounded:
    """The bytes `start` to `end` of a binary file, for readers that read, seek and tell."""

    def __init__(self, file: IO[bytes], end: int, start: int = 0) -> None:
        self._file = file
        self._start = start
        self._end = end
        file.seek(start)

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes, all that are left when it is negative."""
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if count < 0 else min(count, left))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position."""
        if whence == io.SEEK_END:
            return self._file.seek(max(self._start, self._end + offset)) - self._start
        if whence == io.SEEK_CUR:
            return self._file.seek(offset, whence) - self._start
        return self._file.seek(self._start + offset) - self._start

    def tell(self) -> int:
        """The position."""
        return self._file.tell() - self._start


@contextmanager
def open_media(media: MediaFile) -> Iterator[OpenFile]:
    """The file `media` names, open for all readers of a job; afterwards it must be what it was.

    Raises:
        MediaError: missing, no file, another file than it must be, or changed while it was read.
    """
    name = media.name if isinstance(media, SourceFile) else Path(media).name
    try:
        file = (media if isinstance(media, SourceFile) else SourceFile.at(Path(media))).open()
    except FileChanged as exc:
        raise MediaError("media_changed", f"{exc}; embed it again") from exc
    except (OSError, RuntimeError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise MediaError("media_not_found", f"{name} can't be opened: {why}") from exc
    with file:
        yield file
        try:
            file.check()
        except FileChanged as exc:
            raise MediaError("media_changed", str(exc)) from exc


@contextmanager
def opened(source: OpenFile, span: Span | None = None) -> Iterator[InputContainer]:
    """The container in a file, or in a `span` of it, read through a file object: a name can never become an address.

    Raises:
        MediaError: empty, or not in a format of `FORMATS`.
    """
    if source.size_bytes == 0:
        raise MediaError("media_empty", f"{source.name} is empty")
    with source.reader() as file:
        view = up_to_announced(file) if span is None else Bounded(file, span[1], span[0])
        try:
            container = av.open(view, mode="r", options=OPEN_OPTIONS, buffer_size=_READ_BUFFER_BYTES)
        except (FFmpegError, ValueError, OSError) as exc:
            raise MediaError(
                "media_unreadable", f"{source.name} is not audio or video that can be read ({reason(exc)})"
            ) from exc
        with container:
            yield container


def reason(exc: BaseException) -> str:
    """FFmpeg's own short words for a failure."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


def audio_stream(container: InputContainer, name: str, index: int = 0) -> AudioStream:
    """An audio track of `container`, that of a video included, by its place among them from 0.

    Raises:
        MediaError: no audio track, no decoder for it, or absurd channels or rate.
    """
    if not container.streams.audio:
        content = "video but no audio track" if container.streams.video else "no audio track"
        raise MediaError("media_no_audio", f"{name} has {content}")
    stream = container.streams.audio[index]
    context = stream.codec_context
    if context is None:
        raise MediaError("media_unreadable", f"{name}: its audio codec is not supported")
    if context.channels > MAX_CHANNELS or context.sample_rate > MAX_RATE_HZ:
        raise MediaError("media_unreadable", f"{name} claims {context.channels} channels at {context.sample_rate} Hz")
    return stream


def describe_container(
    container: InputContainer, stream: AudioStream, source: OpenFile, duration_sec: float | None
) -> MediaInfo:
    """The container's own account of itself and of the track that is heard."""
    return MediaInfo(
        duration_sec=duration_sec,
        container=container.format.name,
        codec=stream.codec_context.name,
        sample_rate_hz=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        size_bytes=source.size_bytes,
        has_audio=True,
        has_video=any(not video.disposition & Disposition.attached_pic for video in container.streams.video),
    )


def links(source: OpenFile) -> list[Span]:
    """Where each recording in a file begins and ends, in bytes; one for all but joined files.

    Raises:
        OSError: it can't be read.
    """
    with source.reader() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"OggS"):
            starts = list(_ogg_starts(file))
        elif _FLAC_BEGINNING in head:
            starts = list(_flac_starts(file))
        else:
            starts = []
    bounds = [0, *starts[1:_MOST_LINKS], size]
    return list(pairwise(bounds))


def _ogg_starts(file: IO[bytes]) -> Iterator[int]:
    at, was_beginning = 0, False
    file.seek(0)
    while len(header := file.read(_OGG_HEADER.size)) == _OGG_HEADER.size:
        mark, _, flags, count = _OGG_HEADER.unpack(header)
        if mark != b"OggS":
            return
        is_beginning = bool(flags & _BEGINS_STREAM)
        if is_beginning and not was_beginning:
            yield at
        was_beginning = is_beginning
        at += _OGG_HEADER.size + count + sum(file.read(count))
        file.seek(at)


def _flac_starts(file: IO[bytes]) -> Iterator[int]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_FLAC_BEGINNING)
        while at >= 0:
            yield at
            at = data.find(_FLAC_BEGINNING, at + len(_FLAC_BEGINNING))
