"""Files that must be the very ones that were looked at: opened without following links, and known by their identity."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

_FRAGMENT = re.compile(r"identity=(\d+)-(\d+)-(\d+)-(-?\d+)\Z")


class FileChanged(OSError):
    """Another file lies where one was looked at, or the same one with another content."""


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file on this machine from every other one, and from what it was before it was written to."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the identity that the status of an open descriptor tells."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def of_fragment(cls, fragment: str) -> Self | None:
        """Return the identity in the fragment of a file URL; None where it holds none."""
        match = _FRAGMENT.match(fragment)
        return cls(*map(int, match.groups())) if match else None

    @property
    def fragment(self) -> str:
        """The identity as the fragment of a file URL."""
        return f"identity={self.device}-{self.inode}-{self.size_bytes}-{self.mtime_ns}"


def open_pinned(path: Path, identity: FileIdentity | None = None) -> BinaryIO:
    """Return the file at an absolute path without links, open for reading; `identity` is the one it must have.

    No component of the path may be a link, so that nobody can lead the way elsewhere between a check and the opening:
    each folder is opened from the one before it. Where the system can't do that (Windows), the whole path is opened
    and then compared with where it really leads.

    Raises:
        OSError: a component is missing, a link or unreadable. `FileChanged`: it is not the file with that identity.
    """
    descriptor = _open_without_links(path)
    try:
        if identity is not None and FileIdentity.of(os.fstat(descriptor)) != identity:
            raise FileChanged(f"{path.name} is not the file any more that was looked at")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _open_without_links(path: Path) -> int:
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    last_flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if os.open not in os.supports_dir_fd:
        descriptor = os.open(path, last_flags)
        if path.resolve() != path.absolute():
            os.close(descriptor)
            raise FileChanged(f"{path.name} is reached through a link")
        return descriptor
    # O_PATH: a folder that may be entered need not be readable.
    folder_flags = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
    folder = os.open(path.anchor, folder_flags)
    try:
        for name in path.parts[1:-1]:
            below = os.open(name, folder_flags, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(path.parts[-1], last_flags, dir_fd=folder)
    finally:
        os.close(folder)
