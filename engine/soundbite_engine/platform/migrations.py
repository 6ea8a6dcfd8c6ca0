"""The schema of the engine's database, as numbered steps that are only ever added to."""

from __future__ import annotations

import secrets
import sqlite3

from soundbite_engine.errors import StateError

_FIRST = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    """CREATE TABLE assets (
        id TEXT PRIMARY KEY, created_at REAL NOT NULL, status TEXT NOT NULL, method TEXT NOT NULL,
        filename TEXT NOT NULL, file_type TEXT, path TEXT, source_url TEXT,
        is_inline INTEGER NOT NULL DEFAULT 0, is_reference INTEGER NOT NULL DEFAULT 0,
        size INTEGER, mtime_ns INTEGER, duration REAL, technical_metadata TEXT, user_metadata TEXT, error TEXT,
        error_code TEXT, owner TEXT) STRICT""",
    "CREATE INDEX assets_newest ON assets (is_inline, created_at)",
    """CREATE TABLE tasks (
        id TEXT PRIMARY KEY, created_at REAL NOT NULL, updated_at REAL NOT NULL, status TEXT NOT NULL,
        model_name TEXT NOT NULL, asset_id TEXT NOT NULL, audio TEXT NOT NULL, space TEXT NOT NULL,
        stage TEXT NOT NULL DEFAULT '', fraction REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
        metadata TEXT, error TEXT, owner TEXT) STRICT""",
    "CREATE INDEX tasks_newest ON tasks (created_at)",
    "CREATE INDEX tasks_unfinished ON tasks (owner) WHERE status = 'processing'",
    """CREATE TABLE task_results (
        task_id TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
        dimension INTEGER NOT NULL, items TEXT NOT NULL, vectors BLOB NOT NULL) STRICT""",
    """CREATE TABLE transcriptions (
        asset_id TEXT PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE, status TEXT NOT NULL,
        words TEXT NOT NULL DEFAULT '[]', sentences TEXT NOT NULL DEFAULT '[]', error TEXT, owner TEXT) STRICT""",
    """CREATE TABLE uploads (
        id TEXT PRIMARY KEY, asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
        created_at REAL NOT NULL, updated_at REAL NOT NULL, expires_at REAL NOT NULL,
        total_size INTEGER NOT NULL, chunk_size INTEGER NOT NULL, is_completed INTEGER NOT NULL DEFAULT 0) STRICT""",
    """CREATE TABLE upload_chunks (
        upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE, chunk_index INTEGER NOT NULL,
        etag TEXT NOT NULL, size INTEGER NOT NULL, updated_at REAL NOT NULL, reported_at REAL,
        PRIMARY KEY (upload_id, chunk_index)) STRICT""",
)

_STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
LATEST = len(_STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open database, inside a transaction, to the latest schema.

    Raises:
        StateError: a newer version of the program has already changed it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > LATEST:
        raise StateError(
            "state_newer",
            f"The engine's database was written by a later Soundbite (version {version}, this one knows {LATEST}): "
            "upgrade Soundbite, or point SOUNDBITE_HOME somewhere else.",
        )
    for step in _STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    if version == 0:
        connection.execute("INSERT INTO settings VALUES ('signing_key', ?)", (secrets.token_bytes(32),))
    connection.execute(f"PRAGMA user_version = {LATEST}")
