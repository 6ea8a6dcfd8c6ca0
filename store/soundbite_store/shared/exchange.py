"""The whole library as one Parquet file, and back: any tool that reads Parquet can take the vectors elsewhere.

Rows have a `record`: `clip` (one embedding with its vector and text; the columns are those of a clip), `asset`,
`task` (finished ones) or `transcript` (their fields as JSON in `json`; with an asset the names of its speakers, and
what was corrected).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundbite_store.clips import Clip, Space, checksum
from soundbite_store.errors import ExportProblem
from soundbite_store.lance.clip_store import ClipStore
from soundbite_store.ledger.ledger import Ledger
from soundbite_store.ledger.records import (
    Asset,
    Correction,
    SpeakerName,
    StoredTranscript,
    Task,
    asset_from,
    corrections_from,
    joined,
    names_from,
    task_from,
    to_json,
    transcript_from,
)
from soundbite_store.rows import CLIP_COLUMNS, COLUMNS, clip_fields

if TYPE_CHECKING:
    import pyarrow as pa

_MAKE_ONE = "`soundbite export FILE` makes one."
_FORMAT = {b"soundbite_export": b"1"}
_PAGE = 500
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """How much an export wrote or an import read."""

    assets: int = 0
    clips: int = 0
    """Embeddings, each with its vector."""
    transcripts: int = 0
    """Without the texts that were brought, which are kept beside the transcripts that were made of them."""
    damaged: int = 0
    """Embeddings left out because their vector did not match its checksum."""
    erased: int = 0
    """Recordings left out because other parts of them are erased here than in the export."""

    def __add__(self, more: ExchangeResult) -> ExchangeResult:
        return ExchangeResult(
            *(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(more), strict=True))
        )


async def export_library(store: ClipStore, ledger: Ledger, path: Path) -> ExchangeResult:
    """Write assets, transcripts and the clips of every space; an existing file is replaced once all is written.

    Raises: ExportProblem when the file cannot be written, StoreError.
    """
    import pyarrow.parquet as pq

    unfinished = path.with_name(path.name + ".unfinished")
    schema, total = _schema(), ExchangeResult()
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for page in range(0, await ledger.count_assets(), _PAGE):
                assets = await ledger.list_assets(_PAGE, page)
                for asset in assets:
                    transcripts = await ledger.transcripts_of(asset.asset_id)
                    tasks = await ledger.list_tasks(None, asset_id=asset.asset_id, status="ready")
                    names = await ledger.speaker_names(asset.asset_id)
                    corrections = await ledger.corrections_of(asset.asset_id)
                    rows = [_json_row(asset, names, corrections), *map(_json_row, transcripts), *map(_json_row, tasks)]
                    await asyncio.to_thread(_write, writer, rows, schema)
                    total += ExchangeResult(assets=1, transcripts=sum(not one.is_brought for one in transcripts))
            for info in await store.spaces():
                async for clips, checksums in store.everything(info.space):
                    rows = [_clip_row(info.space, clip, value) for clip, value in zip(clips, checksums, strict=True)]
                    await asyncio.to_thread(_write, writer, rows, schema)
                    total += ExchangeResult(clips=len(rows))
        unfinished.replace(path)
    except OSError as exc:
        raise ExportProblem(
            f"{path} cannot be written: {_reason(exc)}. Name a file in a folder that exists and may be written."
        ) from exc
    finally:
        unfinished.unlink(missing_ok=True)
    return total


async def import_library(store: ClipStore, ledger: Ledger, path: Path) -> ExchangeResult:
    """Add what an export holds; what is there already stays as it is or is replaced by the same.

    A recording of which something was erased here, and not in the export, is left out, and one that is here whole.

    Raises: ExportProblem when the file cannot be read or is no export, StoreError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if any(file.schema_arrow.metadata.get(key) != value for key, value in _FORMAT.items()):
                raise ExportProblem(f"{path} is not a Soundbite export that this version reads. {_MAKE_ONE}")
            total, left_out = ExchangeResult(), set[str]()
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                rows = await asyncio.to_thread(batch.to_pylist)
                left_out |= {asset_id for row in rows if (asset_id := await _erased_asset(ledger, row))}
                total += await _add(store, ledger, [row for row in rows if row["asset_id"] not in left_out])
            return total + ExchangeResult(erased=len(left_out))
    except (pa.ArrowInvalid, AttributeError) as exc:
        raise ExportProblem(f"{path} is not a Soundbite export. {_MAKE_ONE}") from exc
    except OSError as exc:
        raise ExportProblem(f"{path} cannot be read: {_reason(exc)}.") from exc


def is_export(path: Path) -> bool:
    """Return whether a file is an export of a library."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return False
    return not _FORMAT.keys() - metadata.keys()


def _reason(exc: OSError) -> str:
    # Arrow puts its own words and the name of the file around those of the system.
    return os.strerror(exc.errno) if exc.errno else str(exc)


async def _erased_asset(ledger: Ledger, row: dict[str, Any]) -> str:
    """The id of a recording that is to be left out for what is erased of it, where the row is that recording's own."""
    if row["record"] != "asset":
        return ""
    asset = asset_from(row["json"])
    here, known = await ledger.erased_of(asset.content_hash), await ledger.get_asset(asset.asset_id)
    if known is None or known.content_hash != asset.content_hash:
        here = joined([*asset.erased, *here])  # what the export has erased comes with the recording
    return "" if here == asset.erased else asset.asset_id


async def _add(store: ClipStore, ledger: Ledger, rows: Sequence[dict[str, Any]]) -> ExchangeResult:
    import numpy as np

    assets = transcripts = damaged = 0
    for row in rows:
        if row["record"] == "asset":
            await ledger.put_asset(asset := asset_from(row["json"]))
            if (names := names_from(row["json"])) and not await ledger.speaker_names(asset.asset_id):
                await ledger.put_speaker_names(asset.asset_id, names)
            await ledger.put_corrections(asset.asset_id, corrections_from(row["json"]))
            assets += 1
        elif row["record"] == "transcript":
            await ledger.put_transcript(transcript := transcript_from(row["json"]))
            transcripts += not transcript.is_brought
        elif row["record"] == "task":
            await ledger.put_task(task_from(row["json"]))
    by_space: dict[Space, list[Clip]] = {}
    for row in rows:
        if row["record"] == "clip":
            vector = np.asarray(row["vector"], dtype="<f4")
            damaged += (is_damaged := checksum(vector) != row["checksum"])
            if not is_damaged:
                [fields] = clip_fields([row])
                clip = Clip(**fields, vector=vector)
                by_space.setdefault(Space(row["space"], len(vector)), []).append(clip)
    for space, clips in by_space.items():
        await store.upsert(space, clips)
    return ExchangeResult(assets, sum(map(len, by_space.values())), transcripts, damaged)


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = [pa.field(name, pa.string()) for name in ("record", "space", "json")]
    extra = [*text, pa.field("checksum", pa.int64()), pa.field("vector", pa.list_(pa.float32()))]
    # Rows of other records have none of a clip's values.
    return pa.schema([*extra, *(column.arrow().with_nullable(True) for column in COLUMNS)], metadata=_FORMAT)


def _write(writer: Any, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    import pyarrow as pa

    writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _clip_row(space: Space, clip: Clip, written_checksum: int) -> dict[str, Any]:
    fields = {name: getattr(clip, name) for name in CLIP_COLUMNS}
    return fields | {
        "record": "clip",
        "space": space.id,
        "checksum": written_checksum,
        "vector": clip.vector,
    }


def _json_row(
    value: Asset | StoredTranscript | Task,
    names: Sequence[SpeakerName] | None = None,
    corrections: Sequence[Correction] = (),
) -> dict[str, Any]:
    record = {Asset: "asset", StoredTranscript: "transcript", Task: "task"}[type(value)]
    return {"record": record, "asset_id": value.asset_id, "json": to_json(value, names, corrections)}
