"""Tasks in the ledger, and who may run them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack, get_type_hints

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Task, TaskChanges, TaskStatus
from soundbite_store.locks import OwnerLock

_LOCK_PREFIX = "task-"
_COLUMNS = tuple(field.name for field in dataclasses.fields(Task))
_CHANGEABLE = frozenset(get_type_hints(TaskChanges))
_INSERT = f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"  # noqa: S608


class TaskRecords:
    """The ledger's tasks."""

    _ledger: LedgerConnection
    _lock_dir: Path

    async def create_task(
        self,
        *,
        asset_id: str,
        space: str,
        platform: str,
        params_json: str = "{}",
        stage: str = "",
        platform_asset_id: str = "",
        platform_task_id: str = "",
        renewal_json: str = "",
    ) -> Task:
        """Record a new task with status `processing`; it survives from here on."""
        now = datetime.now(UTC)
        task = Task(
            task_id="t_" + secrets.token_hex(8),
            asset_id=asset_id,
            status="processing",
            stage=stage,
            progress=0.0,
            params_json=params_json,
            space=space,
            platform=platform,
            platform_asset_id=platform_asset_id,
            platform_task_id=platform_task_id,
            error_code="",
            error_message="",
            error_hint="",
            seconds_embedded=0.0,
            seconds_saved=0.0,
            counts_json="{}",
            notes_json="[]",
            created_at=now,
            updated_at=now,
            finished_at=None,
            renewal_json=renewal_json,
        )
        values = {name: _stored(getattr(task, name)) for name in _COLUMNS}
        await self._ledger.write(lambda db: db.execute(_INSERT, values))
        return task

    async def put_task(self, task: Task) -> None:
        """Add a task that another library finished; one of the same id stays as it is."""
        values = {name: _stored(getattr(task, name)) for name in _COLUMNS}
        await self._ledger.write(lambda db: db.execute(_INSERT + " ON CONFLICT (task_id) DO NOTHING", values))

    async def get_task(self, task_id: str) -> Task | None:
        """The task of this id."""
        return await self._one_task("task_id", task_id)

    async def find_task(self, platform_task_id: str) -> Task | None:
        """The newest task that a platform calls by this id."""
        return await self._one_task("platform_task_id", platform_task_id) if platform_task_id else None

    async def update_task(self, task_id: str, **changes: Unpack[TaskChanges]) -> Task | None:
        """Change fields of a task and answer with the whole; None when there is no such task.

        A status of `ready` or `failed` sets `finished_at`, `processing` clears it.
        """
        if unknown := set(changes) - _CHANGEABLE:
            raise TypeError(f"A task has no changeable field {', '.join(sorted(unknown))}.")
        values: dict[str, Any] = {**changes, "updated_at": datetime.now(UTC).isoformat()}
        if "status" in changes:
            values["finished_at"] = None if changes["status"] == "processing" else values["updated_at"]
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        sql = f"UPDATE tasks SET {assignments} WHERE task_id = :task_id RETURNING *"  # noqa: S608 - names from above
        row = await self._ledger.write(lambda db: db.execute(sql, {**values, "task_id": task_id}).fetchone())
        return None if row is None else _task(row)

    async def drop_task(self, task_id: str) -> None:
        """Delete a task; whoever works on it stops once it hears of that."""
        await self._ledger.write(lambda db: db.execute("DELETE FROM tasks WHERE task_id = ?", (task_id,)))

    async def unfinished_tasks(self) -> list[Task]:
        """Tasks still `processing`, the oldest first: what a start has to resume."""
        return await self._tasks("WHERE status = 'processing' ORDER BY created_at, task_id")

    async def list_tasks(
        self,
        limit: int | None = 100,
        offset: int = 0,
        *,
        asset_id: str | None = None,
        status: TaskStatus | None = None,
    ) -> list[Task]:
        """Tasks, the newest first; all of them where `limit` is None."""
        return await self._tasks(
            "WHERE (:asset_id IS NULL OR asset_id = :asset_id) AND (:status IS NULL OR status = :status) "
            "ORDER BY created_at DESC, task_id LIMIT :limit OFFSET :offset",
            {"asset_id": asset_id, "status": status, "limit": -1 if limit is None else limit, "offset": offset},
        )

    async def tasks_of(self, asset_ids: Iterable[str], limit: int) -> dict[str, list[Task]]:
        """The tasks of each of these assets, the newest first, `limit` of each at most."""
        ids = list(dict.fromkeys(asset_ids))
        sql = "SELECT * FROM tasks WHERE asset_id = ? ORDER BY created_at DESC, task_id LIMIT ?"

        def work(db: sqlite3.Connection) -> dict[str, list[Task]]:
            return {asset_id: [_task(row) for row in db.execute(sql, (asset_id, limit))] for asset_id in ids}

        return await self._ledger.read(work)

    async def changed_at(self) -> str:
        """When a task last changed, as the ledger writes it; empty where there is none."""
        sql = "SELECT coalesce(max(updated_at), '') FROM tasks"
        return await self._ledger.read(lambda db: str(db.execute(sql).fetchone()[0]))

    def task_lock(self, task_id: str) -> OwnerLock:
        """The lock whose holder runs the task.

        Read the task again once the lock is taken: the owner before may have finished it.
        """
        return OwnerLock(self._lock_dir, f"{_LOCK_PREFIX}{task_id}")

    async def left_behind(self, space: str) -> dict[str, int]:
        """The number of recordings that are embedded in other spaces and not in this one, by the space of the last."""
        # Two ranges of an index that SQLite would not take by itself: the tasks of the space itself, nearly always all
        # there are, are not gone through.
        sql = """
            WITH others AS (
                SELECT asset_id, space, created_at FROM tasks INDEXED BY tasks_ready_by_space
                WHERE status = 'ready' AND space > '' AND space < :space
                UNION ALL
                SELECT asset_id, space, created_at FROM tasks INDEXED BY tasks_ready_by_space
                WHERE status = 'ready' AND space > :space
            ),
            -- Beside max(), SQLite takes the other columns from the row that has it.
            last AS (SELECT asset_id, space, max(created_at) FROM others GROUP BY asset_id)
            SELECT space, count(*) FROM last WHERE NOT EXISTS
                (SELECT 1 FROM tasks WHERE status = 'ready' AND space = :space AND asset_id = last.asset_id)
            GROUP BY space
        """
        rows = await self._ledger.read(lambda db: db.execute(sql, {"space": space}).fetchall())
        return {name: int(count) for name, count in rows}

    async def drop_spent_locks(self) -> int:
        """Delete the lock files of tasks that are finished or gone; returns their number."""
        # Listed before the tasks are asked for: the lock of a task made in between is not among them.
        files = await asyncio.to_thread(lambda: list(self._lock_dir.glob(f"{_LOCK_PREFIX}*.lock")))
        unfinished = {f"{_LOCK_PREFIX}{task.task_id}" for task in await self.unfinished_tasks()}
        spent = [file for file in files if file.stem not in unfinished]
        await asyncio.to_thread(_delete, spent)
        return len(spent)

    async def _one_task(self, column: str, value: str) -> Task | None:
        tasks = await self._tasks(f"WHERE {column} = :value ORDER BY created_at DESC LIMIT 1", {"value": value})
        return tasks[0] if tasks else None

    async def _tasks(self, rest: str, values: dict[str, Any] | None = None) -> list[Task]:
        sql = f"SELECT * FROM tasks {rest}"  # noqa: S608 - the callers above pass constants
        rows = await self._ledger.read(lambda db: db.execute(sql, values or {}).fetchall())
        return [_task(row) for row in rows]


def _delete(files: list[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # held open, where that keeps a file: the next time will do
            file.unlink(missing_ok=True)


def _stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _task(row: sqlite3.Row) -> Task:
    fields: dict[str, Any] = dict(row)
    for name in ("created_at", "updated_at", "finished_at"):
        fields[name] = fields[name] and datetime.fromisoformat(fields[name])
    return Task(**fields)
