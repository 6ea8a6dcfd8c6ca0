"""What makes a table unsound is taken out, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from soundbite_store import Clip, ClipStore, Mended, OwnerLock, Space, StoreBusy
from soundbite_store.rows import to_table

MakeClip = Callable[..., Clip]


async def add_past_the_keys(store: ClipStore, space: Space, clips: Sequence[Clip], **changes: int) -> None:
    """Write rows as LanceDB alone does, without a look at what is there."""
    table = await store._connection.table_for_writing(space)
    rows = to_table(space, clips)
    for name, value in changes.items():
        index = rows.schema.get_field_index(name)
        column = [value] * rows.num_rows
        rows = rows.set_column(index, rows.schema.field(index), [column])
    await table.lance.add(rows)


async def test_of_rows_that_are_there_twice_the_last_stays(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    clips = [make_clip(index, transcript="word") for index in range(6)]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        await add_past_the_keys(store, space, [dataclasses.replace(clip, title="Last") for clip in clips[:2]] * 2)
        await add_past_the_keys(store, space, clips[:1])
        scan = await store.scan(space)
        assert scan
        assert scan.doubled == 3
        assert await store.mend(space) == Mended(unreadable=0, doubled=3)
        assert (await store.scan(space) or scan).is_sound
        assert [clip.title for clip in await store.clips(space)] == ["Title of a_1", "Last", *["Title of a_1"] * 4]
        assert len(await store.text_search(space, "word")) == 6


async def test_of_two_rows_the_one_that_is_as_it_was_written_stays(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        await add_past_the_keys(store, space, [make_clip(0)], checksum=7)
        assert await store.mend(space) == Mended(unreadable=0, doubled=1)
        scan = await store.scan(space)
        assert scan
        assert (scan.rows, scan.is_sound) == (1, True)


async def test_rows_whose_file_is_lost_are_taken_out_and_all_others_stay(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index) for index in range(5)])
        files = set(tmp_path.rglob("data/*.lance"))
        await store.upsert(space, [make_clip(index) for index in range(5, 8)])
        [lost] = set(tmp_path.rglob("data/*.lance")) - files
        await store.upsert(space, [make_clip(index) for index in range(8, 10)])
    lost.unlink()
    async with await ClipStore.open(tmp_path) as store:
        scan = await store.scan(space)
        assert scan
        assert scan.unreadable
        assert await store.mend(space) == Mended(unreadable=3, doubled=0)
        assert (await store.scan(space) or scan).is_sound
        assert [clip.start_sec / 6 for clip in await store.clips(space)] == [0, 1, 2, 3, 4, 8, 9]
        await store.upsert(space, [make_clip(index) for index in range(10)])
        assert await store.optimise(space)
        assert await store.count(space) == 10


async def test_a_sound_table_stays_as_it_is(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        assert await store.mend(space) == Mended(0, 0)
        await store.upsert(space, [make_clip(index) for index in range(5)])
        version = await (await store._connection.table_for_writing(space)).facts.version()
        assert await store.mend(space) == Mended(0, 0)
        assert await (await store._connection.table_for_writing(space)).facts.version() == version


async def test_a_table_that_is_being_tidied_is_not_mended(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        with (
            OwnerLock(tmp_path / ".locks", f"{space.table_name}.optimise"),
            pytest.raises(StoreBusy, match="try again"),
        ):
            await store.mend(space)
        assert await store.mend(space) == Mended(0, 0)
