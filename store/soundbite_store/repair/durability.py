"""What was acknowledged survives a power cut: new files reach the disk before a write returns.

LanceDB never calls fsync; without this a reset can leave the newest manifest empty, and then the table does not
open again (tenequm/pond#110). A table that was torn all the same opens again at the last version that can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_store.errors import StoreCorrupt, StoreError, StoreFull, lance_errors, tells_of_damage

if TYPE_CHECKING:
    from lancedb import AsyncTable

_SPARE_BYTES = 16 << 20
_INDEXES = "_indices"
_SYNCS_AT_ONCE = 8
_HAS_DIRECTORY_FSYNC = os.name != "nt"
_log = logging.getLogger(__name__)
_MAGIC = b"LANC"  # the last bytes of every whole file of these kinds
_SUFFIXES = frozenset({".manifest", ".lance", ".idx"})
_MAX_STEPS_BACK = 50


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a table, told from another that was given the same number after a repair."""

    version: int
    file: int
    written_ns: int


class TableFolder:
    """One table's files on a local disk."""

    def __init__(self, table_dir: Path) -> None:
        self.path = table_dir
        # Those that wait together share one turn of the file system's journal.
        pool = ThreadPoolExecutor(_SYNCS_AT_ONCE, thread_name_prefix="soundbite-sync")
        self._rows = _Sweep(table_dir, pool, without=_INDEXES)
        self._indexes = _Sweep(table_dir / _INDEXES, pool)

    def sync(self, *, with_indexes: bool) -> int:
        """Sync what was not there at the last call; returns the number of files. Blocks: call it in a thread.

        A write leaves indexes to the optimiser after its first sweep, lest it wait for what is being built: they hold
        copies only, and a torn one is dropped at open.
        """
        count = self._rows.sync()
        if with_indexes or not self._indexes.has_run:
            count += self._indexes.sync()
        return count

    def commit_of(self, version: int) -> Commit | None:
        """The commit that made a version; None where its manifest is not found."""
        # Manifests are named so that the newest comes first.
        manifest = self.path / "_versions" / f"{2**64 - 1 - version:020d}.manifest"
        try:
            status = manifest.stat()
        except OSError:
            return None
        return Commit(version, status.st_ino, status.st_mtime_ns)

    def has_versions_before(self, moment: float) -> bool:
        """Whether versions besides the newest were written before a time in seconds since 1970."""
        newest_first = sorted((self.path / "_versions").glob("*.manifest"))
        with contextlib.suppress(FileNotFoundError):
            return any(manifest.stat().st_mtime < moment for manifest in newest_first[1:])
        return False

    def fragments_with_deletions(self) -> list[int]:
        """The numbers of the data files that hold rows which were deleted."""
        # Files of deletions are called after the fragment, the version and a number.
        return sorted({int(path.name.partition("-")[0]) for path in (self.path / "_deletions").glob("*-*")})

    def check_room(self, needed_bytes: int) -> None:
        """Compaction writes before it deletes: without room for both copies it would fill the disk.

        Raises: StoreFull.
        """
        needed_bytes += _SPARE_BYTES
        if shutil.disk_usage(self.path).free < needed_bytes:
            raise StoreFull(f"Tidying the clip store needs {(needed_bytes >> 20) + 1} MB of free disk space.")


class _Sweep:
    """Syncs a folder and all below it, each file once."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor, *, without: str = "") -> None:
        self._root = str(root)
        self._pool = pool
        self._without = without
        # What was in each folder. Empty at first on purpose: a writer that was killed before its own sweep may have
        # left files that our versions will refer to. Syncing a clean file costs next to nothing.
        self._contents: dict[str, set[str]] = {}
        self.has_run = False

    def sync(self) -> int:
        contents: dict[str, set[str]] = {}
        files: list[str] = []
        # A new file is found again after a reset only if the folder that names it was synced too, and so on up.
        named_in = [] if self._contents else [str(Path(self._root).parent)]
        folders = [*self._contents] or [self._root]
        for folder in folders:
            try:
                names = set(os.listdir(folder))  # noqa: PTH208 - Path is 10x slower here
            except FileNotFoundError:
                continue
            names.discard(self._without)
            # Only new names are looked at: an hour of writing leaves the versions of an hour, thousands of files.
            fresh = [os.path.join(folder, name) for name in names - self._contents.get(folder, set())]  # noqa: PTH118
            for path in fresh:
                (folders if os.path.isdir(path) else files).append(path)  # noqa: PTH112
            if fresh or folder not in self._contents:
                named_in.append(folder)
            contents[folder] = names
        list(self._pool.map(_fsync_path, [*files, *(named_in if _HAS_DIRECTORY_FSYNC else ())]))
        self._contents = contents
        self.has_run = True
        return len(files)


def fsync_directory(folder: str | Path) -> None:
    """Make the names in a folder durable; a no-op on Windows, which has no such call."""
    if _HAS_DIRECTORY_FSYNC:
        _fsync_path(folder)


def _fsync_path(path: str | Path) -> None:
    # A cleanup may remove an old file between the listing and this call.
    with contextlib.suppress(FileNotFoundError):
        flags = os.O_RDONLY if _HAS_DIRECTORY_FSYNC else os.O_RDWR
        descriptor = os.open(path, flags)
        try:
            _flush(descriptor)
        finally:
            os.close(descriptor)


def _flush(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # There fsync only reaches the drive's cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def torn_heads(table_dir: Path) -> list[Path]:
    """The newest manifests, back to the first whole one, that were not written to their end."""
    torn: list[Path] = []
    for manifest in _newest_first(table_dir):
        if _is_whole(manifest):
            return torn
        torn.append(manifest)
    return torn


def has_torn_files(folder: Path) -> bool:
    """Whether a file lacks its end; it may belong to no version at all, or be in the making."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process's, which has its own name by now
            if path.is_file() and not _is_whole(path):
                return True
    return False


def quarantine(manifests: list[Path]) -> None:
    """Set manifests aside, so that the table opens at the version before them."""
    for manifest in manifests:
        _log.warning("Setting aside the damaged table version %s.", manifest.name)
        manifest.rename(manifest.with_name(f"{manifest.name}.{time.time_ns()}.corrupt"))
    if manifests:
        fsync_directory(manifests[0].parent)


def set_table_aside(table_dir: Path) -> Path:
    """Rename a table's folder, so that the table can be made anew; returns what it is called now."""
    aside = table_dir.with_name(f"{table_dir.name}.{time.time_ns()}.corrupt")
    table_dir.rename(aside)
    fsync_directory(table_dir.parent)
    return aside


class HealingNotes:
    """Remembers in a file of the store what was healed, until somebody has read it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, sentence: str) -> None:
        """Write a sentence down; where that can't be done, the log has it."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{sentence}\n")
        except OSError as exc:
            _log.warning("%s (This can't be kept for `soundbite doctor`: %s)", sentence, exc)

    def read(self) -> list[str]:
        """The sentences, the oldest first."""
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def clear(self) -> None:
        """Forget them, once they have been told."""
        self._path.unlink(missing_ok=True)


async def unreadable_heads(table: AsyncTable, table_dir: Path) -> list[Path]:
    """The newest manifests, back to that of the newest version of which every data file can be opened.

    What others commit meanwhile is none of them: a machine that shares no lock with this one may write at any time.

    Raises: StoreCorrupt when none of the last 50 versions can be read.
    """
    head = await table.version()
    versions = sorted((int(entry["version"]) for entry in await table.list_versions()), reverse=True)
    for version in [v for v in versions if v <= head][:_MAX_STEPS_BACK]:
        async with _at_version(table, version):
            if await _can_scan(table):
                return await asyncio.to_thread(_manifests_between, table_dir, version, head)
    raise StoreCorrupt(
        f"The table {table.name} has data files that no recent version can do without: run `soundbite doctor --deep`."
    )


def _manifests_between(table_dir: Path, after: int, last: int) -> list[Path]:
    # A manifest is named 2**64 - 1 - version.
    return [path for path in _newest_first(table_dir) if after < 2**64 - 1 - int(path.stem) <= last]


async def _can_scan(table: AsyncTable) -> bool:
    """Read one small column: that opens every data and deletion file of the version.

    Raises: StoreUnavailable and the like, where the reason is not in the files.
    """
    try:
        with lance_errors():
            async for _ in await table.query().select(["checksum"]).to_batches():
                pass
    except StoreError as exc:
        if not tells_of_damage(exc):
            raise
        _log.warning("Version %s of %s cannot be read: %s", await table.version(), table.name, exc)
        return False
    return True


@asynccontextmanager
async def _at_version(table: Any, version: int) -> AsyncIterator[None]:
    await table.checkout(version)
    try:
        yield
    finally:
        await table.checkout_latest()


def _newest_first(table_dir: Path) -> list[Path]:
    return sorted((table_dir / "_versions").glob("*.manifest"))


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if path.suffix not in _SUFFIXES:
            return size > 0
        if size < len(_MAGIC):
            return False
        file.seek(-len(_MAGIC), os.SEEK_END)
        return file.read() == _MAGIC
