from __future__ import annotations

import asyncio
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lancedb
import pytest

from soundbite_store import Clip, ClipStore, Ledger, Space
from soundbite_store.lance import connection
from soundbite_store.lance.places import FOLDER
from soundbite_store.lance.schema import MIGRATIONS, SCHEMA_VERSION, clips_schema, migrate, schema_version
from soundbite_store.ledger.connection import MIGRATIONS as LEDGER_MIGRATIONS

MakeClip = Callable[..., Clip]
SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = sorted(int(path.stem.removeprefix("version_")) for path in SCHEMAS.glob("version_*.zip"))


def unpacked(version: int, folder: Path) -> Path:
    with zipfile.ZipFile(SCHEMAS / f"version_{version}.zip") as archive:
        archive.extractall(folder)
    return folder


def test_there_is_a_store_of_each_old_version() -> None:
    assert set(range(1, SCHEMA_VERSION)) <= set(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_store_of_each_version_opens_and_goes_on(
    tmp_path: Path, space: Space, make_clip: MakeClip, version: int
) -> None:
    async with await ClipStore.open(unpacked(version, tmp_path)) as store:
        assert [clip.transcript for clip in await store.clips(space)] == ["word0", "word1", "word2"]
        assert [hit.clip.start_sec for hit in await store.text_search(space, "word1")] == [1.0]
        await store.upsert(space, [make_clip(5, transcript="new")])
        again = (await store.embeddings(space))[0]
        assert (await store.upsert(space, [again])).updated == 1
        scan = await store.scan(space)
        assert scan is not None
        assert scan.is_sound
        assert scan.rows == 4
    table = await (await lancedb.connect_async(tmp_path)).open_table(space.table_name)
    schema = await table.schema()
    assert schema_version(schema) == SCHEMA_VERSION
    assert schema.names == clips_schema(space).names


async def test_a_table_that_is_not_migrated_is_read_and_written_without_the_later_columns(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FOLDER", replace(FOLDER, migrate=False))  # as the LanceDB service is
    async with await ClipStore.open(unpacked(1, tmp_path)) as store:
        assert [clip.transcript for clip in await store.clips(space)] == ["word0", "word1", "word2"]
        await store.upsert(space, [make_clip(5, transcript="new")])
        assert [clip.transcript for clip in await store.embeddings(space)] == ["word0", "word1", "word2", "new"]
        assert [hit.clip.transcript for hit in await store.text_search(space, "new")] == ["new"]
    table = await (await lancedb.connect_async(tmp_path)).open_table(space.table_name)
    assert schema_version(await table.schema()) == 1


async def test_a_migration_that_was_cut_off_is_finished_at_the_next_open(tmp_path: Path, space: Space) -> None:
    table = await (await lancedb.connect_async(unpacked(1, tmp_path))).open_table(space.table_name)
    await MIGRATIONS[0](table)  # and then the power fails, before the version is written down
    assert schema_version(await table.schema()) == 1
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 3
    assert await migrate(table) == 0


async def test_two_openers_of_an_old_store_migrate_it_once(tmp_path: Path, space: Space) -> None:
    unpacked(1, tmp_path)
    # Without a common lock, as two machines on one object store.
    stores = [await ClipStore.open(tmp_path, lock_dir=tmp_path / f"locks{n}") for n in range(2)]
    assert await asyncio.gather(*(store.count(space) for store in stores)) == [3, 3]
    for store in stores:
        await store.aclose()


async def test_words_that_changed_on_the_disk_are_found_by_a_scan(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0, transcript="an unmistakable sentence")])
        await store.upsert(space, [make_clip(1)])
    table = await (await lancedb.connect_async(tmp_path)).open_table(space.table_name)
    await table.update({"transcript": "another sentence"}, where="start_sec = 0")
    async with await ClipStore.open(tmp_path) as store:
        scan = await store.scan(space)
        assert scan is not None
        assert len(scan.damaged) == 1


@pytest.mark.parametrize("version", range(1, len(LEDGER_MIGRATIONS)))
async def test_a_ledger_of_each_old_version_opens_and_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as database:
        database.executescript((SCHEMAS / f"ledger_version_{version}.sql").read_text())
    database.close()
    async with await Ledger.open(path) as ledger:
        assert [asset.asset_id for asset in await ledger.list_assets()] == ["a_1", "a_2", "a_3"]
        assert [task.asset_id for task in await ledger.unfinished_tasks()] == ["a_3"]
        # Of the recordings ready in the space "old" one is in "new" too.
        assert [await ledger.left_behind(space) for space in ("new", "old")] == [{"old": 1}, {}]
        transcript = await ledger.get_transcript("a_1", "embedded")
        assert transcript is not None
        assert [word.value for word in transcript.words] == ["hello"]
        # From the fourth version on the recording's transcript says who speaks.
        speakers = [
            (one.asset_id, one.speaker, one.seconds, one.first_sec) for one in await ledger.speakers_of("embedded")
        ]
        assert speakers == ([("a_1", "2", 1.0, 0.5)] if version > 3 else [])
        await ledger.create_task(asset_id="a_2", space="new", platform="embedded")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(LEDGER_MIGRATIONS),)
    database.close()
