"""Local files as sources: inside the allowed folders or sent by callers, regular ones, known by their content."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_tools.errors import SourceProblem, WorkFailed
from soundbite_tools.text import plain_text, printable

if TYPE_CHECKING:
    from soundbite_tools.config import LibraryConfig
    from soundbite_tools.library import Library


INLINE_FOLDER = "inline"
"""Below the home folder: audio that came inside a call."""
_BLOCK = 1024 * 1024
_MOST_NAMES_READ = 2000
UPLOAD_SCHEME = "upload:"
UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
UPLOADS_FOLDER = "uploads"
"""Below the home folder: a folder for each file that was received."""
_LONGEST_NAME = 100
_FALLBACK = "recording"


@dataclass(frozen=True)
class FileFacts:
    """What identifies a file's content; `mtime_ns` and `size_bytes` tell cheaply whether it changed."""

    content_hash: str
    size_bytes: int
    mtime_ns: int


def allowed_file(name: str, config: LibraryConfig) -> Path:
    """Return the real path of a file that may be read, links followed before the check.

    Raises:
        SourceProblem: no such file, a folder, outside the allowed folders, or relative where nothing is to start from.
    """
    path = _real_path(name, config)
    if not config.may_read(path):
        # The same answer whether or not it exists: what lies outside is nobody's business.
        raise SourceProblem(
            f"{printable(name)} is outside the folders that may be read.", _allowed_folders(config), code="path_refused"
        )
    try:
        mode = path.lstat().st_mode
    except OSError as exc:
        raise SourceProblem(f"There is no file {printable(name)}.", _did_you_mean(path), code="file_missing") from exc
    if stat.S_ISDIR(mode):
        raise SourceProblem(
            f"{printable(name)} is a folder.",
            "Give one audio file at a time; `soundbite add FOLDER` embeds whole folders.",
            code="is_folder",
        )
    return path


def read_facts(path: Path, config: LibraryConfig) -> FileFacts:
    """Return size, modification time and SHA-256 of a file, opened once.

    Raises:
        SourceProblem: not a regular file, empty, too large, or unreadable.
    """
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            facts = os.fstat(stream.fileno())
            _check_size(path, facts, config)
            digest = hashlib.sha256()
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as exc:
        raise SourceProblem(
            f"{printable(path.name)} can't be read: {exc.strerror or type(exc).__name__}.",
            "Check the file's permissions, or give another file.",
            code="file_unreadable",
        ) from exc
    return FileFacts(digest.hexdigest(), facts.st_size, facts.st_mtime_ns)


def is_unchanged(path: Path, size_bytes: int, mtime_ns: int) -> bool:
    """Return whether a regular file is still there with this size and modification time."""
    try:
        facts = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and (facts.st_size, facts.st_mtime_ns) == (size_bytes, mtime_ns)


def keep_inline(sound: bytes, config: LibraryConfig) -> Path:
    """Return a file below the home folder that holds these bytes; equal bytes share one file.

    Raises:
        WorkFailed: it can't be written.
    """
    path = config.home / INLINE_FOLDER / f"{hashlib.sha256(sound).hexdigest()}.audio"
    try:
        if not (path.is_file() and path.stat().st_size == len(sound)):
            write_whole(path, sound)
    except OSError as exc:
        raise WorkFailed(
            f"The audio can't be kept on this machine: {exc.strerror or type(exc).__name__}.",
            "Make room on its disk, or give the audio as a file path or a URL.",
            code="audio_not_kept",
        ) from exc
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _real_path(name: str, config: LibraryConfig) -> Path:
    if "\0" in name:
        raise SourceProblem("The path holds a NUL character.", "Give a plain file path.", code="path_invalid")
    if config.working_folder is None and not Path(name).is_absolute():
        # Also a name that begins with ~: the caller's home folder is not this process's.
        raise SourceProblem(
            f"{printable(name)} is a relative path, and over HTTP caller and server have no folder in common.",
            f"Give the whole path of a file on the server. {_allowed_folders(config)}",
            code="path_relative",
        )
    try:
        path = ((config.working_folder or Path()) / Path(name).expanduser()).resolve()
    except (OSError, RuntimeError, UnicodeEncodeError) as exc:
        # A loop of links, a name too long, an unknown ~user, or characters that no file name has.
        raise SourceProblem(
            f"{printable(name)} is not a usable path.", "Give the path of an audio file.", code="path_invalid"
        ) from exc
    if not _is_text(path):
        raise SourceProblem(
            f"{printable(name)} has a name that is not UTF-8, which the library can't keep.",
            "Rename the file, and give it again.",
            code="path_invalid",
        )
    return path


def _allowed_folders(config: LibraryConfig) -> str:
    if not config.roots:
        return "No folder is open for reading: set SOUNDBITE_ROOTS, or give the audio as a URL or as base64."
    folders = ", ".join(str(root) for root in config.roots[:5])
    return f"Files may come from {folders} (without hidden folders); SOUNDBITE_ROOTS adds more."


def _did_you_mean(path: Path) -> str:
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES_READ), strict=False)]
    except OSError:
        return "Its folder is not there either: check the path, and that the disk it is on is connected."
    close = difflib.get_close_matches(path.name, [name for name in names if not name.startswith(".")], n=3)
    return f"Did you mean {' or '.join(close)}?" if close else "Check the path and the spelling."


def _check_size(path: Path, facts: os.stat_result, config: LibraryConfig) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise SourceProblem(
            f"{printable(path.name)} is not a regular file.", "Give the path of an audio file.", code="not_a_file"
        )
    if facts.st_size == 0:
        raise SourceProblem(
            f"{printable(path.name)} is empty (0 bytes).", "Give a file that holds sound.", code="source_empty"
        )
    limit = config.largest_file_bytes if config.file_urls else config.largest_upload_bytes
    if facts.st_size > limit:
        raise SourceProblem(
            f"{printable(path.name)} is {facts.st_size / 2**20:.0f} MB, more than the {limit / 2**20:.0f} MB taken.",
            "Cut it into parts or compress it, and embed those.",
            code="source_too_large",
        )


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def received_name(name: str) -> str:
    """Return the last part of a path as the name of a file of ours."""
    last = plain_text(re.split(r"[/\\]", name)[-1], 4 * _LONGEST_NAME).replace(":", "_").lstrip(".")
    return last[-_LONGEST_NAME:].strip() or _FALLBACK


def received_folder(upload_id: str, config: LibraryConfig) -> Path:
    """Return the folder that holds one received file; it is there from the moment its bytes begin to arrive."""
    if not UPLOAD_ID.fullmatch(upload_id):
        raise _unknown(upload_id)
    return config.home / UPLOADS_FOLDER / upload_id


def received_file(upload_id: str, config: LibraryConfig) -> Path:
    """Return the file that was received under an id.

    Raises:
        SourceProblem: none was, or not by this library.
    """
    folder = received_folder(upload_id, config)
    names = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if not names:
        raise _unknown(upload_id)
    return names[0]


async def forget_refused(library: Library, path: Path | None, asset_id: str) -> None:
    """Delete the copy of inline audio of which nothing was entered into the library.

    Raises:
        StoreError: the ledger can't be read.
    """
    if path is None or path.parent != library.config.home / INLINE_FOLDER:
        return
    if await (await library.ledger()).get_asset(asset_id) is None:
        await anyio.to_thread.run_sync(delete, path)


def delete(path: Path) -> None:
    """Delete a file, or a folder with all in it; harmless where another process was quicker."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _unknown(upload_id: str) -> SourceProblem:
    return SourceProblem(
        f"There is no upload {plain_text(upload_id, 80)!r}.",
        "An upload waits a day for embed_audio; send the file again, to a new address.",
        code="upload_unknown",
    )
