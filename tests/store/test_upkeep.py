"""When a table is tidied: not while writing goes on, unless it goes on for long, and not never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import lancedb
import pytest

from soundbite_store import Clip, ClipStore, Space
from soundbite_store.lance import clip_store, connection, indexes, upkeep

MakeClip = Callable[..., Clip]
FOR_EVER = 3_600.0
WRITES = 40


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens because a machine is slow: each test says what its store is not to wait for."""
    monkeypatch.setattr(upkeep, "_PAUSE_S", FOR_EVER)
    monkeypatch.setattr(upkeep, "_LONGEST_WAIT_S", FOR_EVER)


async def pieces(folder: Path, space: Space) -> int:
    """The number of fragments: one for each write until they are compacted."""
    table = await (await lancedb.connect_async(folder)).open_table(space.table_name)
    return int((await table.stats())["fragment_stats"]["num_fragments"])


async def write(store: ClipStore, space: Space, make_clip: MakeClip) -> None:
    for index in range(WRITES):
        await store.upsert(space, [make_clip(index, f"a_{index}")])


async def test_many_small_writes_are_tidied_when_writing_pauses(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await write(store, space, make_clip)
        assert await pieces(tmp_path, space) == WRITES
        monkeypatch.setattr(upkeep, "_PAUSE_S", 0.01)
        await store.upsert(space, [make_clip(WRITES)])
        await store.wait_for_upkeep()
        assert await pieces(tmp_path, space) < 20
        assert await store.count(space) == WRITES + 1


async def test_writing_without_a_pause_is_tidied_all_the_same(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_LONGEST_WAIT_S", 0.01)
    async with await ClipStore.open(tmp_path) as store:
        await write(store, space, make_clip)
        await store.wait_for_upkeep()
        assert await pieces(tmp_path, space) < 20


async def test_what_is_due_is_done_when_the_store_closes(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_CLOSING_S", 60.0)
    async with await ClipStore.open(tmp_path) as store:
        await write(store, space, make_clip)
    assert await pieces(tmp_path, space) < 20


async def test_a_process_that_stays_tidies_what_others_left_undone(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_CLOSING_S", 0.0)
    async with await ClipStore.open(tmp_path) as store:
        await write(store, space, make_clip)
    monkeypatch.setattr(upkeep, "_PAUSE_S", 0.01)
    monkeypatch.setattr(clip_store, "_FIRST_LOOK_S", 0.0)
    async with await ClipStore.open(tmp_path) as store:
        await store.warm()
        assert store._first_look is not None
        await store._first_look
        await store.wait_for_upkeep()
        assert await pieces(tmp_path, space) < 20


async def test_versions_that_nobody_reads_any_more_are_dropped_though_nothing_else_is_to_do(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await write(store, space, make_clip)
        await store.optimise(space)
    assert len(list(tmp_path.rglob("data/*.lance"))) == WRITES + 1
    monkeypatch.setattr(upkeep, "_PAUSE_S", 0.01)
    monkeypatch.setattr(clip_store, "_FIRST_LOOK_S", 0.0)

    async def look() -> int:
        async with await ClipStore.open(tmp_path) as store:
            await store.warm()
            assert store._first_look is not None
            await store._first_look
            await store.wait_for_upkeep()
            assert await store.count(space) == WRITES
            table = await store.connection.table_for_writing(space)
            assert not await upkeep.Upkeep(table).is_due()
        return len(list(tmp_path.rglob("data/*.lance")))

    assert await look() == WRITES + 1
    monkeypatch.setattr(upkeep, "KEEP_VERSIONS_FOR", timedelta(milliseconds=1))
    assert await look() == 1


async def test_rows_in_the_vector_index_are_not_read_again_and_what_was_replaced_goes(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_store, "_FIRST_LOOK_S", FOR_EVER)
    monkeypatch.setattr(indexes, "INDEX_MIN_ROWS", 2_000)

    def files() -> set[Path]:
        return set(tmp_path.rglob("data/*.lance"))

    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index, "a_large") for index in range(3_000)])
        [large] = files()
        await store.optimise(space)
        await write(store, space, make_clip)
        await store.optimise(space)
        assert len(files()) == WRITES + 2  # the small ones are kept for an hour, beside what they became
    monkeypatch.setattr(upkeep, "KEEP_VERSIONS_FOR", timedelta(milliseconds=1))
    async with await ClipStore.open(tmp_path) as store:
        tidying = upkeep.Upkeep(await store.connection.table_for_writing(space))
        assert await tidying.is_due()
        await tidying.run()
        assert not await tidying.is_due()
        assert large in files()
        assert len(files()) == 2


async def test_what_is_remembered_of_old_versions_is_bounded(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, session_of = [], lancedb.Session

    def watched(**limits: int) -> lancedb.Session:
        sessions.append(session_of(**limits))
        return sessions[-1]

    monkeypatch.setattr(lancedb, "Session", watched)
    async with await ClipStore.open(tmp_path) as store:
        for index in range(80):  # 5.5 MB
            await store.upsert(space, [make_clip(index)])
        assert 3 << 20 < sessions[0].size_bytes < 5 << 20


def open_index_files(folder: Path) -> int:
    files = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return sum(one.is_relative_to(folder) and "_indices" in one.parts for one in files)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed by Linux")
async def test_indexes_that_newer_ones_have_replaced_are_let_go(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_VERSIONS_OF_A_SESSION", 8)
    monkeypatch.setattr(clip_store, "_FIRST_LOOK_S", FOR_EVER)
    words = [f"word{number}" for number in range(3_000)]  # what is small is read at once, and its file closed
    async with await ClipStore.open(tmp_path) as store, await ClipStore.open(tmp_path) as reader:
        for index in range(12):
            said = [" ".join([f"日本 number{index}", *words[first::15]]) for first in range(15)]
            clips = [make_clip(place, f"a_{index}", transcript=text) for place, text in enumerate(said)]
            await store.upsert(space, clips)
            await store.optimise(space)
            # Words of such scripts are looked up by LanceDB, in its indexes.
            hits = await reader.text_search(space, f"日本 number{index}", limit=200)
            assert (hits[0].clip.asset_id, len(hits)) == (f"a_{index}", 15 * (index + 1))
        assert open_index_files(tmp_path) < 45
