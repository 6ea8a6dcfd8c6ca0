"""Recordings named on a command line: files, folders, patterns, and addresses."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from soundbite_engine.formats import SUFFIXES, TEXT_SUFFIXES
from soundbite_tools import printable

_ADDRESS = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_HEAD_BYTES = 1024
_PATTERN = re.compile(r"[*?\[]")


class NoSource(Exception):
    """A folder or a pattern names no recording; the message says which."""


@dataclass(frozen=True)
class Source:
    """One recording that a command line names."""

    address: str
    """An absolute path, or an address."""
    path: Path | None
    """The file; None for an address."""

    @property
    def name(self) -> str:
        """What to call it while it is worked on: one line, without characters that steer a terminal."""
        return printable(self.path.name if self.path else self.address.rstrip("/").rpartition("/")[2] or self.address)

    @property
    def size_bytes(self) -> int:
        """The file's size; 0 where it is not known."""
        return self.path.stat().st_size if self.path and self.path.is_file() else 0


def find_sources(words: Sequence[str]) -> list[Source]:
    """Return the recordings that the words name, in order, each once.

    Raises:
        NoSource: a folder or a pattern names none.
    """
    sources: dict[str, Source] = {}
    for word in words:
        for source in _address(word) if _ADDRESS.match(word) else map(_file, _paths(word)):
            sources.setdefault(source.address, source)
    return list(sources.values())


def source_folders(words: Sequence[str]) -> list[Path]:
    """Return the folders that were named."""
    return [path for path in map(_path, words) if path.is_dir()]


def media_in(folder: Path) -> list[Path]:
    """Return the media files in a folder and the folders in it, hidden ones left out, in order.

    A file named outright is tried whatever it is called.
    """
    return [path for path in files_in(folder) if is_media(path)]


def left_out(words: Sequence[str]) -> list[Path]:
    """Return the files in the folders that were named which are not taken for media, hidden ones aside."""
    return [path for folder in source_folders(words) for path in files_in(folder) if not is_media(path)]


def is_media(path: Path) -> bool:
    """Return whether a file is called like audio or video, and is not source code that is called like it."""
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES:
        return suffix in SUFFIXES
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return True  # why it can't be read is said when its turn comes
    try:
        return "\0" in head[: _HEAD_BYTES - 4].decode()
    except UnicodeDecodeError:
        return True


def files_in(folder: Path) -> list[Path]:
    """Return all files in a folder and the folders in it, hidden ones left out, in order; a file is itself."""
    if folder.is_file():
        return [folder]
    paths: list[Path] = []
    # Unlike Path.rglob, it goes on where a folder vanishes while it is read.
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = [Path(parent, name) for name in names if not name.startswith(".")]
        paths += [path for path in inside if path.is_file()]
    return sorted(paths)


def _address(word: str) -> Iterable[Source]:
    return (Source(word, None),)


def _file(path: Path) -> Source:
    return Source(str(path.absolute()), path.absolute())


def _path(word: str) -> Path:
    from soundbite_tools import as_spelled

    try:
        return as_spelled(Path(unquote(urlsplit(word).path) if word.startswith("file://") else word).expanduser())
    except RuntimeError:
        return Path(word)  # "~name" is a file where nobody is called that


def _paths(word: str) -> list[Path]:
    if not word.strip():
        raise NoSource('A name is empty: "". Say . to mean the folder you are in.')
    path = _path(word)
    try:
        path.lstat()
    except FileNotFoundError:
        pass  # may be a pattern, and otherwise it is said when its turn comes
    except OSError as exc:
        raise NoSource(f"{printable(word)} can't be looked at: {exc.strerror}.") from exc
    if path.is_dir():
        return _some(media_in(path), f"There are no audio or video files in {printable(str(path))}.")
    if path.exists() or not _PATTERN.search(word):
        return [path]
    # Some shells (that of Windows for one) hand patterns on, and quotes protect them in the others.
    return _some(_matching(path), f"No audio or video file matches {printable(word)}.")


def _matching(pattern: Path) -> list[Path]:
    paths: list[Path] = []
    # Brackets are a set of characters in a pattern, and just as often a part of a name.
    named = str(pattern).replace("[", "[[]")
    matches = {match for words in (str(pattern), named) for match in glob.glob(words, recursive=True)}  # noqa: PTH207 - Path.glob takes no absolute pattern
    for path in map(Path, sorted(matches)):
        if path.is_dir():
            paths += media_in(path)
        elif is_media(path) or path.suffix.lower() == pattern.suffix.lower():
            paths.append(path)
    return paths


def _some(paths: list[Path], otherwise: str) -> list[Path]:
    if not paths:
        raise NoSource(otherwise)
    return paths
