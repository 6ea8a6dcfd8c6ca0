"""Reading every row of a space to see whether it still is what was written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store.errors import StoreError
from soundbite_store.lance.driver import lance_errors, tells_of_damage
from soundbite_store.spaces import Space
from soundbite_store.vectors import checksums, text_checksum

if TYPE_CHECKING:
    import pyarrow as pa

    from soundbite_store.lance.table import ClipTable

_NAMED = ("row_id", "asset_id", "clip_id", "embedding_option", "embedding_scope")
SCANNED = (*_NAMED, "transcript", "sound_words", "text_checksum", "checksum", "vector")


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row whose vector or words are not those that were written."""

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
    doubled: int
    """Rows whose key another row has too."""
    unreadable: str
    """Why the scan ended before the last row; empty when it did not."""

    @property
    def is_sound(self) -> bool:
        """Whether every row is there, once, as it was written."""
        return not (self.damaged or self.doubled or self.unreadable)


async def scan_table(table: ClipTable) -> SpaceScan:
    """Read all rows and compare vectors and words with their checksums: LanceDB itself returns flipped bits as data.

    Raises: StoreUnavailable, StoreFull or StoreBusy, where that is why rows can't be read just now.
    """
    keys: set[str] = set()
    damaged: list[DamagedRow] = []
    rows = doubled = 0
    unreadable = ""
    try:
        with lance_errors():
            async for batch in await table.lance.query().select(list(SCANNED)).to_batches():
                damaged += await asyncio.to_thread(_damaged, batch)
                found = batch.column("row_id").to_pylist()
                rows += len(found)
                doubled += len(found) - len(set(found) - keys)
                keys.update(found)
    except StoreError as exc:
        if not tells_of_damage(exc):
            raise
        unreadable = str(exc)
    return SpaceScan(table.space, rows, tuple(damaged), doubled, unreadable)


def _damaged(batch: pa.RecordBatch) -> list[DamagedRow]:
    wrong = wrong_rows(batch)
    named = batch.select(_NAMED).take(wrong).to_pylist() if wrong else []
    return [DamagedRow(**row) for row in named]


def wrong_rows(batch: pa.RecordBatch) -> list[int]:
    """Which rows of the columns SCANNED have a vector or words that are not those of their checksums."""
    import numpy as np

    flat = np.asarray(batch.column("vector").flatten(), dtype="<f4")
    vectors = flat.reshape(batch.num_rows, batch.schema.field("vector").type.list_size)
    found = zip(checksums(vectors), batch.column("checksum").to_pylist(), strict=True)
    words = zip(batch.column("transcript").to_pylist(), batch.column("sound_words").to_pylist(), strict=True)
    of_words = batch.column("text_checksum").to_pylist()
    return [
        index
        for index, ((is_, was), text, of_text) in enumerate(zip(found, words, of_words, strict=True))
        # Rows from before version 2 have no checksum of their words.
        if is_ != was or of_text not in (None, text_checksum(*text))
    ]
