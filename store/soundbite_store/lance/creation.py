"""Making a table that other machines may be making, too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from soundbite_store.lance.conflicts import until_committed
from soundbite_store.lance.driver import lance_errors
from soundbite_store.lance.indexes import create_text_indexes

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

_log = logging.getLogger(__name__)


async def create_or_open(database: Any, name: str, schema: pa.Schema, key: str) -> AsyncTable:
    """The table of this name, made empty when it is not there; rows that others wrote meanwhile stay.

    `key` is the column that tells rows apart. LanceDB looks whether there is a table, and looks again when it commits.
    A table that came in between is replaced by the empty one, as if that had been asked for: seen in 3 of 60 races of
    two writers on an object store. Only the version number of what was made tells.

    Raises: StoreBusy, StoreUnavailable, StoreError.
    """
    table, replaced = await until_committed(lambda: _create_or_open(database, name, schema))
    if replaced:
        await put_back(table, replaced, key)
    return table


async def create_indexes(table: AsyncTable) -> None:
    """The full-text indexes of a clips table that others may be making, too."""

    async def write() -> None:
        with lance_errors():
            # A handle from before somebody's commit would lose against it every time.
            await table.checkout_latest()
            await create_text_indexes(table)

    await until_committed(write)


async def _create_or_open(database: Any, name: str, schema: pa.Schema) -> tuple[AsyncTable, int]:
    """The table, and the version of another's table that making it has replaced; 0 when there was none."""
    with lance_errors():
        try:
            table: AsyncTable = await database.create_table(name, schema=schema)
        except ValueError as exc:
            if "already exists" not in str(exc):
                raise
            return await database.open_table(name), 0
        return table, await table.version() - 1


async def put_back(table: AsyncTable, version: int, key: str) -> int:
    """Write the rows that an earlier version of the table holds and this one lacks; returns how many those are.

    Raises: StoreBusy, StoreError.
    """
    with lance_errors():
        await table.checkout(version)
        lost = await table.to_arrow()
        await table.checkout_latest()
    if not lost.num_rows:
        return 0

    async def write() -> int:
        with lance_errors():
            merge = table.merge_insert(key).use_index(False).when_not_matched_insert_all()
            return int((await merge.execute(lost)).num_inserted_rows)

    count = await until_committed(write)
    _log.warning("%s was being made twice at once: %d row(s) were put back.", table.name, count)
    return count
