"""Clips as Arrow rows and back. The columns are the fields of StoredClip, in their order."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from soundbite_store.clips import Clip, StoredClip, checksums, unit_vectors

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from soundbite_store.clips import Space


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a clip as a column."""

    name: str
    kind: type
    """str, float, tuple (of strings) or datetime."""
    is_optional: bool
    """Libraries and exports from before it lack it."""
    is_distinct: bool
    """Values seldom repeat."""
    index: str | None
    """What a large table has for filters by it: `btree`, `bitmap`, `labels`."""

    def arrow(self) -> pa.Field:
        """The field of an Arrow schema."""
        import pyarrow as pa

        types = {
            str: pa.string(),
            float: pa.float64(),
            tuple: pa.list_(pa.string()),
            datetime: pa.timestamp("us", "UTC"),
        }
        return pa.field(self.name, types[self.kind], nullable=self.is_optional)


def _columns() -> Iterator[Column]:
    types = get_type_hints(StoredClip)
    for field in dataclasses.fields(StoredClip):
        kinds = get_args(types[field.name])
        is_optional = NoneType in kinds
        kind = kinds[0] if is_optional else get_origin(types[field.name]) or types[field.name]
        is_distinct, index = field.metadata.get("is_distinct", False), field.metadata.get("index")
        yield Column(field.name, kind, is_optional, is_distinct, index)


COLUMNS = tuple(_columns())
CLIP_COLUMNS = tuple(column.name for column in COLUMNS)
_values_of = attrgetter(*CLIP_COLUMNS)
_TUPLES, _MOMENTS = (tuple(column.name for column in COLUMNS if column.kind is kind) for kind in (tuple, datetime))


def to_table(space: Space, schema: pa.Schema, clips: Sequence[Clip]) -> pa.Table:
    """The clips as rows with keys and checksums; of two with the same key the later one stays.

    Raises: BadVector.
    """
    import pyarrow as pa

    # Two rows of one key in a batch make LanceDB refuse it ("Ambiguous merge").
    by_key = {clip.row_id(space): clip for clip in clips}
    unique = list(by_key.values())
    vectors = unit_vectors([clip.vector for clip in unique], space.dimension)
    columns: dict[str, Any] = dict(zip(CLIP_COLUMNS, zip(*map(_values_of, unique), strict=True), strict=True))
    for name in _MOMENTS:
        columns[name] = [moment.astimezone(UTC) for moment in columns[name]]
    columns["row_id"] = list(by_key)
    columns["checksum"] = checksums(vectors)
    columns["text_checksum"] = [text_checksum(clip.transcript, clip.sound_words) for clip in unique]
    arrays = {name: pa.array(columns[name], schema.field(name).type) for name in schema.names if name != "vector"}
    arrays["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), space.dimension)
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def text_checksum(transcript: str, sound_words: str) -> int:
    """CRC-32 of a row's words."""
    return zlib.crc32(f"{transcript}\0{sound_words}".encode("utf-8", "surrogatepass"))


def stored_clips(table: pa.Table) -> list[StoredClip]:
    """Rows as clips without vectors."""
    return RowReader().clips(table)


def full_clips(table: pa.Table) -> list[Clip]:
    """Rows as clips with their vectors."""
    columns = [name for name in CLIP_COLUMNS if name in table.column_names]
    rows = zip(clip_fields(table.select(columns).to_pylist()), vectors_of(table), strict=True)
    return [Clip(**fields, vector=vector) for fields, vector in rows]


def clip_fields(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The fields of clips in rows of Python values; those that a row lacks are left to their defaults."""
    for row in rows:
        fields = {name: row[name] for name in CLIP_COLUMNS if name in row}
        for name in _TUPLES:
            fields[name] = tuple(fields[name])
        for name in _MOMENTS:
            fields[name] = fields[name].astimezone(UTC)
        yield fields


def vectors_of(rows: Any) -> NDArray[np.float32]:
    """The vectors of a table or a batch, shape (rows, dimension)."""
    import numpy as np

    vectors = rows.column("vector")
    flat = (vectors.combine_chunks() if hasattr(vectors, "combine_chunks") else vectors).flatten()
    return np.asarray(flat, dtype=np.float32).reshape(rows.num_rows, vectors.type.list_size)


class RowReader:
    """Makes clips of rows; values that many rows share are one object in memory."""

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    def clips(self, table: pa.Table) -> list[StoredClip]:
        """Rows as clips without vectors."""
        return list(map(_clip_of, *(self._values(table, column) for column in COLUMNS)))

    def _values(self, table: pa.Table, column: Column) -> Iterable[Any]:
        import numpy as np

        if column.is_optional and column.name not in table.column_names:
            return repeat(None, table.num_rows)
        values, shared = table.column(column.name), self._shared
        if column.kind is float:
            numbers: list[float] = values.to_numpy().tolist()
            return numbers
        if column.is_distinct:
            texts: list[str] = values.to_pylist()
            return texts
        if column.kind is tuple:
            return [shared.setdefault(tags, tags) for tags in map(tuple, values.to_pylist())]
        coded = values.combine_chunks().dictionary_encode()
        distinct = coded.dictionary.to_pylist()
        if column.kind is datetime:
            distinct = [moment.astimezone(UTC) for moment in distinct]
        distinct = [shared.setdefault(value, value) for value in distinct]
        if column.is_optional:
            distinct.append(None)
        return map(distinct.__getitem__, np.asarray(coded.indices.fill_null(-1)).tolist())


def _clip_of(*values: Any) -> StoredClip:
    return StoredClip(**dict(zip(CLIP_COLUMNS, values, strict=True)))
