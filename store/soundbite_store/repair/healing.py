"""A table that a power cut left torn opens again, at the last version that can be read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_store.errors import StoreCorrupt, StoreError, lance_errors, tells_of_damage
from soundbite_store.repair.durability import fsync_directory

if TYPE_CHECKING:
    from lancedb import AsyncTable

_log = logging.getLogger(__name__)
_MAGIC = b"LANC"  # the last bytes of every whole file of these kinds
_SUFFIXES = frozenset({".manifest", ".lance", ".idx"})
_MAX_STEPS_BACK = 50


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
