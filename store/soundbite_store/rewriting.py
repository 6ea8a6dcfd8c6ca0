"""Changes of clips that belong to a change of their transcript: noted in the ledger first, and made by whoever comes.

The ledger's transaction is the commit. What it notes of the clips can be made again and again with the same end: a
process that is killed in between leaves nothing half, since the next one that opens the library makes it whole.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from soundbite_store.clips import Clip, Space
from soundbite_store.filters import ClipFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundbite_store.lance.clip_store import ClipStore
    from soundbite_store.ledger.ledger import Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class RowChange:
    """One embedding of a clip as it is to be: with these words and, where one is given, this vector."""

    space_id: str
    dimension: int
    asset_id: str
    clip_id: str
    embedding_option: str
    embedding_scope: str
    segmentation: str
    transcript: str
    vector: str = ""
    """Base64 of float32, little endian; empty where the vector stays."""
    sound_words: str | None = None
    """None where they stay."""
    is_deleted: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from the other rows of its space."""
        return (self.clip_id, self.embedding_option, self.embedding_scope, self.segmentation)


def encoded_vector(vector: NDArray[np.float32]) -> str:
    """The vector as a `RowChange` has it."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def encoded_changes(changes: Sequence[RowChange]) -> bytes:
    """The changes as the ledger keeps them."""
    return zlib.compress(json.dumps([asdict(change) for change in changes], ensure_ascii=False).encode())


async def finish_rewrites(store: ClipStore, ledger: Ledger) -> int:
    """Make the changes of clips that the ledger has noted; returns how many notes there were.

    The caller holds `ledger.rewriting_lock()`.

    Raises: StoreError.
    """
    notes = await ledger.rewrites()
    for rewrite_id, body in notes:
        changes = [RowChange(**change) for change in json.loads(zlib.decompress(body))]
        await _rewrite(store, changes)
        await ledger.end_rewrite(rewrite_id)
    return len(notes)


async def _rewrite(store: ClipStore, changes: Iterable[RowChange]) -> None:
    """Make changes, in one commit for each space and asset."""
    groups: dict[tuple[str, int, str], list[RowChange]] = defaultdict(list)
    for change in changes:
        groups[change.space_id, change.dimension, change.asset_id].append(change)
    for (space_id, dimension, asset_id), group in groups.items():
        space = Space(space_id, dimension)
        where = ClipFilter(asset_ids=(asset_id,), clip_ids=tuple(dict.fromkeys(change.clip_id for change in group)))
        rows = await store.embeddings(space, where)
        if not rows:
            continue
        if changed := changed_rows(rows, group):
            await store.upsert(space, changed, replaced=where)
        else:
            await store.delete_clips(space, where)


def changed_rows(rows: Sequence[Clip], changes: Iterable[RowChange]) -> list[Clip]:
    """The rows as they are to be, those that stay as they are among them.

    A row that is not there yet is made like another one of its clip.
    """
    by_key = {(row.clip_id, row.embedding_option, row.embedding_scope, row.segmentation): row for row in rows}
    alike = {(row.clip_id, row.embedding_scope, row.segmentation): row for row in rows}
    for change in changes:
        row = by_key.get(change.key) or alike.get((change.clip_id, change.embedding_scope, change.segmentation))
        if change.is_deleted:
            by_key.pop(change.key, None)
        elif row is not None and (change.vector or change.key in by_key):
            vector = _vector(change.vector) if change.vector else row.vector
            option, words = change.embedding_option, change.transcript
            sounds = row.sound_words if change.sound_words is None else change.sound_words
            by_key[change.key] = replace(
                row, embedding_option=option, transcript=words, sound_words=sounds, vector=vector
            )
    return list(by_key.values())


def _vector(text: str) -> NDArray[np.float32]:
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4")
