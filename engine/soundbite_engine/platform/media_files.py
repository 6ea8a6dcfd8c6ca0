"""The media files of an engine: written as they arrive, kept in its home, or referenced where they lie."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mimetypes
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

from soundbite_api.files import FileIdentity, SourceFile, open_pinned
from soundbite_engine.errors import DiskError, MediaError
from soundbite_engine.platform.errors import FetchError, invalid
from soundbite_engine.workers.media import MediaInfo

BUFFER_BYTES = 1024 * 1024
LONGEST_NAME = 255
_FILE_URL = "A file URL is file:/// and an absolute path, with ? and # percent-encoded."
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}\Z")
# Python's own table knows few sounds and follows the machine's; these answers are the same everywhere.
_TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".aiff": "audio/aiff",
    ".wma": "audio/x-ms-wma",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}


class FileSink:
    """A file being written; bytes go to disk in pieces of 1 MiB, in a thread.

    Use as an async context manager. An exception removes the file, unless it is one of several parts (`offset` given:
    bytes go into the file from there). `size` counts the bytes accepted; `md5` is known after the block.

    Raises:
        DiskError: the file can't be made or written.
    """

    def __init__(self, path: Path, *, offset: int | None = None) -> None:
        self.path = path
        self.size = 0
        self.md5 = ""
        self._offset = offset
        self._buffer = bytearray()
        self._digest = hashlib.md5(usedforsecurity=False)  # an ETag, as object stores make it
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        with _named():
            self._file = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _named():
            await asyncio.shield(asyncio.to_thread(self._close, exc is None))

    async def write(self, data: bytes) -> None:
        """Add `data` at the end."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) >= BUFFER_BYTES:
            full, self._buffer = self._buffer, bytearray()
            with _named():
                await asyncio.to_thread(self._flush, full)

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._offset is None:
            return self.path.open("wb")
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")
        file.seek(self._offset)
        return file

    def _flush(self, data: bytes | bytearray) -> None:
        assert self._file is not None
        self._digest.update(data)
        self._file.write(data)

    def _close(self, is_whole: bool) -> None:
        assert self._file is not None
        try:
            with self._file as file:
                if is_whole:
                    self._flush(self._buffer)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError:
            is_whole = False
            raise
        finally:
            if not is_whole and self._offset is None:
                self.path.unlink(missing_ok=True)
        self.md5 = self._digest.hexdigest()


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise DiskError.of(exc) from exc


def remove(path: Path) -> None:
    """Delete a file if it is there."""
    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class IncomingMedia:
    """Media whose bytes are in a file of the incoming folder."""

    path: Path
    size: int
    filename: str


class MediaFolder:
    """The media files of one engine home."""

    def __init__(self, home: Path) -> None:
        self._media = home / "media"
        self._incoming = home / "incoming"

    def incoming(self, name: str) -> Path:
        """Where the bytes called `name` arrive."""
        return self._incoming / name

    def path_of(self, asset_id: str, filename: str) -> Path:
        """Where an asset's bytes stay; the suffix is kept because it helps to recognise some formats."""
        suffix = Path(filename).suffix.lower()
        return self._media / (asset_id + (suffix if _SUFFIX.match(suffix) else ""))

    def located(self, path: Path) -> Path:
        """Where a file of this home is that was recorded under a path: the home may have been moved since."""
        return (self._incoming if path.parent.name == self._incoming.name else self._media) / path.name

    def keep(self, arrived: Path, asset_id: str, filename: str) -> Path:
        """Move a file that has arrived whole to where it stays."""
        self._media.mkdir(parents=True, exist_ok=True)
        return arrived.replace(self.path_of(asset_id, filename))

    def tidy(self, before: float) -> None:
        """Delete what began to arrive before a time (seconds since 1970) and never did."""
        for path in _older(self._incoming, before):
            path.unlink(missing_ok=True)

    def media_before(self, before: float) -> dict[str, Path]:
        """The media that has been here since before a time (seconds since 1970), by the id of its asset."""
        return {path.name.partition(".")[0]: path for path in _older(self._media, before)}

    def media_of(self, asset_id: str) -> list[Path]:
        """The files that hold an asset's bytes: one, unless a process was killed while it changed them."""
        return [path for path in self._media.glob(f"{asset_id}*") if path.stem == asset_id]


def _older(folder: Path, before: float) -> Iterator[Path]:
    for path in folder.glob("*"):
        # Another engine of this home may delete it at the same moment.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                yield path


def clean_name(filename: str) -> str:
    """The name a client gave, without folders and control characters, at most 255 long."""
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(char for char in last if char.isprintable()).strip()[:LONGEST_NAME] or "upload"


def file_type(filename: str, info: MediaInfo | None = None) -> str:
    """The MIME type of a file by its name, and whether it is sound or pictures by what was found in it."""
    suffix = Path(filename).suffix.lower()
    named = _TYPES.get(suffix) or mimetypes.guess_type(filename, strict=False)[0] or "application/octet-stream"
    if info is None or named.startswith("video/" if info.has_video else "audio/"):
        return named
    kind = "video" if info.has_video else "audio"
    return f"{kind}/{info.container.partition(',')[0]}"


def technical_metadata(info: MediaInfo, mime_type: str) -> dict[str, Any]:
    """The wire's `technical_metadata` (contract 2.2)."""
    streams = [
        {
            "index": track.number - 1,
            "codec": track.codec,
            "sample_rate": track.sample_rate_hz,
            "channels": track.channels,
            "duration_seconds": info.duration_sec if track.number == info.track else None,
            "language": track.language or None,
            "title": track.title or None,
        }
        for track in info.tracks
    ]
    return {
        "file_size_bytes": info.size_bytes,
        "file_mime_type": mime_type,
        "file_container_format": info.container,
        "audio_streams": [{name: value for name, value in stream.items() if value is not None} for stream in streams],
        "audio_codec": info.codec,
        "audio_sample_rate": info.sample_rate_hz,
        "audio_channels": info.channels,
        "audio_duration_seconds": info.duration_sec,
        "has_audio": info.has_audio,
        "total_audio_streams": len(streams),
    }


def referenced_file(url: str) -> SourceFile:
    """The file a `file:///...` URL names; with a fragment `identity=...` (`SourceFile.fragment`) it must be that one.

    Raises:
        Refused: not an absolute path on this machine.
        FetchError: there is no such file, a link is on the way to it, or it can't be opened.
        MediaError: it is another file than the fragment says.
    """
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise invalid("url", _FILE_URL) from exc
    source = SourceFile.of_fragment(Path(url2pathname(parts.path)), parts.fragment)
    if parts.netloc not in ("", "localhost") or parts.query or (parts.fragment and source.identity is None):
        raise invalid("url", _FILE_URL)
    if not source.path.is_absolute():
        raise invalid("url", "A file URL needs an absolute path.")
    identity = _identity_of(source.path)
    if source.identity not in (None, identity):
        raise _changed(source.path)
    return replace(source, identity=identity)


def same_file(reference: SourceFile, size: int | None, mtime_ns: int | None) -> SourceFile:
    """The file that was referenced, to be opened untouched from now on; an old reference has no identity.

    Raises:
        FetchError: it is gone.
        MediaError: it has changed.
    """
    now = _identity_of(reference.path)
    if reference.identity not in (None, now) or (now.size_bytes, now.mtime_ns) != (size, mtime_ns):
        raise _changed(reference.path)
    return replace(reference, identity=now)


def _identity_of(path: Path) -> FileIdentity:
    try:
        with open_pinned(path) as file:
            status = os.fstat(file.fileno())
    except (OSError, ValueError) as exc:
        raise FetchError(
            "url_failed", f"{path.name} can't be opened: {getattr(exc, 'strerror', None) or exc}."
        ) from exc
    if not stat.S_ISREG(status.st_mode):
        raise FetchError("url_refused", f"{path.name} is not a file.")
    return FileIdentity.of(status)


def _changed(path: Path) -> MediaError:
    return MediaError("media_changed", f"{path.name} has changed since it was referenced; create the asset again")
