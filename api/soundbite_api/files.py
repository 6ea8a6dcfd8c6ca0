"""Files that must be the very ones that were looked at: opened without following links, and known by their identity.

A path is only where a file was. Whoever reads one carries a `SourceFile`, opens it once, and takes every byte from the
`OpenFile`: whatever happens to the path meanwhile, nothing else is read.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import WriteableBuffer

_FRAGMENT = re.compile(
    r"identity=(\d+)-(\d+)-(\d+)-(-?\d+)(?:&sha256=([0-9a-f]{64}))?(?:&silent=(\d+\.\d+-\d+\.\d+(?:,\d+\.\d+-\d+\.\d+)*))?\Z"
)
Span = tuple[float, float]
"""From one second to another."""
_BLOCK_BYTES = 1024 * 1024
ABOUT_TRACKS = " audio tracks: "
"""In a warning of our engine between the number of a file's tracks, where it has several, and which are heard."""


class FileChanged(OSError):
    """Another file lies where one was looked at, or the same one with another content."""


class NoRegularFile(OSError):
    """A pipe, a device or a socket lies where a file should be."""


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file on this machine from every other one, and from what it was before it was written to.

    `ctime_ns` is no part of it: another name or other rights change that too. Where it is known it has to be the same
    when the file is opened, which holds for as long as a file is being worked on.
    """

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the identity that the status of an open descriptor tells."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @classmethod
    def of_fragment(cls, fragment: str) -> Self | None:
        """Return the identity in the fragment of a file URL; None where it holds none."""
        match = _FRAGMENT.match(fragment)
        return cls(*map(int, match.groups()[:4])) if match else None

    @property
    def fragment(self) -> str:
        """The identity as the fragment of a file URL."""
        return f"identity={self.device}-{self.inode}-{self.size_bytes}-{self.mtime_ns}"

    def is_that_of(self, other: FileIdentity) -> bool:
        """Return whether it is the same file, and was not touched as far as both know."""
        return self == other and (None in (self.ctime_ns, other.ctime_ns) or self.ctime_ns == other.ctime_ns)


@dataclass(frozen=True)
class SourceFile:
    """A file to be read: where it lies, which one it must be, and the SHA-256 of what it must hold."""

    path: Path
    """Absolute and without links."""
    identity: FileIdentity | None = None
    """None takes the file that lies there."""
    content_hash: str = ""
    """Compared with what was read; empty is not known."""
    silences: tuple[Span, ...] = ()
    """Where whoever decodes it has silence, in seconds of the sound, whatever the file holds."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the file at a path that nobody else can change: links on the way are followed here, once.

        Raises:
            OSError, RuntimeError, ValueError: no file can have that path.
        """
        return cls(path.resolve())

    @classmethod
    def of_fragment(cls, path: Path, fragment: str) -> Self:
        """Return the file at a path with what a fragment of its URL says of it."""
        match = _FRAGMENT.match(fragment)
        if match is None:
            return cls(path)
        spans = (span.split("-") for span in match[6].split(",")) if match[6] else ()
        silences = tuple((float(start), float(end)) for start, end in spans)
        return cls(path, FileIdentity.of_fragment(fragment), match[5] or "", silences)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def fragment(self) -> str:
        """What is known of the file, as the fragment of its URL; empty where that is nothing."""
        if self.identity is None:
            return ""
        spans = ",".join(f"{start:.3f}-{end:.3f}" for start, end in self.silences)
        content = f"&sha256={self.content_hash}" if self.content_hash else ""
        return self.identity.fragment + content + (f"&silent={spans}" if spans else "")

    @property
    def url(self) -> str:
        """The file's address, which names this file and no other."""
        return f"{self.path.as_uri()}#{self.fragment}" if self.identity else self.path.as_uri()

    def open(self) -> OpenFile:
        """Return the file, open for reading.

        Raises:
            OSError: see `open_pinned`; also where it is no regular file.
        """
        return OpenFile(self)


class OpenFile:
    """A file opened once, of which any number of readers take bytes, each from its own position."""

    def __init__(self, source: SourceFile) -> None:
        """Open the file.

        Raises:
            OSError: see `SourceFile.open`.
        """
        self.source = source
        self._descriptor = _opened(source.path, source.identity)
        self._status = os.fstat(self._descriptor)
        self._turn = threading.Lock()
        if not stat.S_ISREG(self._status.st_mode):
            self.close()
            if stat.S_ISDIR(self._status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), source.name)
            raise NoRegularFile(errno.EINVAL, "it is no regular file", source.name)
        self.identity = FileIdentity.of(self._status)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    @property
    def size_bytes(self) -> int:
        """Its size when it was opened."""
        return self._status.st_size

    def reader(self) -> BinaryIO:
        """Return a reader from the beginning; closing it leaves the file open."""
        return cast("BinaryIO", io.BufferedReader(_Reader(self)))

    def read_at(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes from `offset` on."""
        if sys.platform != "win32":
            return os.pread(self._descriptor, count, offset)
        with self._turn:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)

    def fileno(self) -> int:
        """The descriptor, whose own position nobody may count on."""
        return self._descriptor

    def sha256(self) -> str:
        """Return the SHA-256 of the whole content, in hexadecimal digits."""
        digest, offset = hashlib.sha256(), 0
        while block := self.read_at(offset, _BLOCK_BYTES):
            digest.update(block)
            offset += len(block)
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Make sure that nobody wrote to it since it was opened.

        Raises:
            FileChanged: somebody did.
        """
        if not FileIdentity.of(os.fstat(self._descriptor)).is_that_of(self.identity):
            raise FileChanged(f"{self.name} changed while it was read; embed it again")

    def check(self) -> None:
        """Make sure that what was read is what it had to be.

        Raises:
            FileChanged: somebody wrote to it since it was opened, or its content is not that of `content_hash`.
        """
        expected = self.source.content_hash
        if expected and self.sha256() != expected:
            raise FileChanged(f"{self.name} changed before it was read; embed it again")
        self.check_unchanged()

    def close(self) -> None:
        """Close the file; its readers end with it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Reader(io.RawIOBase):
    """The bytes of an open file from a position of its own."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        block = self._file.read_at(self._at, len(view))
        view[: len(block)] = block
        self._at += len(block)
        return len(block)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: os.fstat(self.fileno()).st_size}[whence]
        if begin + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = begin + offset
        return self._at


def open_pinned(path: Path, identity: FileIdentity | None = None) -> BinaryIO:
    """Return the file at an absolute path without links, open for reading; `identity` is the one it must have.

    No component of the path may be a link, so that nobody can lead the way elsewhere between a check and the opening:
    each folder is opened from the one before it (Linux), or the system itself refuses links (macOS). Where neither can
    be had (Windows), the whole path is opened, and compared with where the handle says that it leads.

    Raises:
        OSError: a component is missing, a link or unreadable. `FileChanged`: it is not the file with that identity.
    """
    descriptor = _opened(path, identity)
    try:
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _opened(path: Path, identity: FileIdentity | None) -> int:
    descriptor = _open_without_links(path)
    try:
        if identity is not None and not FileIdentity.of(os.fstat(descriptor)).is_that_of(identity):
            raise FileChanged(f"{path.name} is not the file any more that was looked at")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_without_links(path: Path) -> int:
    if not path.is_absolute() or ".." in path.parts:
        raise OSError(errno.EINVAL, "the path is not absolute, or goes up again", str(path))
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if sys.platform == "win32":
        descriptor = os.open(path, flags)
        if os.path.normcase(_final_path(descriptor)) != os.path.normcase(path):
            os.close(descriptor)
            raise FileChanged(f"{path.name} is reached through a link")
        return descriptor
    if sys.platform == "darwin":
        return os.open(path, flags | os.O_NOFOLLOW_ANY)
    # O_PATH: a folder that may be entered need not be readable.
    folder_flags = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
    folder = os.open(path.anchor, folder_flags)
    try:
        for name in path.parts[1:-1]:
            below = os.open(name, folder_flags, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(path.parts[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)


if sys.platform == "win32":

    def _final_path(descriptor: int) -> str:
        """Where an open file lies, which no link that is set later can change."""
        import ctypes
        import msvcrt

        buffer = ctypes.create_unicode_buffer(32768)
        handle = msvcrt.get_osfhandle(descriptor)
        length = ctypes.windll.kernel32.GetFinalPathNameByHandleW(ctypes.c_void_p(handle), buffer, len(buffer), 0)
        if not 0 < length < len(buffer):
            return ""
        name = buffer.value
        return "\\\\" + name[8:] if name.startswith("\\\\?\\UNC\\") else name.removeprefix("\\\\?\\")
