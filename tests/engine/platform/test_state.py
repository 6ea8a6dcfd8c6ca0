"""What engines keep on disk and how several share it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine.errors import DiskError, StateError
from soundbite_engine.platform.database import LATEST, Database, Owner
from soundbite_engine.platform.requests import new_id, parse_rfc3339, rfc3339
from soundbite_engine.platform.task_records import count_attempt


async def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:

        def half(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO settings VALUES ('half', x'00')")
            raise ValueError("no more")

        with pytest.raises(ValueError, match="no more"):
            await database.write(half)
        rows = await database.read(lambda c: c.execute("SELECT name FROM settings").fetchall())
        assert [row["name"] for row in rows] == ["signing_key"]


async def test_a_full_disk_is_named_and_later_changes_are_made_again(tmp_path: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO settings VALUES ('large', zeroblob(1000000))")

    async with Database(tmp_path / "a.db") as database:
        await database.read(lambda c: c.execute("PRAGMA max_page_count = 40").fetchall())
        with pytest.raises(DiskError, match="no room left"):
            await database.write(fill)
        await database.read(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall())
        await database.write(fill)


async def test_a_disk_too_full_for_the_index_of_the_log_is_named(tmp_path: Path) -> None:
    def open_on_a_full_disk(_: sqlite3.Connection) -> None:
        failed = sqlite3.OperationalError("disk I/O error")
        failed.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        raise failed

    async with Database(tmp_path / "a.db") as database:
        with pytest.raises(DiskError, match="no room left"):
            await database.read(open_on_a_full_disk)


async def test_an_attempt_of_a_task_that_was_deleted_meanwhile_counts_nothing(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:
        assert await database.write(lambda c: count_attempt(c, "none", -1)) == 0


async def test_a_commit_that_fails_is_rolled_back_and_does_not_block_the_next(tmp_path: Path) -> None:
    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")  # checked when the transaction is committed
        connection.execute("INSERT INTO upload_chunks VALUES ('none', 1, '', 0, 0, NULL)")

    async with Database(tmp_path / "a.db") as database:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            await database.write(orphan)
        await database.write(lambda c: c.execute("INSERT INTO settings VALUES ('next', x'00')"))
        assert not await database.read(lambda c: c.execute("SELECT * FROM upload_chunks").fetchall())


async def test_commits_survive_a_power_cut(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:
        assert await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
        assert await database.read(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]) == 2


async def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    async def open_and_read() -> bytes:
        async with Database(tmp_path / "a.db") as database:
            row = await database.read(lambda c: c.execute("SELECT value FROM settings").fetchone())
            return bytes(row["value"])

    assert len(set(await asyncio.gather(*(open_and_read() for _ in range(8))))) == 1


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db"):
        pass
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    connection.close()
    with pytest.raises(StateError, match="upgrade Soundbite") as refused:
        async with Database(tmp_path / "a.db"):
            pass
    assert refused.value.code == "state_newer"


async def test_a_damaged_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match="move it away") as refused:
        async with Database(tmp_path / "a.db"):
            pass
    assert refused.value.code == "state_damaged"


async def test_a_database_damaged_later_is_told_from_a_mistake_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path):
        pass
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    async with Database(path) as database:
        with pytest.raises(StateError, match="move it away"):
            await database.read(lambda c: c.execute("SELECT * FROM settings").fetchall())
        with pytest.raises(sqlite3.OperationalError, match="no_table"):
            await database.read(lambda c: c.execute("SELECT * FROM no_table").fetchall())


def test_an_owner_is_gone_when_it_has_closed_or_never_was(tmp_path: Path) -> None:
    one, other = Owner(tmp_path), Owner(tmp_path)
    assert not one.is_gone(other.id)
    assert not one.is_gone(one.id)
    assert one.is_gone("never")
    other.close()
    assert one.is_gone(other.id)
    one.close()


def test_an_owner_whose_process_was_killed_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time; from soundbite_engine.platform.database import Owner\n"
        "owner = Owner(pathlib.Path(sys.argv[1])); print(owner.id, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    owner_id = process.stdout.readline().strip()
    mine = Owner(tmp_path)
    assert not mine.is_gone(owner_id)
    process.kill()
    process.wait()
    process.stdout.close()
    assert mine.is_gone(owner_id)
    mine.close()


def test_ids_and_times_are_written_as_the_platform_writes_them() -> None:
    assert len(new_id()) == 24
    assert int(new_id(), 16)
    assert rfc3339(0.5) == "1970-01-01T00:00:00.500Z"
    assert parse_rfc3339("1970-01-01T01:00:00.5+01:00") == 0.5
    assert parse_rfc3339("1970-01-01T00:00:00") == 0


def test_importing_the_package_loads_no_decoder_and_no_server() -> None:
    heavy = ("av", "numpy", "starlette", "pydantic", "httpx", "onnxruntime")
    code = "import sys, soundbite_engine, soundbite_engine.config; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(heavy) & set(done.stdout.split())


def test_an_engine_that_downloads_nothing_loads_no_connections(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from soundbite_engine.config import EngineConfig
from soundbite_engine.platform.engine import Engine
async def main():
    async with Engine(EngineConfig(home=Path(sys.argv[1]))):
        print("httpx" in sys.modules, "httpcore" in sys.modules)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


async def test_a_home_that_is_moved_has_its_media_with_it(
    opened: Callable[..., Any], asking: Callable[..., dict[str, Any]], sounds: Callable[[float], Path], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    async with opened(first) as (_, http):
        files = {"file": ("tone.wav", sounds(5).read_bytes())}
        asset = (await http.post("assets", data={"method": "direct"}, files=files)).json()
        assert asset["status"] == "ready", asset
    first.rename(second)
    async with opened(second) as (engine, http):
        answer = await http.post("embed-v2", json=asking({"asset_id": asset["_id"]}))
        assert answer.status_code == 200, answer.text
        kept = await engine.kept_file(asset["_id"])
        assert kept is not None
        assert kept.path.is_relative_to(second)
        assert (await http.delete(f"assets/{asset['_id']}")).status_code == 204
        assert not kept.path.exists()
