"""The ledger's schema as numbered steps. Append only: a released step never changes."""

from __future__ import annotations

import sqlite3

from soundbite_store.errors import StoreTooNew

_FIRST = (
    """CREATE TABLE assets (
        asset_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, title TEXT NOT NULL, source_uri TEXT NOT NULL,
        source_kind TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        duration_sec REAL NOT NULL, tags TEXT NOT NULL, metadata_json TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX assets_by_hash ON assets (content_hash)",
    "CREATE INDEX assets_by_source ON assets (source_uri)",
    """CREATE TABLE tasks (
        task_id TEXT PRIMARY KEY, asset_id TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
        progress REAL NOT NULL, params_json TEXT NOT NULL, space TEXT NOT NULL, platform TEXT NOT NULL,
        platform_asset_id TEXT NOT NULL, platform_task_id TEXT NOT NULL, error_code TEXT NOT NULL,
        error_message TEXT NOT NULL, error_hint TEXT NOT NULL, seconds_embedded REAL NOT NULL,
        seconds_saved REAL NOT NULL, counts_json TEXT NOT NULL, notes_json TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, finished_at TEXT
    ) STRICT""",
    "CREATE INDEX tasks_by_status ON tasks (status, created_at)",
    "CREATE INDEX tasks_by_asset ON tasks (asset_id)",
    "CREATE INDEX tasks_by_platform_task ON tasks (platform_task_id)",
    """CREATE TABLE platform_assets (
        platform TEXT NOT NULL, content_hash TEXT NOT NULL, platform_asset_id TEXT NOT NULL,
        created_at TEXT NOT NULL, PRIMARY KEY (platform, content_hash)
    ) STRICT""",
    """CREATE TABLE transcripts (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, start_sec REAL NOT NULL, end_sec REAL NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (asset_id, source)
    ) STRICT""",
    """CREATE TABLE query_cache (
        space TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
        used_at INTEGER NOT NULL, PRIMARY KEY (space, kind, text)
    ) STRICT""",
    "CREATE INDEX query_cache_by_use ON query_cache (used_at)",
    """CREATE TABLE usage (
        day TEXT NOT NULL, platform TEXT NOT NULL, seconds_embedded REAL NOT NULL, seconds_saved REAL NOT NULL,
        PRIMARY KEY (day, platform)
    ) STRICT""",
)

# Every search asks how many recordings are ready in other spaces only; nearly always there are none to look at.
_SECOND = ("CREATE INDEX tasks_ready_by_space ON tasks (space, asset_id) WHERE status = 'ready'",)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the ledger to the newest version, one transaction a step.

    Raises: StoreTooNew, sqlite3.Error.
    """
    newest = len(MIGRATIONS)
    while (version := _version(connection)) < newest:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Read again inside the transaction: another process may have taken this step meanwhile.
            if _version(connection) == version:
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    if version > newest:
        raise StoreTooNew(
            f"The ledger was written by a later Soundbite (version {version}, this one knows {newest}): "
            "upgrade Soundbite, or point SOUNDBITE_HOME somewhere else."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
