"""Clips as values, what is written to the store and what a search answers; the spaces that their vectors belong to.

The store keeps vectors of unit length, in little-endian float32.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from soundbite_store.errors import BadVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_DIGEST_BYTES = 7
TEXT_COLUMNS = ("transcript", "sound_words")
"""What a search for words looks through."""
# The index that a large table has for filters by a field, and whether its values seldom repeat.
BTREE, BITMAP, LABELS = ({"index": kind} for kind in ("btree", "bitmap", "labels"))
DISTINCT = {"is_distinct": True}
TABLE_PREFIX = "clips__"
_UNSAFE = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Space:
    """An engine profile or hosted model, and the length of its vectors."""

    id: str
    dimension: int

    def __post_init__(self) -> None:
        if not self.id or self.dimension < 1:
            raise ValueError("A space needs an id and a positive dimension.")

    @property
    def table_name(self) -> str:
        """Name of the LanceDB table; an id that is no plain name also carries a digest of itself."""
        slug = _UNSAFE.sub("-", self.id.lower()).strip("-.")[:48]
        if slug != self.id:
            slug = f"{slug}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"
        return f"{TABLE_PREFIX}{slug}__{self.dimension}"


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """What was measured when the index was built; it is kept in the table, beside the index."""

    rows: int
    """Rows it was trained on."""
    nprobes: int
    """Partitions that a search without a filter reads."""
    candidates: int
    """Rows whose true vectors it compares, at the least."""
    recall: float
    """Share of the ten true nearest that such a search found."""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """What one space holds."""

    space: Space
    embeddings: int
    """Rows: one for each clip and embedding option."""
    clips: int
    """Distinct clips."""
    assets: int
    """Distinct assets."""
    index: VectorIndex | None = None
    """The vector index and its measured recall, once the space is large enough to have one."""


def unit_vector(values: ArrayLike, dimension: int) -> NDArray[np.float32]:
    """The values scaled to length one, shape (dimension,).

    Raises: BadVector.
    """
    unit: NDArray[np.float32] = unit_vectors([values], dimension)[0]
    return unit


def unit_vectors(rows: Sequence[ArrayLike], dimension: int) -> NDArray[np.float32]:
    """Each row scaled to length one, shape (rows, dimension).

    LanceDB answers a zero or NaN query with nothing and no error, so such vectors stop here.

    Raises: BadVector.
    """
    import numpy as np

    matrix = _matrix(rows, dimension)
    norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    if not np.isfinite(norms).all():
        raise BadVector("The vector holds NaN or infinite numbers.")
    if not norms.all():
        raise BadVector("The vector is zero: it points nowhere and can match nothing.")
    # What is unit already within float32 keeps its bits, and so its checksum.
    if len(long := np.flatnonzero(np.abs(norms - 1.0) >= 1e-6)):
        matrix[long] = matrix[long].astype(np.float64) / norms[long, None]
    return matrix.astype("<f4", copy=False)


def _matrix(rows: Sequence[ArrayLike], dimension: int) -> NDArray[Any]:
    import numpy as np

    values = [np.asarray(row) for row in rows]
    for vector in values:
        if vector.shape != (dimension,):
            raise BadVector(f"The space takes vectors of {dimension} numbers, this one has shape {vector.shape}.")
    # Arrow's own float32 needs no detour; longer numbers are scaled before they are cut.
    kind = np.float32 if all(vector.dtype == np.float32 for vector in values) else np.float64
    return np.array(values, dtype=kind).reshape(len(values), dimension)


def checksums(vectors: NDArray[np.float32]) -> list[int]:
    """CRC-32 of each row's bytes; LanceDB itself returns flipped bits as data."""
    import numpy as np

    return list(map(zlib.crc32, np.ascontiguousarray(vectors, dtype="<f4")))


def checksum(vector: NDArray[np.float32]) -> int:
    """CRC-32 of one vector's bytes."""
    return checksums(vector[None])[0]


def clip_id_for(asset_id: str, start_sec: float, end_sec: float) -> str:
    """The id of a span of an asset, the same for every embedding of that span (millisecond grain)."""
    return "c_" + _digest(asset_id, _ms(start_sec), _ms(end_sec))[:16]


def row_id_for(
    space_id: str,
    asset_id: str,
    content_hash: str,
    embedding_option: str,
    embedding_scope: str,
    start_sec: float,
    end_sec: float,
    segmentation: str,
) -> str:
    """The primary key of a row, made of what the row says: a checksum of it, too."""
    return _digest(
        space_id,
        asset_id,
        content_hash,
        embedding_option,
        embedding_scope,
        _ms(start_sec),
        _ms(end_sec),
        segmentation,
    )[:32]


def digest_of(row_ids: Iterable[str]) -> int:
    """A number for a set of row ids; that of two sets without a common id is the sum of theirs."""
    digests = (hashlib.blake2b(row_id.encode(), digest_size=_DIGEST_BYTES).digest() for row_id in row_ids)
    return sum(int.from_bytes(digest) for digest in digests)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredClip:
    """One embedding of one clip, without its vector.

    The columns of a clips table, of an export and of the copy in memory are these fields. One that comes later is
    `str | None = None`, stands at the end, and has a step in lance/schema.py for the libraries before it.
    """

    clip_id: str = field(metadata=BTREE | DISTINCT)
    asset_id: str = field(metadata=BTREE)
    content_hash: str = field(metadata=BTREE)
    task_id: str = field(metadata=BTREE)
    title: str
    source_uri: str
    embedding_option: str = field(metadata=BITMAP)
    """`audio`, `transcription` or `fused`."""
    embedding_scope: str = field(metadata=BITMAP)
    """`clip` or `asset`."""
    transcript: str = field(metadata=DISTINCT)
    sound_words: str
    """Names of what is heard besides speech, the surest first, separated by `; `."""
    metadata_json: str
    segmentation: str
    """How the asset was cut: `fixed:6`, `natural`, ..."""
    start_sec: float
    end_sec: float
    tags: tuple[str, ...] = field(metadata=LABELS)
    created_at: datetime = field(metadata=BTREE)
    language: str | None = field(default=None, metadata=BITMAP)
    """ISO 639-1 code of what is said in it, where that is known; of scope `asset`, of most of the recording."""
    speaker: str | None = field(default=None, metadata=BITMAP)
    """Who says most of it, as speakers of one recording are told apart; None where only one speaks in it, or nobody."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clip(StoredClip):
    """One embedding of one clip, as it is written."""

    vector: NDArray[np.float32]
    """Shape (dimension,); the store normalises it to unit length."""

    def row_id(self, space: Space) -> str:
        """The primary key: equal for the same embedding of the same sound, whoever writes it."""
        return row_id_for(
            space.id,
            self.asset_id,
            self.content_hash,
            self.embedding_option,
            self.embedding_scope,
            self.start_sec,
            self.end_sec,
            self.segmentation,
        )


def one_a_span(rows: Iterable[StoredClip]) -> list[StoredClip]:
    """One clip for each span, in the order given: words and sounds are those of whichever of its rows carries them."""
    spans: dict[str, StoredClip] = {}
    for row in rows:
        known = spans.setdefault(row.clip_id, row)
        if (row.transcript and not known.transcript) or (row.sound_words and not known.sound_words):
            spans[row.clip_id] = replace(
                known,
                transcript=known.transcript or row.transcript,
                sound_words=known.sound_words or row.sound_words,
            )
    return list(spans.values())


# Hundreds are made for every question; a frozen dataclass takes several times as long to make.
class ClipHit(NamedTuple):
    """A clip found by a search."""

    clip: StoredClip
    score: float
    """Cosine similarity (-1 to 1) from a vector search, BM25 (above 0) from a text search."""
    cosine: float | None = None
    """Of a text search that was given a vector: its cosine to the row's, where that cost no search of its own."""


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What one write did, in rows."""

    inserted: int
    updated: int
    deleted: int
    """Rows that the write replaced."""


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _digest(*parts: str) -> str:
    # Lengths keep ("ab", "c") and ("a", "bc") apart whatever the parts hold.
    framed = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(framed.encode("utf-8", "surrogatepass")).hexdigest()
