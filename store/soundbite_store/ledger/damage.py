"""A ledger whose file is damaged: whether it is, and a new one from what can still be read of it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from soundbite_store.ledger.connection import make_private_file, migrate
from soundbite_store.repair.durability import fsync_directory

_TABLES = ("assets", "tasks", "platform_assets", "transcripts", "usage", "speakers", "speaker_names")
_BESIDE = ("", "-wal", "-shm")
_PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Salvage:
    """A ledger made anew."""

    aside: Path
    """What the damaged file is called now."""
    records: int
    """Records that could be read and are in the new one."""


def ledger_damage(path: Path) -> str:
    """What SQLite finds wrong with a ledger's file; empty where there is no file, or nothing wrong. Blocks."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as database:
            answer = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
            return "" if answer == "ok" else answer
    except sqlite3.OperationalError:
        return ""  # locked, or out of reach: opening it says so
    except sqlite3.DatabaseError as exc:
        return str(exc)


def salvage_ledger(path: Path) -> Salvage:
    """Set a damaged ledger aside and make a new one of the records that can be read. Nobody may have it open. Blocks.

    Raises: OSError, sqlite3.Error.
    """
    aside = path.with_name(f"{path.name}.{time.time_ns()}.corrupt")
    for beside in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + beside).rename(aside.with_name(aside.name + beside))
    make_private_file(path)
    records = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as new:
        migrate(new)
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(aside)) as old:
            for table in _TABLES:
                records += _copy(old, new, table)
    fsync_directory(path.parent)
    return Salvage(aside, records)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    before = new.total_changes
    # From both ends: what lies behind the damage is reached from the other.
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            there = [row[1] for row in old.execute(f"PRAGMA table_info({table})") if row[1] in columns]
            names, places = ", ".join(there), ", ".join("?" * len(there))
            insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - names from above
            for row in old.execute(f"SELECT {names} FROM {table} ORDER BY rowid {order}"):  # noqa: S608
                with suppress(sqlite3.IntegrityError):
                    new.execute(insert, row)
    return new.total_changes - before
