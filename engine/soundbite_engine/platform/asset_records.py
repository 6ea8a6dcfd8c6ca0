"""Assets as rows of the database."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from soundbite_api.files import SourceFile
from soundbite_engine.platform.requests import Page, new_id

Method = Literal["direct", "url", "multipart"]


@dataclass(frozen=True)
class AssetRecord:
    """One asset. `path` is None until its bytes are here; a reference's bytes belong to someone else.

    `is_inline` marks media that came inside an embedding request: never listed, removed after use.
    """

    id: str
    created_at: float
    status: str
    method: str
    filename: str
    file_type: str | None
    path: Path | None
    source_url: str | None
    is_inline: bool
    is_reference: bool
    size: int | None
    mtime_ns: int | None
    reference: SourceFile | None
    duration: float | None
    technical_metadata: Mapping[str, Any] | None
    user_metadata: Mapping[str, Any] | None
    error: str | None
    error_code: str | None


@dataclass(frozen=True)
class NewAsset:
    """What is known of an asset when it is created."""

    method: Method
    filename: str
    file_type: str | None = None
    path: Path | None = None
    source_url: str | None = None
    is_inline: bool = False
    size: int | None = None
    reference: SourceFile | None = None
    user_metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AssetFilter:
    """Which assets a list holds; empty is no restriction. `types` are audio, video, image, document."""

    ids: Sequence[str] = ()
    types: Sequence[str] = ()
    filename: str = ""


def insert(connection: sqlite3.Connection, asset: NewAsset, owner: str | None) -> AssetRecord:
    """Add an asset, `processing`, worked on by engine `owner`."""
    asset_id, reference = new_id(), asset.reference
    path = asset.path if reference is None else reference.path
    connection.execute(
        "INSERT INTO assets (id, created_at, status, method, filename, file_type, path, source_url, is_inline,"
        " is_reference, size, mtime_ns, identity, user_metadata, owner)"
        " VALUES (?,?,'processing',?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            asset_id,
            time.time(),
            asset.method,
            asset.filename,
            asset.file_type,
            None if path is None else str(path),
            asset.source_url,
            asset.is_inline,
            reference is not None,
            asset.size,
            None if reference is None or reference.identity is None else reference.identity.mtime_ns,
            None if reference is None else reference.fragment,
            _to_json(asset.user_metadata),
            owner,
        ),
    )
    record = find(connection, asset_id)
    assert record is not None
    return record


def find(connection: sqlite3.Connection, asset_id: str) -> AssetRecord | None:
    """The asset, if it exists."""
    row = connection.execute("SELECT * FROM assets WHERE id = ?", (asset_id,)).fetchone()
    return None if row is None else _record(row)


def page(connection: sqlite3.Connection, criteria: AssetFilter, page: Page) -> tuple[list[AssetRecord], int]:
    """One page of the assets that match, newest first, and how many match."""
    where, values = _conditions(criteria)
    (total,) = connection.execute(f"SELECT count(*) FROM assets WHERE {where}", values).fetchone()  # noqa: S608
    rows = connection.execute(
        f"SELECT * FROM assets WHERE {where} ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",  # noqa: S608
        (*values, page.limit, page.offset),
    )
    return [_record(row) for row in rows], total


def _conditions(criteria: AssetFilter) -> tuple[str, list[str]]:
    # Only fixed text goes into the statement; values are bound.
    conditions, values = ["is_inline = 0"], list[str]()
    if criteria.ids:
        conditions.append(f"id IN ({','.join('?' * len(criteria.ids))})")
        values.extend(criteria.ids)
    if criteria.types:
        conditions.append("(" + " OR ".join(["file_type LIKE ? || '/%'"] * len(criteria.types)) + ")")
        values.extend("application" if kind == "document" else kind for kind in criteria.types)
    if criteria.filename:
        conditions.append("instr(lower(filename), lower(?)) > 0")
        values.append(criteria.filename)
    return " AND ".join(conditions), values


def place(connection: sqlite3.Connection, asset_id: str, path: Path, size: int, owner: str) -> bool:
    """Record where an asset's bytes are and who settles it; False when it has been deleted meanwhile."""
    changed = connection.execute(
        "UPDATE assets SET path = ?, size = ?, owner = ? WHERE id = ?", (str(path), size, owner, asset_id)
    )
    return changed.rowcount == 1


def rename(connection: sqlite3.Connection, asset_id: str, filename: str) -> None:
    """Give an asset the name its source turned out to have."""
    connection.execute("UPDATE assets SET filename = ? WHERE id = ?", (filename, asset_id))


def make_ready(
    connection: sqlite3.Connection, asset_id: str, file_type: str, duration: float | None, technical: Mapping[str, Any]
) -> None:
    """Record that an asset may be used, and what it holds."""
    connection.execute(
        "UPDATE assets SET status = 'ready', file_type = ?, duration = ?, technical_metadata = ?, owner = NULL"
        " WHERE id = ?",
        (file_type, duration, _to_json(technical), asset_id),
    )


def make_failed(connection: sqlite3.Connection, asset_id: str, code: str, reason: str) -> None:
    """Record that an asset can't be used: why for programs and for people."""
    connection.execute(
        "UPDATE assets SET status = 'failed', error_code = ?, error = ?, owner = NULL WHERE id = ?",
        (code, reason, asset_id),
    )


def change_user_metadata(
    connection: sqlite3.Connection, asset_id: str, change: Callable[[dict[str, Any]], Mapping[str, Any]]
) -> bool:
    """Make of an asset's user metadata what `change` makes of it; False when there is no such asset."""
    record = find(connection, asset_id)
    if record is None:
        return False
    changed = change(dict(record.user_metadata or {}))
    value = _to_json(changed) if changed else None
    connection.execute("UPDATE assets SET user_metadata = ? WHERE id = ?", (value, asset_id))
    return True


def delete(connection: sqlite3.Connection, asset_id: str) -> None:
    """Forget an asset, its transcription and its upload session."""
    connection.execute("DELETE FROM assets WHERE id = ?", (asset_id,))


def references(connection: sqlite3.Connection, path: Path, content_hash: str) -> list[str]:
    """The ids of the assets that reference a path, or a file of this content."""
    rows = connection.execute(
        "SELECT id FROM assets WHERE is_reference = 1 AND (path = ? OR instr(identity, ?) > 0)",
        (str(path), f"sha256={content_hash}"),
    )
    return [row["id"] for row in rows]


def put_silenced(connection: sqlite3.Connection, asset_id: str, path: Path, size: int) -> None:
    """Record that an asset's bytes are others now, and forget what was understood of the earlier ones."""
    connection.execute(
        "UPDATE assets SET path = ?, size = ?, file_type = 'audio/flac' WHERE id = ?", (str(path), size, asset_id)
    )
    connection.execute("DELETE FROM transcriptions WHERE asset_id = ?", (asset_id,))


def unfinished(connection: sqlite3.Connection) -> list[tuple[AssetRecord, str | None]]:
    """Assets in the making, and the engine that works on each; a multipart upload counts once its bytes are here."""
    rows = connection.execute(
        "SELECT * FROM assets WHERE status = 'processing' AND (method != 'multipart' OR path IS NOT NULL)"
    )
    return [(_record(row), row["owner"]) for row in rows]


def forgotten(connection: sqlite3.Connection, before: float) -> list[str]:
    """Inline assets from before a time that no unfinished task needs."""
    rows = connection.execute(
        "SELECT id FROM assets WHERE is_inline = 1 AND created_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM tasks WHERE tasks.asset_id = assets.id AND tasks.status = 'processing')",
        (before,),
    )
    return [row["id"] for row in rows]


def ids(connection: sqlite3.Connection) -> set[str]:
    """The ids of all assets."""
    return {row["id"] for row in connection.execute("SELECT id FROM assets")}


def _record(row: sqlite3.Row) -> AssetRecord:
    path = None if row["path"] is None else Path(row["path"])
    is_reference = bool(row["is_reference"])
    return AssetRecord(
        id=row["id"],
        created_at=row["created_at"],
        status=row["status"],
        method=row["method"],
        filename=row["filename"],
        file_type=row["file_type"],
        path=path,
        source_url=row["source_url"],
        is_inline=bool(row["is_inline"]),
        is_reference=is_reference,
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        reference=SourceFile.of_fragment(path, row["identity"] or "") if is_reference and path is not None else None,
        duration=row["duration"],
        technical_metadata=_from_json(row["technical_metadata"]),
        user_metadata=_from_json(row["user_metadata"]),
        error=row["error"],
        error_code=row["error_code"],
    )


def _to_json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _from_json(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    value: dict[str, Any] = json.loads(text)
    return value
