"""What a search has to know of a table before it starts, remembered for as long as the table does not change."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_store.lance.driver import lance_errors
from soundbite_store.lance.vector_index import VectorIndex, vector_index_of

if TYPE_CHECKING:
    from lancedb import AsyncTable

_REMEMBERED_COUNTS = 1_000
# The time that a file system gives a change may be some milliseconds coarse.
_CERTAIN_AFTER_S = 1.0


class TableFacts:
    """Numbers of rows and the state of the vector index, by version of the table."""

    def __init__(self, table: AsyncTable, folder: Path | None = None) -> None:
        self._table = table
        # Where directories tell at once that a file came; on Windows they may be late.
        self._manifests = folder / "_versions" if folder and os.name == "posix" else None
        self._seen: tuple[int, int] | None = None
        self._version = -1
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._index: VectorIndex | None = None

    async def version(self) -> int:
        """The version that the facts are about: the newest."""
        seen = self._last_commit()
        if seen is not None and seen == self._seen:
            return self._version
        with lance_errors():
            version = int(await self._table.version())
            if version != self._version:
                index = vector_index_of(await self._table.schema())
                self._version, self._index = version, index
                self._counts.clear()
        self._seen = seen
        return version

    def _last_commit(self) -> tuple[int, int] | None:
        """What tells one commit from the next, hundreds of times faster than the version; None if it can't be sure."""
        if self._manifests is None:
            return None
        try:
            found = self._manifests.stat()
        except OSError:
            return None
        is_certain = time.time() - found.st_mtime > _CERTAIN_AFTER_S
        return (found.st_mtime_ns, found.st_ino) if is_certain else None

    async def count(self, condition: str = "") -> int:
        """The number of rows that match an SQL condition."""
        version = await self.version()
        if condition in self._counts:
            return self._counts[condition]
        with lance_errors():
            counted = int(await self._table.count_rows(condition or None))
        if version == self._version:  # another task may have seen a newer version meanwhile
            self._counts[condition] = counted
            if len(self._counts) > _REMEMBERED_COUNTS:
                self._counts.popitem(last=False)
        return counted

    async def vector_index(self) -> VectorIndex | None:
        """How to search the vector index, or None while the table has none."""
        await self.version()
        return self._index
