"""Whether a table holds rows of an asset: asked before every write, since new assets need no comparison of keys.

LanceDB finds that out through its index, and for the fragments that no index has taken in yet by reading each. In a
load of many recordings those are the very rows that this process wrote, and it knows what they are.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundbite_store.errors import StoreError, lance_errors
from soundbite_store.filters import ClipFilter

if TYPE_CHECKING:
    from lancedb import AsyncTable

    from soundbite_store.lance.search import TableFacts
    from soundbite_store.repair.durability import Commit, TableFolder


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Base:
    """A version of the table, and what is known beside it."""

    table: AsyncTable
    absent: set[str] = field(default_factory=set)
    """Assets it was asked for in vain."""
    added: set[str] = field(default_factory=set)
    """Assets written since."""


class AssetPresence:
    """The assets of one table, for writers that take turns."""

    def __init__(
        self, facts: TableFacts, folder: TableFolder | None, reopen: Callable[[], Awaitable[AsyncTable | None]] | None
    ) -> None:
        self._facts = facts
        self._folder = folder
        self._reopen = reopen
        # This process's last commit. As long as it is the newest, nobody else can have added anything.
        self._last: Commit | None = None
        self._base: _Base | None = None

    async def holds_any(self, asset_ids: Iterable[str]) -> bool:
        """Whether the newest version has rows of any of these assets."""
        wanted = set(asset_ids)
        try:
            if base := await self._base_of(await self._facts.version()):
                return await _holds_any(base, wanted)
        except StoreError as exc:
            _log.debug("An older version of the clips cannot be asked: %s", exc)
            self._base = self._last = None
        return bool(await self._facts.count(_of_assets(wanted)))

    async def look_ahead(self, asset_ids: Iterable[str]) -> None:
        """Have the answer ready where finding it takes long: at the first writes, and after those of others."""
        if self._base is None:
            await self.holds_any(asset_ids)

    def note_added(self, asset_ids: Iterable[str], version: int) -> None:
        """Note which assets a version has rows of that this process wrote just now, in its turn."""
        before, self._last = self._last, self._commit_of(version)
        # Numbers without a gap say that nobody came in between; the file, that it still is the commit we know: where a
        # table was healed, others may have given the number to another.
        if before is None or version != before.version + 1 or self._commit_of(before.version) != before:
            self._base = None
        elif self._base:
            self._base.added.update(asset_ids)

    async def _base_of(self, newest: int) -> _Base | None:
        """The version to ask, None where this process did not write the newest one."""
        last = self._last
        if last is None or newest != last.version or self._commit_of(newest) != last:
            return None
        if self._base is None and self._reopen and (table := await self._reopen()):
            with lance_errors():
                await table.checkout(newest)
            if last == self._last and self._base is None:  # nobody wrote or came first meanwhile
                self._base = _Base(table)
        return self._base if last == self._last else None

    def _commit_of(self, version: int) -> Commit | None:
        return self._folder.commit_of(version) if self._folder else None


async def _holds_any(base: _Base, asset_ids: set[str]) -> bool:
    if asset_ids & base.added:
        return True
    if unasked := asset_ids - base.absent:
        with lance_errors():
            if await base.table.count_rows(_of_assets(unasked)):
                return True
        base.absent.update(unasked)
    return False


def _of_assets(asset_ids: Iterable[str]) -> str:
    return ClipFilter(asset_ids=tuple(sorted(asset_ids))).to_sql()
