"""What was acknowledged survives a power cut: new files reach the disk before a write returns.

LanceDB never calls fsync; without this a reset can leave the newest manifest empty, and then the table does not
open again (tenequm/pond#110).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from soundbite_store.errors import StoreFull

_SPARE_BYTES = 16 << 20
_INDEXES = "_indices"
_SYNCS_AT_ONCE = 8
_HAS_DIRECTORY_FSYNC = os.name != "nt"


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
