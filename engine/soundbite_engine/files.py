"""Writing what arrives to disk, off the event loop and in bounded memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

BUFFER_BYTES = 1024 * 1024


class FileSink:
    """A file being written; bytes go to disk in pieces of 1 MiB, in a thread.

    Use as an async context manager. An exception removes the file, unless it existed before (`offset` given: bytes
    then go into it from there). `size` counts the bytes accepted; `md5` is known after the block.
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
        self._file = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._close, exc is None))

    async def write(self, data: bytes) -> None:
        """Add `data` at the end."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) >= BUFFER_BYTES:
            full, self._buffer = self._buffer, bytearray()
            await asyncio.to_thread(self._flush, full)

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._offset is None:
            return self.path.open("wb")
        file = self.path.open("r+b")
        file.seek(self._offset)
        return file

    def _flush(self, data: bytes | bytearray) -> None:
        assert self._file is not None
        self._digest.update(data)
        self._file.write(data)

    def _close(self, is_whole: bool) -> None:
        assert self._file is not None
        with self._file as file:
            if is_whole:
                self._flush(self._buffer)
                file.flush()
                os.fsync(file.fileno())
        self.md5 = self._digest.hexdigest()
        if not is_whole and self._offset is None:
            self.path.unlink(missing_ok=True)


async def receive(body: AsyncIterator[bytes], sink: FileSink) -> None:
    """Write a whole body."""
    async for piece in body:
        if piece:
            await sink.write(piece)


def remove(path: Path) -> None:
    """Delete a file if it is there."""
    path.unlink(missing_ok=True)
