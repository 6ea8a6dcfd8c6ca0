"""Writing what arrives to disk, off the event loop and in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from soundbite_engine.errors import DiskError

BUFFER_BYTES = 1024 * 1024


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
