"""The Arrow schema of a clips table, the stamps it carries, and the numbered steps from older ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from soundbite_store.clips import Space
from soundbite_store.errors import SpaceMismatch, StoreCorrupt, StoreError, StoreTooNew, lance_errors
from soundbite_store.locks import until_committed
from soundbite_store.rows import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb import AsyncTable

VERSION_KEY = b"rag_schema_version"
SPACE_KEY = b"space"
# Declared in the schema, LanceDB's commit check refuses a second row of the same key (lancedb#3377).
PRIMARY_KEY = {b"lance-schema:unenforced-primary-key:position": b"1"}
_TRIES = 5


def clips_schema(space: Space) -> pa.Schema:
    """The schema of a table for one space; the width of its vectors is part of it."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False, metadata=PRIMARY_KEY),
            *(column.arrow() for column in COLUMNS if not column.is_optional),
            pa.field("checksum", pa.int64(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), space.dimension), nullable=False),
            *_later_columns().values(),
        ],
        metadata={
            VERSION_KEY: str(SCHEMA_VERSION).encode(),
            SPACE_KEY: space.id.encode(),
            b"dimension": str(space.dimension).encode(),
            b"normalized": b"true",
            b"distance": b"cosine",
        },
    )


def _later_columns() -> dict[str, pa.Field]:
    """The columns that came after the first version, by name: rows from before have no value in them."""
    import pyarrow as pa

    text_checksum = pa.field("text_checksum", pa.int64(), nullable=True)
    return {"text_checksum": text_checksum} | {column.name: column.arrow() for column in COLUMNS if column.is_optional}


def rows_schema(space: Space, table: pa.Schema) -> pa.Schema:
    """The schema of rows for a table: one that can't be migrated lacks the columns that came later."""
    import pyarrow as pa

    schema = clips_schema(space)
    return pa.schema([field for field in schema if field.name in table.names], schema.metadata)


def schema_version(schema: pa.Schema) -> int:
    """The version a table is at.

    LanceDB cannot edit a table's metadata after its creation, so migrations record theirs on the key's field.
    """
    created = (schema.metadata or {}).get(VERSION_KEY, b"0")
    migrated = (schema.field("row_id").metadata or {}).get(VERSION_KEY, b"0")
    return max(int(created), int(migrated))


def space_of(schema: pa.Schema) -> Space | None:
    """The space stamped on a table, or None when it is not ours."""
    stamp = (schema.metadata or {}).get(SPACE_KEY)
    if stamp is None or "vector" not in schema.names:
        return None
    return Space(stamp.decode(), schema.field("vector").type.list_size)


def check_schema(schema: pa.Schema, space: Space) -> None:
    """Refuse a table this code must not write.

    Raises: StoreTooNew, SpaceMismatch, StoreCorrupt.
    """
    if "row_id" not in schema.names:
        raise StoreCorrupt(f"The table {space.table_name} is not a Soundbite clips table.")
    version = schema_version(schema)
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"The clips of {space.id} were written by a later Soundbite (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): upgrade Soundbite, or point SOUNDBITE_STORE somewhere else."
        )
    stamp = space_of(schema)
    if stamp != space:
        raise SpaceMismatch(f"The table {space.table_name} holds vectors of {stamp}, not of {space}.")


def _adding(name: str) -> Callable[[AsyncTable], Awaitable[None]]:
    """The step that adds a column."""

    async def add(table: AsyncTable) -> None:
        if name not in (await table.schema()).names:
            await table.add_columns(_later_columns()[name])

    return add


MIGRATIONS: tuple[Callable[[AsyncTable], Awaitable[None]], ...] = (
    _adding("text_checksum"),
    _adding("language"),
    _adding("speaker"),
)
"""The step at index n leads from version n + 1 to n + 2; each does nothing where it was taken before.

Append only: a released step stays.
"""
SCHEMA_VERSION = len(MIGRATIONS) + 1


async def migrate(table: AsyncTable) -> int:
    """Bring a table to the newest version and return the number of steps taken. Call it behind the write gate.

    A step that was cut off is taken again at the next open: the version is written down after it. Another machine, with
    which this one shares no lock, may take the same step at the same moment.

    Raises: StoreError.
    """
    steps = 0
    while await until_committed(lambda: _step(table), lost=StoreError, tries=_TRIES):
        steps += 1
    return steps


async def _step(table: AsyncTable) -> bool:
    """Take the next step; False where there is none."""
    with lance_errors():
        await table.checkout_latest()
        version = schema_version(await table.schema())
        if not 0 < version < SCHEMA_VERSION:
            return False
        await MIGRATIONS[version - 1](table)
        # LanceDB cannot edit a table's own metadata after its creation: the key's field carries the version.
        await table.update_field_metadata({"path": "row_id", "metadata": {VERSION_KEY.decode(): str(version + 1)}})
    return True
