"""Reads every row of a space to see whether it still is what was written, and takes out what makes it unsound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from soundbite_store.clips import Space, checksums, clip_id_for, row_id_for
from soundbite_store.errors import StoreError, StoreUnavailable, lance_errors, tells_of_damage
from soundbite_store.filters import quoted
from soundbite_store.rows import text_checksum, vectors_of

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable


_NAMED = ("row_id", "asset_id", "clip_id", "embedding_option", "embedding_scope")
# What the key of a row is made of, in its order.
_KEYED = ("asset_id", "content_hash", "embedding_option", "embedding_scope", "start_sec", "end_sec", "segmentation")
_IDS = ("row_id", "clip_id", *_KEYED)
SCANNED = (*dict.fromkeys((*_NAMED, *_IDS)), "transcript", "sound_words", "text_checksum", "checksum", "vector")
_Item = TypeVar("_Item")
_ROWS_NAMED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row whose vector or words, or what names it, are not those that were written."""

    row_id: str
    asset_id: str
    clip_id: str
    embedding_option: str
    embedding_scope: str


@dataclass(frozen=True, slots=True)
class SpaceScan:
    """What a scan of one space found."""

    space: Space
    rows: int
    """Rows read."""
    damaged: tuple[DamagedRow, ...]
    """Rows whose vector or words do not fit their checksums."""
    misnamed: tuple[DamagedRow, ...]
    """Rows whose ids are not those of the recording, the times and the kind that they give."""
    doubled: int
    """Rows whose key another row has too."""
    unreadable: str
    """Why the scan ended before the last row; empty when it did not."""

    @property
    def is_sound(self) -> bool:
        """Whether every row is there, once, as it was written."""
        return not (self.damaged or self.misnamed or self.doubled or self.unreadable)


async def scan_table(space: Space, table: AsyncTable) -> SpaceScan:
    """Read all rows and compare vectors and words with their checksums: LanceDB itself returns flipped bits as data.

    Raises: StoreUnavailable, StoreFull or StoreBusy, where that is why rows can't be read just now.
    """
    keys: set[str] = set()
    damaged: list[DamagedRow] = []
    misnamed: list[DamagedRow] = []
    rows = doubled = 0
    unreadable = ""
    try:
        with lance_errors():
            async for batch in await table.query().select(list(SCANNED)).to_batches():
                damaged += _named(batch, await asyncio.to_thread(wrong_rows, batch))
                misnamed += _named(batch, await asyncio.to_thread(misnamed_rows, space.id, batch))
                new = batch.column("row_id").to_pylist()
                rows += len(new)
                doubled += len(new) - len(set(new) - keys)
                keys.update(new)
    except StoreError as exc:
        if not tells_of_damage(exc):
            raise
        unreadable = str(exc)
    return SpaceScan(space, rows, tuple(damaged), tuple(misnamed), doubled, unreadable)


def _named(batch: pa.RecordBatch, wrong: list[int]) -> list[DamagedRow]:
    named = batch.select(_NAMED).take(wrong).to_pylist() if wrong else []
    return [DamagedRow(**row) for row in named]


def wrong_rows(batch: pa.RecordBatch) -> list[int]:
    """Which rows of the columns SCANNED have a vector or words that are not those of their checksums."""
    sums = zip(checksums(vectors_of(batch)), batch.column("checksum").to_pylist(), strict=True)
    words = zip(batch.column("transcript").to_pylist(), batch.column("sound_words").to_pylist(), strict=True)
    of_words = batch.column("text_checksum").to_pylist()
    return [
        index
        for index, ((is_, was), text, of_text) in enumerate(zip(sums, words, of_words, strict=True))
        # Rows from before version 2 have no checksum of their words.
        if is_ != was or of_text not in (None, text_checksum(*text))
    ]


def misnamed_rows(space_id: str, batch: pa.RecordBatch) -> list[int]:
    """Which rows of the columns SCANNED have a key, or the id of a clip, that is not made of what they say."""
    row_ids, clip_ids, *keyed = (batch.column(name).to_pylist() for name in _IDS)
    return [
        index
        for index, (row_id, clip_id, *key) in enumerate(zip(row_ids, clip_ids, *keyed, strict=True))
        if row_id != row_id_for(space_id, *key) or clip_id != clip_id_for(key[0], key[4], key[5])
    ]


async def remove_misnamed(space_id: str, table: AsyncTable) -> int:
    """Delete the rows whose ids are not made of what they say; returns how many there were.

    Nothing else may move rows meanwhile.
    """
    addresses: list[int] = []
    with lance_errors():
        async for batch in await table.query().select(list(_IDS)).with_row_id().to_batches():
            wrong = await asyncio.to_thread(misnamed_rows, space_id, batch)
            addresses += batch.column("_rowid").take(wrong).to_pylist() if wrong else []
        await _delete(table, addresses)
    return len(addresses)


@dataclass(frozen=True, slots=True)
class MendResult:
    """How many rows were taken out."""

    unreadable: int
    doubled: int


async def mend_rows(table: AsyncTable) -> MendResult:
    """Delete what can't be read and all but one of the rows of a key; of two the one that is as it was written stays.

    Nothing else may move rows meanwhile.

    Raises: StoreUnavailable, StoreFull or StoreBusy, where that is why rows can't be read just now; they stay.
    """
    with lance_errors():
        unreadable = await _unreadable(table)
        await _delete(table, unreadable)
        doubled = await _doubled(table)
        await _delete(table, doubled)
    return MendResult(len(unreadable), len(doubled))


async def _delete(table: AsyncTable, addresses: Sequence[int]) -> None:
    for some in _in_parts(addresses, _ROWS_NAMED_AT_ONCE):
        await table.delete(f"_rowid IN ({', '.join(map(str, some))})")


async def _unreadable(table: AsyncTable) -> list[int]:
    # Where rows are is known without reading them.
    rows = await table.query().select([]).with_row_id().to_arrow()
    addresses: list[int] = rows.column("_rowid").to_pylist()
    unreadable = await _unreadable_of(table, addresses)
    if unreadable != await _unreadable_of(table, unreadable):
        raise StoreUnavailable(
            "Clips that could not be read a moment ago can be read now: look after the disk or the network of the clip "
            "store (SOUNDBITE_STORE) and try again. Nothing was taken out."
        )
    return unreadable


async def _unreadable_of(table: AsyncTable, addresses: Sequence[int]) -> list[int]:
    unreadable: list[int] = []
    for many in _in_parts(addresses, _ROWS_NAMED_AT_ONCE):
        if not await _can_read(table, many):
            unreadable += [address for address in many if not await _can_read(table, [address])]
    return unreadable


async def _can_read(table: AsyncTable, addresses: Sequence[int]) -> bool:
    try:
        with lance_errors():
            await table.take_row_ids(list(addresses)).to_arrow()
    except StoreError as exc:
        if tells_of_damage(exc):
            return False
        raise
    return True


async def _doubled(table: AsyncTable) -> list[int]:
    once: set[str] = set()
    twice: set[str] = set()
    async for batch in await table.query().select(["row_id"]).to_batches():
        for key in batch.column("row_id").to_pylist():
            (twice if key in once else once).add(key)
    copies: dict[str, list[tuple[bool, int]]] = {}
    for keys in _in_parts(sorted(twice), _ROWS_NAMED_AT_ONCE):
        query = table.query().where(f"row_id IN ({', '.join(map(quoted, keys))})")
        async for batch in await query.select(list(SCANNED)).with_row_id().to_batches():
            wrong = set(await asyncio.to_thread(wrong_rows, batch))
            pairs = zip(batch.column("row_id").to_pylist(), batch.column("_rowid").to_pylist(), strict=True)
            for index, (key, address) in enumerate(pairs):
                copies.setdefault(key, []).append((index not in wrong, address))
    return [address for rows in copies.values() for _, address in sorted(rows)[:-1]]


def _in_parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
