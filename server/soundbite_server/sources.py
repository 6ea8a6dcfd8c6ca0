"""Recordings named on a command line: files, folders, patterns, addresses, and folders that are watched."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from soundbite_tools import printable

# What a folder is looked through for; a file named outright is tried whatever it is called.
# fmt: off
SUFFIXES = frozenset((
    ".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff", ".wma", ".ac3", ".amr",
    ".caf", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm",
))
# fmt: on
_ADDRESS = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PATTERN = re.compile(r"[*?\[]")
_State = tuple[int, int]


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
    """Return the media files in a folder and the folders in it, hidden ones left out, in order."""
    paths: list[Path] = []
    # Unlike Path.rglob, it goes on where a folder vanishes while it is read.
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = [Path(parent, name) for name in names if not name.startswith(".")]
        paths += [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(paths)


def _address(word: str) -> Iterable[Source]:
    return (Source(word, None),)


def _file(path: Path) -> Source:
    return Source(str(path.absolute()), path.absolute())


def _path(word: str) -> Path:
    try:
        return Path(unquote(urlsplit(word).path) if word.startswith("file://") else word).expanduser()
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
    for path in map(Path, sorted(glob.glob(str(pattern), recursive=True))):  # noqa: PTH207 - Path.glob takes no absolute pattern
        if path.is_dir():
            paths += media_in(path)
        elif path.suffix.lower() in SUFFIXES | {pattern.suffix.lower()}:
            paths.append(path)
    return paths


def _some(paths: list[Path], otherwise: str) -> list[Path]:
    if not paths:
        raise NoSource(otherwise)
    return paths


class FolderWatch:
    """Finds recordings that are new or changed, once they have stopped growing."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._seen: dict[Path, _State] = {}
        self._taken: dict[Path, _State] = {}

    def take(self, paths: Sequence[Path]) -> None:
        """Count files as taken as they are now."""
        self._taken |= {path: state for path in paths if (state := _state(path))}

    def look(self) -> list[Path]:
        """Return the files that are new or changed and have not changed since the look before this one."""
        now = {
            path.absolute(): state
            for folder in self._folders
            for path in media_in(folder)
            if (state := _state(path)) and state[0]
        }
        # A file that somebody still copies or records looks different every time.
        settled = [path for path, state in now.items() if self._seen.get(path) == state != self._taken.get(path)]
        self._seen = now
        self._taken |= {path: now[path] for path in settled}
        return settled


def _state(path: Path) -> _State | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
