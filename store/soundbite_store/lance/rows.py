"""Clips to Arrow rows and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import Clip, StoredClip
from soundbite_store.lance.schema import clips_schema
from soundbite_store.vectors import checksums, text_checksum, unit_vectors

if TYPE_CHECKING:
    import pyarrow as pa

    from soundbite_store.vectors import Space

CLIP_COLUMNS = tuple(field.name for field in dataclasses.fields(StoredClip))
_columns_of = attrgetter(*CLIP_COLUMNS)


def to_table(space: Space, clips: Sequence[Clip]) -> pa.Table:
    """The clips as rows with keys and checksums; of two with the same key the later one stays.

    Raises: BadVector.
    """
    import pyarrow as pa

    # Two rows of one key in a batch make LanceDB refuse it ("Ambiguous merge").
    by_key = {clip.row_id(space): clip for clip in clips}
    unique = list(by_key.values())
    vectors = unit_vectors([clip.vector for clip in unique], space.dimension)
    schema = clips_schema(space)
    columns = dict(zip(CLIP_COLUMNS, zip(*map(_columns_of, unique), strict=True), strict=True))
    columns["created_at"] = tuple(moment.astimezone(UTC) for moment in columns["created_at"])
    arrays = {
        **{name: pa.array(values, schema.field(name).type) for name, values in columns.items()},
        "row_id": pa.array(list(by_key), pa.string()),
        "checksum": pa.array(checksums(vectors), pa.int64()),
        "text_checksum": pa.array([text_checksum(clip.transcript, clip.sound_words) for clip in unique], pa.int64()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), space.dimension),
    }
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def stored_clips(table: pa.Table) -> list[StoredClip]:
    """Rows as clips without vectors."""
    return RowReader().clips(table)


class RowReader:
    """Makes clips of rows; values that many rows share are one object in memory."""

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    def clips(self, table: pa.Table) -> list[StoredClip]:
        """Rows as clips without vectors."""
        return list(map(_clip_of, *(self._values(table.column(name), name) for name in CLIP_COLUMNS)))

    def _values(self, column: Any, name: str) -> Any:
        import numpy as np

        if name in ("start_sec", "end_sec"):
            return column.to_numpy().tolist()
        if name in ("clip_id", "transcript"):
            return column.to_pylist()
        shared = self._shared
        if name == "tags":
            return [shared.setdefault(tags, tags) for tags in map(tuple, column.to_pylist())]
        coded = column.combine_chunks().dictionary_encode()
        values = coded.dictionary.to_pylist()
        if name == "created_at":
            values = [moment.astimezone(UTC) for moment in values]
        values = [shared.setdefault(value, value) for value in values]
        return map(values.__getitem__, np.asarray(coded.indices).tolist())


def full_clips(table: pa.Table) -> list[Clip]:
    """Rows as clips with their vectors."""
    import numpy as np

    flat = table.column("vector").combine_chunks()
    matrix = np.asarray(flat.flatten(), dtype=np.float32).reshape(table.num_rows, -1) if table.num_rows else ()
    return [Clip(**fields, vector=vector) for fields, vector in zip(_fields(table), matrix, strict=True)]


def _clip_of(*values: Any) -> StoredClip:
    return StoredClip(**dict(zip(CLIP_COLUMNS, values, strict=True)))


def _fields(table: pa.Table) -> Iterable[dict[str, Any]]:
    for row in table.select(CLIP_COLUMNS).to_pylist():
        row["tags"] = tuple(row["tags"])
        row["created_at"] = row["created_at"].astimezone(UTC)
        yield row
