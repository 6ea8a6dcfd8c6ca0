"""Local files as sources: inside the allowed folders or sent by callers, regular ones, known by their content."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_api import FileChanged, NoRegularFile, OpenFile, SourceFile
from soundbite_api.files import FileIdentity
from soundbite_tools.errors import SourceProblem, WorkFailed
from soundbite_tools.sources.disk import as_spelled
from soundbite_tools.text import file_label, plain_text

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import Library, LibraryConfig


INLINE_FOLDER = "inline"
"""Below the home folder: audio that came inside a call."""
_MOST_NAMES_READ = 2000
# Up to so long after a change the next one may leave the same time of change, as file systems count it.
_SETTLED_NS = 3_000_000_000
_MOST_HASHES = 10_000
_hashes: dict[tuple[FileIdentity, int | None], str] = {}
UPLOAD_SCHEME = "upload:"
UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
UPLOADS_FOLDER = "uploads"
"""Below the home folder: a folder for each file that was received."""
_LONGEST_NAME = 100
# File systems take 255 bytes; what is put before or after a name needs some.
_LONGEST_NAME_BYTES = 200
_FALLBACK = "recording"


@dataclass(frozen=True)
class FileFacts:
    """What identifies a file's content; `mtime_ns` and `size_bytes` tell cheaply whether it changed."""

    content_hash: str
    size_bytes: int
    mtime_ns: int
    source: SourceFile
    """The file that was looked at, untouched since."""


def allowed_file(name: str, config: LibraryConfig) -> Path:
    """Return the real path of a file that may be read, links followed before the check.

    Raises:
        SourceProblem: no such file, a folder, outside the allowed folders, or relative where nothing is to start from.
    """
    path = _real_path(name, config)
    if not config.may_read(path):
        # The same answer whether or not it exists: what lies outside is nobody's business.
        raise SourceProblem(
            f"{file_label(name)} is outside the folders that may be read.",
            _allowed_folders(config),
            code="path_refused",
        )
    try:
        mode = path.lstat().st_mode
    except OSError as exc:
        raise SourceProblem(f"There is no file {file_label(name)}.", _did_you_mean(path), code="file_missing") from exc
    if stat.S_ISDIR(mode):
        raise SourceProblem(
            f"{file_label(name)} is a folder.",
            "Give one audio file at a time; `soundbite add FOLDER` embeds whole folders.",
            code="is_folder",
        )
    return path


def read_facts(source: SourceFile, config: LibraryConfig) -> FileFacts:
    """Return size, modification time and SHA-256 of a file, opened once and without following links.

    Raises:
        SourceProblem: not a regular file, empty, too large, unreadable, or changed while it was read.
    """
    name = file_label(source.name)
    try:
        with source.open() as file:
            _check_size(file, config)
            content_hash = _hash_of(file)
            return FileFacts(
                content_hash, file.size_bytes, file.identity.mtime_ns, SourceFile(source.path, file.identity)
            )
    except NoRegularFile as exc:
        raise SourceProblem(
            f"{name} is not a regular file.", "Give the path of an audio file.", code="not_a_file"
        ) from exc
    except FileChanged as exc:
        raise SourceProblem(
            f"{name} changed while it was read.",
            "Wait until nothing writes to it any more, and embed it again.",
            code="source_changed",
        ) from exc
    except OSError as exc:
        raise SourceProblem(
            f"{name} can't be read: {exc.strerror or type(exc).__name__}.",
            "Check the file's permissions, or give another file.",
            code="file_unreadable",
        ) from exc


def recorded_file(asset: Asset, *, is_same_date: bool = False) -> SourceFile | None:
    """Return the file of a recording where it still holds the sound that was embedded; None where it does not.

    Where something is erased it is to be silent. Its content counts: size and time can be given to any file, and a link
    in its place is not followed. It is hashed once a process. `is_same_date` also wants the time at which it was
    written.
    """
    if asset.source_kind not in ("file", "base64"):
        return None
    path = Path(asset.source_uri)
    try:
        # A file of ours lies in the library's folder, to which a person may have set links.
        source = SourceFile(path) if asset.source_kind == "file" else SourceFile.at(path)
        with source.open() as file:
            if file.size_bytes != asset.size_bytes or (is_same_date and file.identity.mtime_ns != asset.mtime_ns):
                return None
            content_hash = _hash_of(file)
    except (OSError, RuntimeError, ValueError):
        return None
    if content_hash not in (asset.content_hash, asset.copy_hash):
        return None
    return SourceFile(source.path, file.identity, content_hash, asset.erased)


def is_silent_copy(asset: Asset) -> bool:
    """Return whether the file of a recording is the library's copy with silence where something is erased."""
    source = recorded_file(asset)
    return source is not None and source.content_hash == asset.copy_hash != asset.content_hash


def _hash_of(file: OpenFile) -> str:
    """The SHA-256 of an open file; read again only where it may have been touched since it was read.

    Raises:
        FileChanged: it was written to meanwhile.
        OSError: it can't be read.
    """
    key = (file.identity, file.identity.ctime_ns)
    if known := _hashes.get(key):
        return known
    content_hash = file.sha256()
    file.check_unchanged()
    if time.time_ns() - (file.identity.ctime_ns or 0) > _SETTLED_NS:
        if len(_hashes) >= _MOST_HASHES:
            _hashes.clear()
        _hashes[key] = content_hash
    return content_hash


def is_unchanged(path: Path, size_bytes: int, mtime_ns: int) -> bool:
    """Return whether a regular file is still there, not through a link, with this size and modification time."""
    try:
        with SourceFile(path).open() as file:
            return (file.size_bytes, file.identity.mtime_ns) == (size_bytes, mtime_ns)
    except OSError:
        return False


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
            f"{file_label(name)} is a relative path, and over HTTP caller and server have no folder in common.",
            f"Give the whole path of a file on the server. {_allowed_folders(config)}",
            code="path_relative",
        )
    try:
        path = as_spelled((config.working_folder or Path()) / Path(name).expanduser()).resolve()
    except (OSError, RuntimeError, UnicodeEncodeError) as exc:
        # A loop of links, a name too long, an unknown ~user, or characters that no file name has.
        raise SourceProblem(
            f"{file_label(name)} is not a usable path.", "Give the path of an audio file.", code="path_invalid"
        ) from exc
    if not _is_text(path):
        raise SourceProblem(
            f"{file_label(name)} has a name that is not UTF-8, which the library can't keep.",
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
    return f"Did you mean {' or '.join(map(file_label, close))}?" if close else "Check the path and the spelling."


def _check_size(file: OpenFile, config: LibraryConfig) -> None:
    name = file_label(file.name)
    if file.size_bytes == 0:
        raise SourceProblem(f"{name} is empty (0 bytes).", "Give a file that holds sound.", code="source_empty")
    limit = config.largest_file_bytes if config.file_urls else config.largest_upload_bytes
    if file.size_bytes > limit:
        raise SourceProblem(
            f"{name} is {file.size_bytes / 2**20:.0f} MB, more than the {limit / 2**20:.0f} MB taken.",
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
    last = (
        plain_text(re.split(r"[/\\]", name)[-1][-4 * _LONGEST_NAME :], 4 * _LONGEST_NAME).replace(":", "_").lstrip(".")
    )
    last = last[-_LONGEST_NAME:].encode("utf-8", "replace")[-_LONGEST_NAME_BYTES:].decode("utf-8", "ignore")
    return last.lstrip(".").strip() or _FALLBACK


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
    """Delete the copy of audio that was sent where nothing of it was entered, or a copy with silence is there already.

    Raises:
        StoreError: the ledger can't be read.
    """
    if path is None or not path.is_relative_to(library.config.home):
        return
    asset = await (await library.ledger()).get_asset(asset_id)
    is_inline = path.parent == library.config.home / INLINE_FOLDER
    if (asset is None and is_inline) or (asset and asset.erased and asset.source_uri != str(path)):
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


async def sound_file(library: Library, asset: Asset) -> SourceFile | None:
    """Return the file that holds the sound of a recording; None where none is here, or it is not the same any more.

    Raises:
        StoreError: the ledger can't be read.
    """
    if asset.source_kind in ("file", "base64"):
        source = await anyio.to_thread.run_sync(lambda: recorded_file(asset, is_same_date=True))
        # Its content was compared just now; from here on it is enough that nobody touches it.
        return replace(source, content_hash="") if source else None
    platform_asset_id: str | None = asset.source_uri
    if asset.source_kind == "url":
        platform_asset_id = await (await library.ledger()).get_platform_asset(
            library.config.platform, asset.content_hash
        )
    source = await library.media_reader.asset_file(platform_asset_id) if platform_asset_id else None
    return replace(source, silences=asset.erased) if source else None


async def silent_flac(library: Library, asset: Asset, source: SourceFile, folder: Path) -> Path:
    """Return a file in a folder with the sound of a recording, silent where something is erased.

    Raises:
        MediaProblem: it can't be read or written.
    """
    out, track = folder / "sound.flac", str(json.loads(asset.metadata_json or "{}").get("track", ""))
    await library.media_reader.to_flac(replace(source, content_hash=""), out, 0.0, None, track)
    return out
