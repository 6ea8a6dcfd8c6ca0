"""What makes a table unsound is taken out, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from soundbite_store import Clip, ClipStore, MendResult, OwnerLock, Space, StoreBusy, StoreUnavailable
from soundbite_store.errors import tells_of_damage, translated
from soundbite_store.lance.schema import clips_schema
from soundbite_store.repair import mending
from soundbite_store.rows import to_table

if TYPE_CHECKING:
    from lancedb import AsyncTable

MakeClip = Callable[..., Clip]


async def add_past_the_keys(store: ClipStore, space: Space, clips: Sequence[Clip], **changes: int) -> None:
    """Write rows as LanceDB alone does, without a look at what is there."""
    table = await store.connection.table_for_writing(space)
    rows = to_table(space, clips_schema(space), clips)
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
        assert await store.mend(space) == MendResult(unreadable=0, doubled=3)
        assert (await store.scan(space) or scan).is_sound
        assert [clip.title for clip in await store.clips(space)] == ["Title of a_1", "Last", *["Title of a_1"] * 4]
        assert len(await store.text_search(space, "word")) == 6


async def test_of_two_rows_the_one_that_is_as_it_was_written_stays(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        await add_past_the_keys(store, space, [make_clip(0)], checksum=7)
        assert await store.mend(space) == MendResult(unreadable=0, doubled=1)
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
        assert await store.mend(space) == MendResult(unreadable=3, doubled=0)
        assert (await store.scan(space) or scan).is_sound
        assert [clip.start_sec / 6 for clip in await store.clips(space)] == [0, 1, 2, 3, 4, 8, 9]
        await store.upsert(space, [make_clip(index) for index in range(10)])
        assert await store.optimise(space)
        assert await store.count(space) == 10


async def test_a_sound_table_stays_as_it_is(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        assert await store.mend(space) == MendResult(0, 0)
        await store.upsert(space, [make_clip(index) for index in range(5)])
        version = await (await store.connection.table_for_writing(space)).facts.version()
        assert await store.mend(space) == MendResult(0, 0)
        assert await (await store.connection.table_for_writing(space)).facts.version() == version


async def test_a_table_that_is_being_tidied_is_not_mended(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        async with OwnerLock(tmp_path / ".locks", f"{space.table_name}.optimise"):
            with pytest.raises(StoreBusy, match="try again"):
                await store.mend(space)
        assert await store.mend(space) == MendResult(0, 0)


async def table_with_one_file_apart(store: ClipStore, folder: Path, space: Space, make_clip: MakeClip) -> Path:
    """Five clips in one file and three in another; returns that."""
    await store.upsert(space, [make_clip(index) for index in range(5)])
    files = set(folder.rglob("data/*.lance"))
    await store.upsert(space, [make_clip(index) for index in range(5, 8)])
    [apart] = set(folder.rglob("data/*.lance")) - files
    return apart


async def test_a_file_that_the_system_does_not_open_just_now_stops_mending_and_nothing_is_touched(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        apart = await table_with_one_file_apart(store, tmp_path, space, make_clip)
        await add_past_the_keys(store, space, [make_clip(0)])
    aside = apart.with_suffix(".kept")
    apart.rename(aside)
    apart.symlink_to(apart.name)  # a loop: even root can't open it
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(StoreUnavailable, match="symbolic links"):
            await store.scan(space)
        with pytest.raises(StoreUnavailable, match="symbolic links"):
            await store.mend(space)
        aside.replace(apart)
        assert await store.count(space) == 9
        assert await store.mend(space) == MendResult(unreadable=0, doubled=1)


async def test_a_file_that_is_back_a_moment_later_takes_no_row_with_it(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        apart = await table_with_one_file_apart(store, tmp_path, space, make_clip)
    aside = apart.with_suffix(".kept")
    apart.rename(aside)
    look = mending._unreadable_of

    async def look_then_mount(table: AsyncTable, addresses: Sequence[int]) -> list[int]:
        lost = await look(table, addresses)
        if aside.exists():
            aside.rename(apart)
        return lost

    monkeypatch.setattr(mending, "_unreadable_of", look_then_mount)
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(StoreUnavailable, match="Nothing was taken out"):
            await store.mend(space)
        assert await store.mend(space) == MendResult(0, 0)
        assert len(await store.embeddings(space)) == 8


@pytest.mark.parametrize("damage", ["empty", "cut", "zeroed", "flipped"])
async def test_rows_of_a_damaged_file_are_taken_out_however_it_is_damaged(
    tmp_path: Path, space: Space, make_clip: MakeClip, damage: str
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        apart = await table_with_one_file_apart(store, tmp_path, space, make_clip)
    content = apart.read_bytes()
    half = len(content) // 2
    aside = {
        "empty": b"",
        "cut": content[:half],
        "zeroed": bytes(len(content)),
        # Its end is whole: what it says about where the columns are makes no sense.
        "flipped": content[:half] + bytes(255 - byte for byte in content[half:-40]) + content[-40:],
    }[damage]
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 8
        apart.write_bytes(aside)
        assert await store.mend(space) == MendResult(unreadable=3, doubled=0)
        assert [clip.start_sec / 6 for clip in await store.clips(space)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("message", "is_damage"),
    [
        ("lance error: LanceError(IO): Unable to walk dir: /s/_versions: Too many open files (os error 24)", False),
        ("lance error: LanceError(IO): Generic LocalFileSystem error: Permission denied (os error 13), /x.rs", False),
        ("lance error: LanceError(IO): /home/magic/corrupt/x: Input/output error (os error 5), /x.rs", False),
        ("LanceError(IO): Generic S3 error: Error performing GET http://s/x in 3s: 503 Slow Down", False),
        ("lance error: Not found: tmp/store/clips.lance/data/a.lance, /x.rs:1:2", True),
        ("LanceError(IO): Generic LocalFileSystem error: failed to fill whole buffer, /rustc/x.rs", True),
        ("lance error: LanceError(IO): failed to decode Protobuf message: invalid tag value: 0, /x.rs", True),
        ("lance error: LanceError(IO): No such file or directory (os error 2)", True),
    ],
)
def test_what_lancedb_says_tells_damage_from_what_passes(message: str, is_damage: bool) -> None:
    assert tells_of_damage(translated(RuntimeError(message))) is is_damage
