from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lancedb
import numpy as np
import pytest

from soundbite_store import (
    Clip,
    ClipStore,
    OwnerLock,
    Space,
    SpaceMismatch,
    StoreBusy,
    StoreCorrupt,
    StoreTooNew,
    StoreUnavailable,
)
from soundbite_store.lance.schema import clips_schema

MakeClip = Callable[..., Clip]


def test_importing_the_package_loads_no_database() -> None:
    script = (
        "import sys, soundbite_store; heavy = {'lancedb', 'pyarrow', 'numpy', 'filelock', 'pandas'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_opening_a_store_loads_no_database_yet(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, soundbite_store as s; store = asyncio.run(s.ClipStore.open(sys.argv[1])); "
        "print(sorted({'lancedb', 'pyarrow'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "new")], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
    assert (tmp_path / "new").is_dir()


async def test_a_table_of_a_later_version_is_refused_with_advice(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    database = await lancedb.connect_async(tmp_path)
    schema = clips_schema(space)
    later = schema.with_metadata({**schema.metadata, b"rag_schema_version": b"99"})
    await database.create_table(space.table_name, schema=later)
    async with await ClipStore.open(tmp_path) as store:
        for refused in (store.upsert(space, [make_clip()]), store.count(space), store.spaces()):
            with pytest.raises(StoreTooNew, match="upgrade Soundbite"):
                await refused


async def test_a_version_recorded_by_a_migration_counts_too(tmp_path: Path, space: Space) -> None:
    database = await lancedb.connect_async(tmp_path)
    table = await database.create_table(space.table_name, schema=clips_schema(space))
    await table.update_field_metadata({"path": "row_id", "metadata": {"rag_schema_version": "99"}})
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(StoreTooNew):
            await store.count(space)


async def test_a_table_that_holds_another_space_is_refused(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    database = await lancedb.connect_async(tmp_path)
    await database.create_table(space.table_name, schema=clips_schema(Space("another", space.dimension)))
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(SpaceMismatch, match="another"):
            await store.upsert(space, [make_clip()])


async def test_a_strange_table_of_the_same_name_is_left_alone(tmp_path: Path, space: Space) -> None:
    import pyarrow as pa

    database = await lancedb.connect_async(tmp_path)
    await database.create_table(space.table_name, schema=pa.schema([pa.field("x", pa.int64())]))
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(StoreCorrupt, match="not a Soundbite"):
            await store.count(space)
        assert await store.spaces() == []


async def test_spaces_of_one_name_and_two_dimensions_do_not_mix(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    wide = Space(space.id, 32)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip()])
        await store.upsert(wide, [make_clip(1, vector=np.ones(32, dtype=np.float32))])
        assert [info.space for info in await store.spaces()] == [space, wide]
        assert await store.count(wide) == 1


async def test_a_store_in_a_place_that_is_no_folder_says_which_setting_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="SOUNDBITE_STORE"):
        await ClipStore.open(tmp_path / "file" / "store")


async def test_a_store_may_be_named_by_a_file_url(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    folder = tmp_path / "my store"
    async with await ClipStore.open(folder.as_uri()) as store:
        await store.upsert(space, [make_clip()])
    async with await ClipStore.open(folder) as store:
        assert await store.count(space) == 1


async def test_waiting_for_a_lock_that_another_has_ends_with_a_clear_error(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path, "table")
    async with lock:
        with pytest.raises(StoreBusy, match="table"):
            await OwnerLock(tmp_path, "table").acquire(timeout_s=0.05)
        assert not await lock.try_acquire()
    await lock.acquire(timeout_s=0)
    await lock.release()


async def test_a_cancelled_waiter_never_takes_the_lock(tmp_path: Path) -> None:
    async with OwnerLock(tmp_path, "table"):
        waiter = asyncio.create_task(OwnerLock(tmp_path, "table").acquire(timeout_s=60))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    async with OwnerLock(tmp_path, "table"):
        pass


async def test_a_lock_is_free_after_its_owner_was_cancelled(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def own() -> None:
        async with OwnerLock(tmp_path, "table"):
            started.set()
            await asyncio.Event().wait()

    owner = asyncio.create_task(own())
    await started.wait()
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
    async with OwnerLock(tmp_path, "table"):
        pass


async def test_a_lock_name_from_outside_never_leaves_the_lock_folder(tmp_path: Path) -> None:
    locks = tmp_path / "locks"
    names = ["../../etc/x", "/etc/x", "a/b", "..", "x" * 500, "nul\0"]
    owners = [OwnerLock(locks, name) for name in names]
    assert all([await owner.try_acquire() for owner in owners])
    assert {path.name for path in tmp_path.iterdir()} == {"locks"}
    for owner in owners:
        await owner.release()


async def test_tables_are_made_in_the_format_whose_rows_are_read_one_by_one(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        await store.upsert(space, [make_clip(1)])
        await store.optimise(space)
    files = list(tmp_path.rglob("data/*.lance"))
    assert len(files) == 3
    assert {struct.unpack("<HH", file.read_bytes()[-8:-4]) for file in files} == {(2, 1)}
