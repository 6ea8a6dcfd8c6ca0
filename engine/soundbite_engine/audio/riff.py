"""How far a WAV file reaches by its own account, and a view of it that ends there.

FFmpeg looks for more chunks behind the sound, eight bytes at a time: the zeros that a recorder left behind a file it
had made too long keep it busy for minutes. Nothing behind the size in the header belongs to the file.
Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), "RIFF".
"""

from __future__ import annotations

import io
import struct
from typing import IO

_MOST_CHUNKS = 64
UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # written by those who stream


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
    """A binary file that ends after `size` bytes, for readers that read, seek and tell."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes, all that are left when it is negative."""
        left = max(0, self._size - self._file.tell())
        return self._file.read(left if count < 0 else min(count, left))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position."""
        if whence == io.SEEK_END:
            return self._file.seek(max(0, self._size + offset))
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()
