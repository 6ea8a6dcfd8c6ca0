"""Embedding tasks as rows of the database."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundbite_engine.platform.requests import Page, new_id


@dataclass(frozen=True)
class TaskRecord:
    """One task. `audio` is the request's audio object with an asset id for its source, as JSON.

    `space` is that of its vectors; before there are any, that of the engine which took it in.
    """

    id: str
    created_at: float
    updated_at: float
    status: str
    model_name: str
    asset_id: str
    audio: str
    space: str
    stage: str
    fraction: float
    attempts: int
    metadata: Mapping[str, Any] | None
    error: str | None
    owner: str | None


@dataclass(frozen=True)
class NewTask:
    """What is known of a task when it is created."""

    model_name: str
    asset_id: str
    audio: str
    space: str


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks a list holds, by seconds since 1970 and status ("" for any)."""

    started_at: float
    ended_at: float
    status: str = ""


@dataclass(frozen=True)
class StoredResult:
    """The embeddings of a finished task: float32 rows and what each stands for, as JSON."""

    dimension: int
    items: str
    vectors: bytes


@dataclass(frozen=True)
class StoredPart:
    """A part of a task that is still processed: its facts as JSON, and float32 rows of blocks where it has some.

    `until_sec` is where the parts up to this one end in the source.
    """

    number: int
    until_sec: float
    facts: str
    sounds: bytes | None
    speech: bytes | None


@dataclass(frozen=True)
class Reached:
    """How many parts of a task are done, and where the last of them ends in the source."""

    parts: int = 0
    until_sec: float = 0.0


def insert(connection: sqlite3.Connection, task: NewTask, owner: str) -> TaskRecord:
    """Add a task, `processing`, for engine `owner` to run."""
    task_id, now = new_id(), time.time()
    connection.execute(
        "INSERT INTO tasks (id, created_at, updated_at, status, model_name, asset_id, audio, space, owner)"
        " VALUES (?, ?, ?, 'processing', ?, ?, ?, ?, ?)",
        (task_id, now, now, task.model_name, task.asset_id, task.audio, task.space, owner),
    )
    record = find(connection, task_id)
    assert record is not None
    return record


def find(connection: sqlite3.Connection, task_id: str) -> TaskRecord | None:
    """The task, if it exists."""
    row = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return None if row is None else _record(row)


def page(connection: sqlite3.Connection, criteria: TaskFilter, page: Page) -> tuple[list[TaskRecord], int]:
    """One page of the tasks that match, newest first, and how many match."""
    where = "created_at >= ? AND created_at <= ? AND (? = '' OR status = ?)"
    values = (criteria.started_at, criteria.ended_at, criteria.status, criteria.status)
    (total,) = connection.execute(f"SELECT count(*) FROM tasks WHERE {where}", values).fetchone()  # noqa: S608
    rows = connection.execute(
        f"SELECT * FROM tasks WHERE {where} ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",  # noqa: S608
        (*values, page.limit, page.offset),
    )
    return [_record(row) for row in rows], total


def unfinished(connection: sqlite3.Connection) -> list[TaskRecord]:
    """Every task in the making, of whichever engine, oldest first."""
    rows = connection.execute("SELECT * FROM tasks WHERE status = 'processing' ORDER BY created_at, rowid")
    return [_record(row) for row in rows]


def uses_asset(connection: sqlite3.Connection, asset_id: str) -> bool:
    """Whether a task that is not finished needs an asset."""
    row = connection.execute(
        "SELECT 1 FROM tasks WHERE asset_id = ? AND status = 'processing' LIMIT 1", (asset_id,)
    ).fetchone()
    return row is not None


def of_asset(connection: sqlite3.Connection, asset_id: str) -> list[str]:
    """The ids of the tasks made of an asset."""
    rows = connection.execute("SELECT id FROM tasks WHERE asset_id = ? ORDER BY id", (asset_id,))
    return [row["id"] for row in rows]


def delete_of_asset(connection: sqlite3.Connection, asset_id: str) -> None:
    """Forget the tasks made of an asset, with their embeddings."""
    connection.execute("DELETE FROM tasks WHERE asset_id = ?", (asset_id,))


def claim(connection: sqlite3.Connection, task_id: str, seen_owner: str | None, owner: str) -> bool:
    """Take a task over; true for one engine only, of those that saw the same former owner."""
    changed = connection.execute(
        "UPDATE tasks SET owner = ? WHERE id = ? AND status = 'processing' AND owner IS ?", (owner, task_id, seen_owner)
    )
    return changed.rowcount == 1


def release(connection: sqlite3.Connection, owner: str) -> None:
    """Leave an engine's unfinished tasks to whoever comes next."""
    connection.execute("UPDATE tasks SET owner = NULL WHERE owner = ? AND status = 'processing'", (owner,))


def count_attempt(connection: sqlite3.Connection, task_id: str, change: int) -> int:
    """Count a start (+1), or take one back that was ended on purpose (-1); return the count, 0 of a deleted task."""
    connection.execute("UPDATE tasks SET attempts = attempts + ? WHERE id = ?", (change, task_id))
    row = connection.execute("SELECT attempts FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return int(row[0]) if row else 0


def set_progress(connection: sqlite3.Connection, task_id: str, stage: str, fraction: float) -> None:
    """Record how far a task is."""
    connection.execute(
        "UPDATE tasks SET stage = ?, fraction = ?, updated_at = ? WHERE id = ? AND status = 'processing'",
        (stage, fraction, time.time(), task_id),
    )


def finish(
    connection: sqlite3.Connection,
    task_id: str,
    owner: str,
    space: str,
    metadata: Mapping[str, Any],
    result: StoredResult,
) -> None:
    """Make a task ready, with its embeddings and the space they belong to, if `owner` still runs it."""
    changed = connection.execute(
        "UPDATE tasks SET status = 'ready', stage = '', fraction = 1, space = ?, metadata = ?, updated_at = ?,"
        " owner = NULL WHERE id = ? AND owner = ? AND status = 'processing'",
        (space, json.dumps(metadata), time.time(), task_id, owner),
    )
    if changed.rowcount == 1:
        connection.execute(
            "INSERT OR REPLACE INTO task_results VALUES (?, ?, ?, ?)",
            (task_id, result.dimension, result.items, result.vectors),
        )
        _forget_parts(connection, task_id)


def keep_part(connection: sqlite3.Connection, task_id: str, owner: str, space: str, part: StoredPart) -> None:
    """Keep a part, if `owner` still runs the task; those that an earlier attempt kept behind it are forgotten."""
    # What brought the recording forward is no vain attempt.
    changed = connection.execute(
        "UPDATE tasks SET attempts = 1 WHERE id = ? AND owner = ? AND status = 'processing'", (task_id, owner)
    )
    if changed.rowcount == 1:
        connection.execute("DELETE FROM task_parts WHERE task_id = ? AND number >= ?", (task_id, part.number))
        connection.execute(
            "INSERT INTO task_parts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (task_id, part.number, space, part.until_sec, part.facts, part.sounds, part.speech),
        )


def parts(connection: sqlite3.Connection, task_id: str, space: str) -> list[StoredPart]:
    """The parts of a task in a space, in order."""
    rows = connection.execute(
        "SELECT * FROM task_parts WHERE task_id = ? AND space = ? ORDER BY number", (task_id, space)
    )
    return [_part(row) for row in rows]


def find_part(connection: sqlite3.Connection, task_id: str, space: str, number: int) -> StoredPart | None:
    """One part of a task, if it is done."""
    row = connection.execute(
        "SELECT * FROM task_parts WHERE task_id = ? AND space = ? AND number = ?", (task_id, space, number)
    ).fetchone()
    return None if row is None else _part(row)


def reached(connection: sqlite3.Connection, task_id: str, space: str) -> Reached:
    """How far the parts of a task go."""
    row = connection.execute(
        "SELECT count(*), coalesce(max(until_sec), 0.0) FROM task_parts WHERE task_id = ? AND space = ?",
        (task_id, space),
    ).fetchone()
    return Reached(int(row[0]), float(row[1]))


def _forget_parts(connection: sqlite3.Connection, task_id: str) -> None:
    connection.execute("DELETE FROM task_parts WHERE task_id = ?", (task_id,))


def _part(row: sqlite3.Row) -> StoredPart:
    return StoredPart(row["number"], row["until_sec"], row["facts"], row["sounds"], row["speech"])


def fail(connection: sqlite3.Connection, task_id: str, owner: str, reason: str) -> None:
    """Make a task failed, if `owner` still runs it."""
    connection.execute(
        "UPDATE tasks SET status = 'failed', stage = '', error = ?, updated_at = ?, owner = NULL"
        " WHERE id = ? AND owner = ? AND status = 'processing'",
        (reason, time.time(), task_id, owner),
    )
    _forget_parts(connection, task_id)


def find_result(connection: sqlite3.Connection, task_id: str) -> StoredResult | None:
    """The embeddings of a ready task."""
    row = connection.execute("SELECT * FROM task_results WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else StoredResult(row["dimension"], row["items"], row["vectors"])


def _record(row: sqlite3.Row) -> TaskRecord:
    return TaskRecord(
        id=row["id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=row["status"],
        model_name=row["model_name"],
        asset_id=row["asset_id"],
        audio=row["audio"],
        space=row["space"],
        stage=row["stage"],
        fraction=row["fraction"],
        attempts=row["attempts"],
        metadata=None if row["metadata"] is None else json.loads(row["metadata"]),
        error=row["error"],
        owner=row["owner"],
    )
