"""The clips table's schema as numbered steps, taken when a table is opened. Append only: a released step stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from soundbite_store.errors import StoreError
from soundbite_store.lance.driver import lance_errors
from soundbite_store.lance.schema import SCHEMA_VERSION, VERSION_KEY, schema_version

if TYPE_CHECKING:
    from lancedb import AsyncTable

_TRIES = 5


async def _add_text_checksums(table: AsyncTable) -> None:
    """Version 2: a checksum of each row's words; rows from before have none."""
    import pyarrow as pa

    if "text_checksum" not in (await table.schema()).names:
        await table.add_columns(pa.field("text_checksum", pa.int64(), nullable=True))


MIGRATIONS: tuple[Callable[[AsyncTable], Awaitable[None]], ...] = (_add_text_checksums,)
"""The step at index n leads from version n + 1 to n + 2; each does nothing where it was taken before."""
assert len(MIGRATIONS) == SCHEMA_VERSION - 1


async def migrate(table: AsyncTable) -> int:
    """Bring a table to the newest version and return the number of steps taken. Call it behind the write gate.

    A step that was cut off is taken again at the next open: the version is written down after it.

    Raises: StoreError.
    """
    steps = failures = 0
    while True:
        try:
            with lance_errors():
                await table.checkout_latest()
                version = schema_version(await table.schema())
                if not 0 < version < SCHEMA_VERSION:
                    return steps
                await MIGRATIONS[version - 1](table)
                # LanceDB cannot edit a table's own metadata after its creation: the key's field carries the version.
                noted = {VERSION_KEY.decode(): str(version + 1)}
                await table.update_field_metadata({"path": "row_id", "metadata": noted})
            steps += 1
        except StoreError:
            # Another machine, with which this one shares no lock, may have taken the same step at this moment.
            failures += 1
            if failures == _TRIES:
                raise
