from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import (
    Asset,
    Ledger,
    StoreBusy,
    StoreCorrupt,
    StoredTranscript,
    StoreError,
    StoreFull,
    StoreTooNew,
    StoreUnavailable,
    TimedText,
    Usage,
)
from soundbite_store.ledger.assets import _put
from soundbite_store.ledger.connection import LedgerConnection, make_private_file
from soundbite_store.ledger.ledger import MAX_CACHED_QUERIES

WAIT_S = 20
ASSET = Asset(
    asset_id="a_1",
    content_hash="h1",
    title="It's \\ a 東京",
    source_uri="file:///x.wav",
    source_kind="file",
    size_bytes=12,
    mtime_ns=1_700_000_000_123_456_789,
    duration_sec=3.5,
    tags=("one", "t'wo"),
    metadata_json='{"a": 1}',
    created_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
)


async def test_an_asset_comes_back_by_id_and_source(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        assert await ledger.get_asset("a_1") is None
        await ledger.put_asset(ASSET)
        assert await ledger.get_asset("a_1") == ASSET
        assert await ledger.get_assets(["a_1", "a_none", "a_1"]) == {"a_1": ASSET}
        assert await ledger.find_asset_by_source("file:///x.wav") == ASSET
        assert await ledger.find_asset_by_source("file:///y.wav") is None


async def test_what_is_asked_at_once_is_read_together_and_each_has_its_own_answer(tmp_path: Path) -> None:
    connection = LedgerConnection(tmp_path / "ledger.db", busy_timeout_s=WAIT_S)
    await connection.connect()
    steps: list[str] = []

    async def ask(sql: str) -> object:
        def work(db: sqlite3.Connection) -> object:
            steps.append("read")
            return db.execute(sql).fetchone()[0]

        try:
            return await connection.read(work)
        finally:
            steps.append("answered")

    stopped = asyncio.ensure_future(connection.read(lambda _: steps.append("read for nobody")))
    answers = asyncio.gather(*(ask(f"SELECT {number}") for number in range(50)), ask("?"), return_exceptions=True)
    await asyncio.sleep(0)  # all have asked
    stopped.cancel()
    *numbers, failure = await answers
    await connection.close()
    assert numbers == list(range(50))
    assert isinstance(failure, StoreError)
    assert steps == ["read"] * 51 + ["answered"] * 51


async def test_a_repeated_put_changes_the_asset_and_keeps_its_first_time(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.put_asset(ASSET)
        await ledger.put_asset(replace(ASSET, title="new", created_at=datetime(2026, 5, 5, tzinfo=UTC)))
        assert await ledger.list_assets() == [replace(ASSET, title="new")]
        assert await ledger.count_assets() == 1


async def test_assets_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        for day in (1, 3, 2):
            await ledger.put_asset(replace(ASSET, asset_id=f"a_{day}", created_at=datetime(2026, 1, day, tzinfo=UTC)))
        assert [asset.asset_id for asset in await ledger.list_assets(limit=2)] == ["a_3", "a_2"]
        assert [asset.asset_id for asset in await ledger.list_assets(limit=2, offset=2)] == ["a_1"]


async def test_a_page_of_assets_says_how_many_match_and_leaves_failed_ones_out(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        for day, tags in ((1, ("a",)), (2, ("b", "c")), (3, ()), (4, ("b",))):
            made = datetime(2026, 1, day, tzinfo=UTC)
            asset = replace(
                ASSET, asset_id=f"a_{day}", title=f"day {day}", tags=tags, duration_sec=float(day), created_at=made
            )
            await ledger.put_asset(asset)
            task = await ledger.create_task(asset_id=asset.asset_id, space="", platform="embedded")
            if day == 4:
                await ledger.update_task(task.task_id, status="failed")
        page = await ledger.page_of_assets(2)
        assert [asset.asset_id for asset in page.assets] == ["a_3", "a_2"]
        assert (page.total, page.total_sec) == (3, 6.0)
        page = await ledger.page_of_assets(1, 1, tags=("a", "b"), matches=lambda title, _: "day" in title)
        assert [asset.asset_id for asset in page.assets] == ["a_1"]
        assert (page.total, page.total_sec) == (2, 3.0)
        assert (await ledger.page_of_assets(5, matches=lambda title, _: title == "day 1")).total == 1
        tasks = await ledger.tasks_of(("a_1", "a_none"), 5)
        assert [len(of_asset) for of_asset in tasks.values()] == [1, 0]


async def test_namesakes_are_found_without_looking_at_other_recordings_also_in_a_ledger_from_before(
    tmp_path: Path,
) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger._ledger.write(lambda db: db.execute("DROP INDEX IF EXISTS assets_by_title"))
    steps = 0

    def count_steps() -> int:
        nonlocal steps
        steps += 1
        return 0

    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        assets = [replace(ASSET, asset_id=f"a_{number}", title=f"Meeting {number // 2}") for number in range(1000)]

        def fill(db: sqlite3.Connection) -> None:
            for asset in assets:
                _put(db, asset)

        await ledger._ledger.write(fill)
        await ledger._ledger.read(lambda db: db.set_progress_handler(count_steps, 1))
        namesakes = await ledger.assets_titled(["Meeting 7", "Meeting none"])
        assert {asset.asset_id for asset in namesakes} == {"a_14", "a_15"}
        assert 0 < steps < 500


async def test_platform_assets_are_remembered_and_forgotten(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.put_platform_asset("https://one", "h1", "p1")
        await ledger.put_platform_asset("https://two", "h1", "p2")
        await ledger.put_platform_asset("https://one", "h1", "p3")
        assert await ledger.get_platform_asset("https://one", "h1") == "p3"
        await ledger.forget_platform_asset("https://one", "h1")
        assert await ledger.get_platform_asset("https://one", "h1") is None
        assert await ledger.get_platform_asset("https://two", "h1") == "p2"


async def test_a_task_runs_from_processing_to_ready(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        made = await ledger.create_task(asset_id="a_1", space="s", platform="embedded", params_json='{"x": 1}')
        assert made.task_id.startswith("t_")
        assert made == await ledger.get_task(made.task_id)
        assert (made.status, made.finished_at) == ("processing", None)
        running = await ledger.update_task(made.task_id, stage="embedding", progress=0.5, platform_task_id="p1")
        assert running is not None
        assert running.updated_at >= made.updated_at
        assert await ledger.find_task("p1") == running
        done = await ledger.update_task(made.task_id, status="ready", progress=1.0, seconds_embedded=9.5)
        assert done is not None
        assert done.finished_at == done.updated_at
        assert (done.stage, done.seconds_embedded) == ("embedding", 9.5)


async def test_a_failed_task_that_is_taken_up_again_is_unfinished_again(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        task = await ledger.create_task(asset_id="a_1", space="s", platform="embedded")
        failed = await ledger.update_task(task.task_id, status="failed", error_code="x", error_hint="do y")
        assert failed is not None
        assert failed.finished_at is not None
        assert await ledger.unfinished_tasks() == []
        again = await ledger.update_task(task.task_id, status="processing")
        assert again is not None
        assert again.finished_at is None
        assert await ledger.unfinished_tasks() == [again]


async def test_unknown_tasks_and_fields_are_told_apart(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        assert await ledger.get_task("t_none") is None
        assert await ledger.find_task("") is None
        assert await ledger.update_task("t_none", progress=0.1) is None
        task = await ledger.create_task(asset_id="a_1", space="s", platform="embedded")
        with pytest.raises(TypeError, match="task_id = 'x'; --"):
            await ledger.update_task(task.task_id, **{"task_id = 'x'; --": 1})  # type: ignore[misc]  # hostile


async def test_tasks_are_listed_newest_first_and_by_asset_and_status(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        tasks = [await ledger.create_task(asset_id=a, space="s", platform="e") for a in ("a_1", "a_2", "a_1")]
        ids = [task.task_id for task in tasks]
        await ledger.update_task(ids[2], status="ready")
        assert [t.task_id for t in await ledger.list_tasks()] == ids[::-1]
        assert [t.task_id for t in await ledger.list_tasks(limit=1, offset=1)] == [ids[1]]
        assert [t.task_id for t in await ledger.list_tasks(asset_id="a_1")] == [ids[2], ids[0]]
        assert [t.task_id for t in await ledger.list_tasks(asset_id="a_1", status="ready")] == [ids[2]]
        assert [t.task_id for t in await ledger.unfinished_tasks()] == ids[:2]


async def test_a_transcript_comes_back_word_for_word(tmp_path: Path) -> None:
    transcript = StoredTranscript(
        asset_id="a_1",
        source="embedded",
        start_sec=1.0,
        end_sec=61.5,
        words=tuple(TimedText(value=f"wörd{n}", start_sec=n / 3, end_sec=n / 3 + 0.1) for n in range(500)),
        sentences=(TimedText(value="Wörd one.", start_sec=0.0, end_sec=2.0),),
    )
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        assert await ledger.get_transcript("a_1", "embedded") is None
        await ledger.put_transcript(replace(transcript, words=()))
        await ledger.put_transcript(transcript)
        assert await ledger.get_transcript("a_1", "embedded") == transcript
        assert await ledger.get_transcript("a_1", "hosted") is None
        assert await ledger.get_sentences(["a_1", "a_2", "a_1"], "embedded") == {"a_1": transcript.sentences}
        assert await ledger.get_sentences(["a_1"], "hosted") == {}
        later = replace(transcript, sentences=())
        await ledger.put_transcript(later)
        assert await ledger.get_sentences(["a_1"], "embedded") == {"a_1": ()}


async def test_recordings_of_other_spaces_are_counted_without_looking_at_those_of_this_one(tmp_path: Path) -> None:
    spaces = {"a_1": ["m"], "a_2": ["a", "m"], "a_3": ["a"], "a_4": ["z", "a"], "a_5": [""]}
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        for asset_id, space in [(asset_id, space) for asset_id, named in spaces.items() for space in named]:
            task = await ledger.create_task(asset_id=asset_id, space=space, platform="e")
            await ledger.update_task(task.task_id, status="ready")
        await ledger.create_task(asset_id="a_6", space="z", platform="e")
        assert await ledger.left_behind("m") == {"a": 2}  # a_4 was embedded in z, and then in a
        assert await ledger.left_behind("a") == {"m": 1}
        assert await ledger.left_behind("z") == {"m": 2, "a": 1}
        assert await ledger.left_behind("other") == {"m": 2, "a": 2}

        def fill(db: sqlite3.Connection) -> None:
            columns = [row[1] for row in db.execute("PRAGMA table_info(tasks)")]
            taken = ", ".join("'t_' || value" if name in ("task_id", "asset_id") else name for name in columns)
            sql = f"INSERT INTO tasks SELECT {taken} FROM tasks, generated WHERE asset_id = 'a_1'"
            db.execute(
                "WITH RECURSIVE generated(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM generated LIMIT 3000) "
                + sql
            )

        await ledger._ledger.write(fill)
        steps = 0

        def count_steps() -> int:
            nonlocal steps
            steps += 1
            return 0

        await ledger._ledger.read(lambda db: db.set_progress_handler(count_steps, 1))
        assert await ledger.left_behind("m") == {"a": 2}
        assert 0 < steps < 300


async def test_query_vectors_are_kept_by_space_kind_and_text(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.put_query_vector("s", "text", "it's", np.arange(1, 5, dtype=np.float32))
        vector = await ledger.get_query_vector("s", "text", "it's")
        assert vector is not None
        assert vector.dtype == np.float32
        assert np.allclose(vector, np.arange(1, 5) / np.linalg.norm(np.arange(1, 5)))
        for other in (("s2", "text", "it's"), ("s", "audio", "it's"), ("s", "text", "its")):
            assert await ledger.get_query_vector(*other) is None


async def test_a_query_vector_is_on_the_disk_a_moment_later_and_at_the_latest_on_closing(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as one, await Ledger.open(tmp_path / "ledger.db") as two:
        await one.put_query_vector("s", "text", "asked", [1.0, 0.0])
        async with asyncio.timeout(20):
            while await two.get_query_vector("s", "text", "asked") is None:
                await asyncio.sleep(0.05)
        await one.put_query_vector("s", "text", "late", [0.0, 1.0])
        await one.aclose()
        assert await two.get_query_vector("s", "text", "late") is not None


async def test_a_query_vector_is_found_while_it_is_being_written(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        begun, may_end = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(_: sqlite3.Connection) -> None:
            loop.call_soon_threadsafe(begun.set)
            assert may_end.wait(WAIT_S)

        writing = asyncio.create_task(ledger._ledger.write(slow))
        await asyncio.wait_for(begun.wait(), WAIT_S)
        await ledger.put_query_vector("s", "text", "asked", [1.0, 0.0])
        flushing = asyncio.create_task(ledger.flush_query_vectors())
        await asyncio.sleep(0)  # it has begun, and waits behind the slow one
        try:
            assert await ledger.get_query_vector("s", "text", "asked") is not None
        finally:
            may_end.set()
        await asyncio.gather(writing, flushing)
        assert await ledger.get_query_vector("s", "text", "asked") is not None


async def test_the_least_recently_used_query_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put_query_vector("s", "text", "first", [1.0, 0.0])
    with sqlite3.connect(path) as database:  # a full cache of old queries, of which "first" is the oldest
        database.execute("UPDATE query_cache SET used_at = 1")
        filler = (("s", "text", f"q{n}", b"\0\0\x80?", n + 2) for n in range(MAX_CACHED_QUERIES - 1))
        database.executemany("INSERT INTO query_cache VALUES (?, ?, ?, ?, ?)", filler)
    database.close()
    async with await Ledger.open(path) as ledger:
        assert await ledger.get_query_vector("s", "text", "first") is not None  # now the newest
        await ledger.put_query_vector("s", "text", "another", [1.0, 0.0])
        await ledger.flush_query_vectors()
        assert await ledger.get_query_vector("s", "text", "q0") is None
        assert await ledger.get_query_vector("s", "text", "q1") is not None
        assert await ledger.get_query_vector("s", "text", "first") is not None


async def test_usage_adds_up_by_day_and_platform(tmp_path: Path) -> None:
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await asyncio.gather(*(ledger.add_usage("p", seconds_embedded=1.5, day=first) for _ in range(4)))
        await ledger.add_usage("p", seconds_saved=2.0, day=first)
        await ledger.add_usage("p", seconds_saved=1.0, day=second)
        await ledger.add_usage("q", seconds_embedded=1.0)
        assert await ledger.usage_between(first, second) == [
            Usage(day="2026-01-01", platform="p", seconds_embedded=6.0, seconds_saved=2.0),
            Usage(day="2026-01-02", platform="p", seconds_embedded=0.0, seconds_saved=1.0),
        ]
        today = datetime.now(UTC).date()
        assert [u.platform for u in await ledger.usage_between(today.replace(day=1), today)] == ["q"]


async def test_two_servers_share_one_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledgers = await asyncio.gather(*(Ledger.open(path) for _ in range(4)))
    await asyncio.gather(
        *(one.create_task(asset_id="a", space="s", platform="e") for one in ledgers for _ in range(10))
    )
    assert len(await ledgers[0].list_tasks()) == 40
    for one in ledgers:
        await one.aclose()


async def test_every_commit_is_flushed_to_disk_in_wal_mode(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        modes = await ledger._ledger.write(
            lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        )
    assert modes == ["wal", 2]


async def test_a_read_does_not_wait_for_a_slow_write_and_sees_it_when_it_is_done(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        task = await ledger.create_task(asset_id="a", space="s", platform="e")
        begun, may_end = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(db: sqlite3.Connection) -> None:
            db.execute("UPDATE tasks SET stage = 'slow'")
            loop.call_soon_threadsafe(begun.set)
            assert may_end.wait(WAIT_S)

        writing = asyncio.create_task(ledger._ledger.write(slow))
        try:
            await asyncio.wait_for(begun.wait(), WAIT_S)
            assert await asyncio.wait_for(ledger.get_task(task.task_id), WAIT_S / 2) == task
        finally:
            may_end.set()
        await writing
        seen = await ledger.get_task(task.task_id)
        assert seen is not None
        assert seen.stage == "slow"


async def test_a_read_of_several_records_is_of_one_moment(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        loop, other = asyncio.get_running_loop(), replace(ASSET, asset_id="a_2")

        def twice(db: sqlite3.Connection) -> list[int]:
            counts = [db.execute("SELECT count(*) FROM assets").fetchone()[0]]
            asyncio.run_coroutine_threadsafe(ledger.put_asset(other), loop).result(WAIT_S)
            return [*counts, db.execute("SELECT count(*) FROM assets").fetchone()[0]]

        await ledger.put_asset(ASSET)
        assert await ledger._ledger.read(twice) == [1, 1]
        assert await ledger.count_assets() == 2


async def test_a_ledger_of_a_later_version_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await Ledger.open(path)).aclose()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreTooNew, match="upgrade Soundbite"):
        await Ledger.open(path)


async def test_a_file_that_is_no_ledger_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreCorrupt, match=r"ledger\.db"):
        await Ledger.open(path)
    with pytest.raises(StoreUnavailable):
        await Ledger.open(path / "below a file")


async def test_a_full_disk_is_said_and_earlier_records_stay(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        task = await ledger.create_task(asset_id="a", space="s", platform="e")
        await ledger._ledger.write(lambda db: db.execute("PRAGMA max_page_count = 60").fetchall())
        with pytest.raises(StoreFull, match="free some space"):
            await ledger.update_task(task.task_id, notes_json="x" * 1_000_000)
        await ledger._ledger.write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
        assert await ledger.get_task(task.task_id) == task
        updated = await ledger.update_task(task.task_id, notes_json="x" * 1_000_000)
        assert updated is not None


async def test_forgetting_an_asset_takes_its_tasks_transcripts_and_platform_names_and_no_others(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        for asset in (ASSET, replace(ASSET, asset_id="a_2", content_hash="h1x")):
            await ledger.put_asset(asset)
            await ledger.create_task(asset_id=asset.asset_id, space="s", platform="e")
            await ledger.put_transcript(
                StoredTranscript(
                    asset_id=asset.asset_id, source="e", start_sec=0.0, end_sec=1.0, words=(), sentences=()
                )
            )
            await ledger.put_platform_asset("https://one", asset.content_hash, "p-" + asset.asset_id)
        await ledger.put_platform_asset("https://one", "h1#0-5", "window")
        assert await ledger.platform_assets_of("h1") == [("https://one", "p-a_1"), ("https://one", "window")]
        forgotten = await ledger.forget_asset("a_1")
        assert (forgotten.assets, forgotten.tasks, forgotten.transcripts) == (1, 1, 1)
        assert await ledger.platform_assets_of("h1") == []
        assert [task.asset_id for task in await ledger.list_tasks()] == ["a_2"]
        assert await ledger.transcripts_of("a_1") == []
        assert await ledger.platform_assets_of("h1x") == [("https://one", "p-a_2")]
        assert (await ledger.forget_asset("a_1")).assets == 0


async def test_length_and_language_are_noted_only_of_an_asset_that_is_there(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.describe_asset("a_1", duration_sec=9.0, language="fr")
        assert await ledger.count_assets() == 0
        await ledger.put_asset(ASSET)
        await ledger.describe_asset("a_1", duration_sec=9.0, language="fr")
        assert await ledger.get_asset("a_1") == replace(ASSET, duration_sec=9.0, language="fr")


async def test_a_ledger_locked_for_too_long_is_said_and_works_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path, busy_timeout_s=0.05) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="try again"):
            await ledger.add_usage("p", seconds_embedded=1)
        assert await ledger.list_tasks() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        await ledger.add_usage("p", seconds_embedded=1)


async def test_a_closed_ledger_says_so_and_closes_twice(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        await ledger.list_tasks()


async def test_a_ledger_made_private_while_it_is_open_keeps_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    async with await Ledger.open(path) as ledger:
        await ledger.list_assets()
        log = path.with_name("ledger.sqlite-wal")
        before = log.stat().st_ino
        make_private_file(path)
        # Who closes a database as the last one deletes its log: another process must see that it is not.
        reads = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM tasks'); c.close()"
        subprocess.run([sys.executable, "-c", reads, str(path)], check=True, timeout=60)
        assert log.stat().st_ino == before
