from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lancedb
import pytest

from soundbite_store import Clip, ClipFilter, ClipStore, Space, StoreCorrupt, StoreFull
from soundbite_store.repair.durability import unreadable_heads

MakeClip = Callable[..., Clip]


def table_dir(store: Path, space: Space) -> Path:
    return store / f"{space.table_name}.lance"


def newest_manifest(store: Path, space: Space) -> Path:
    return min((table_dir(store, space) / "_versions").glob("*.manifest"))


async def test_every_file_and_folder_of_a_table_is_synced_before_a_write_returns(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    real_fsync = os.fsync

    def recording_fsync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    async with await ClipStore.open(tmp_path) as store:
        for index in range(3):
            await store.upsert(space, [make_clip(index)])
            folder = table_dir(tmp_path, space)
            # LanceDB replaces its version hint in place and finds the head just as well when it is gone or torn.
            present = {tmp_path, folder, *folder.rglob("*")} - {*folder.rglob("latest_version_hint.json")}
            assert [path for path in present if path.stat().st_ino not in synced] == []
        synced.clear()
        await store.upsert(space, [make_clip(3)])
        assert newest_manifest(tmp_path, space).stat().st_ino in synced
        assert len(synced) < 12  # only what is new, not the whole table again


async def test_what_tidying_wrote_is_synced_before_it_returns(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        for index in range(3):
            await store.upsert(space, [make_clip(index, transcript=f"word{index}")])
        before = set(table_dir(tmp_path, space).rglob("*"))
        synced: set[int] = set()
        real_fsync = os.fsync

        def recording_fsync(descriptor: int) -> None:
            synced.add(os.fstat(descriptor).st_ino)
            real_fsync(descriptor)

        monkeypatch.setattr(os, "fsync", recording_fsync)
        assert await store.optimise(space)
        made = set(table_dir(tmp_path, space).rglob("*")) - before
        assert any("_indices" in path.parts for path in made)
        assert [path for path in made if path.stat().st_ino not in synced] == []


async def test_a_write_that_cannot_be_synced_is_not_acknowledged(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(StoreFull, match="free some space"):
                await store.upsert(space, [make_clip(1)])
        await store.upsert(space, [make_clip(1)])
        assert await store.count(space) == 2


@pytest.mark.parametrize("damage", ["empty", "truncated", "zeroed"])
async def test_a_torn_newest_manifest_is_set_aside_and_the_table_goes_on(
    tmp_path: Path, space: Space, make_clip: MakeClip, damage: str
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        for index in range(3):
            await store.upsert(space, [make_clip(index, transcript="word")])
    manifest = newest_manifest(tmp_path, space)
    content = manifest.read_bytes()
    manifest.write_bytes(
        {"empty": b"", "truncated": content[: len(content) // 2], "zeroed": bytes(len(content))}[damage]
    )
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 2
        assert len(await store.text_search(space, "word")) == 2
        [sentence] = store.repairs
        assert "set aside" in sentence
        await store.upsert(space, [make_clip(2), make_clip(3)])
        assert await store.count(space) == 4
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 4
        assert store.repairs == ()


async def test_two_damaged_heads_in_a_row_heal(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        for index in range(4):
            await store.upsert(space, [make_clip(index)])
    for manifest in sorted((table_dir(tmp_path, space) / "_versions").glob("*.manifest"))[:2]:
        manifest.write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        assert [info.embeddings for info in await store.spaces()] == [2]
        assert await store.count(space) == 2


async def test_a_version_whose_data_never_reached_the_disk_is_set_aside(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        before = set((table_dir(tmp_path, space) / "data").iterdir())
        await store.upsert(space, [make_clip(1)])
    [late] = set((table_dir(tmp_path, space) / "data").iterdir()) - before
    late.write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        assert [clip.start_sec for clip in await store.clips(space)] == [0.0]
        assert len(store.repairs) == 1
        await store.upsert(space, [make_clip(1)])
        assert await store.count(space) == 2


async def test_an_unfinished_file_that_no_version_uses_does_no_harm(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
    (table_dir(tmp_path, space) / "data" / "orphan.lance").write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 1
        assert store.repairs == ()


async def test_a_table_torn_at_its_creation_is_made_again(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    versions = table_dir(tmp_path, space) / "_versions"
    versions.mkdir(parents=True)
    (versions / f"{2**64 - 2}.manifest").write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        assert await store.count(space) == 0
        await store.upsert(space, [make_clip(0)])
        assert await store.count(space) == 1


async def test_a_table_without_any_readable_version_is_reported_and_left_as_it_is(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
    manifests = sorted((table_dir(tmp_path, space) / "_versions").glob("*.manifest"))
    for manifest in manifests:
        manifest.write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        with pytest.raises(StoreCorrupt, match="can be read"):
            await store.count(space)
        with pytest.raises(StoreCorrupt, match="can be read"):
            await store.upsert(space, [make_clip(1)])
    assert sorted((table_dir(tmp_path, space) / "_versions").glob("*.manifest")) == manifests


async def test_damaged_search_indexes_are_dropped_and_built_again(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    clips = [make_clip(index % 500, f"a_{index // 500}", transcript="word") for index in range(5_000)]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        assert await store.optimise(space)
    for index_file in (table_dir(tmp_path, space) / "_indices").rglob("*.*"):
        index_file.write_bytes(b"")
    async with await ClipStore.open(tmp_path) as store:
        everything = ClipFilter(asset_ids=("a_1",), task_id="t_1", embedding_option="audio", content_hash="hash of a_1")
        assert await store.count(space, everything) == 500
        assert len(await store.vector_search(space, clips[0].vector, limit=20)) == 20
        assert len(await store.text_search(space, "word", limit=20)) == 20
        assert any("built again" in sentence for sentence in store.repairs)
        assert await store.optimise(space)
        assert len(await store.text_search(space, "word", limit=20)) == 20


async def test_tidying_is_refused_when_the_disk_has_no_room_for_it(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0)])
        nearly_full = shutil.disk_usage(tmp_path)._replace(free=1_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
        with pytest.raises(StoreFull, match="needs 17 MB of free disk space"):
            await store.optimise(space)
        assert await store.count(space) == 1


async def test_what_others_commit_while_versions_are_read_is_not_set_aside(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    """Machines that share no lock write at any time, so between any two steps of the search for the last good one."""
    async with await ClipStore.open(tmp_path, lock_dir=tmp_path / "locks") as writer:
        await writer.upsert(space, [make_clip(0)])
        table = await (await lancedb.connect_async(tmp_path)).open_table(space.table_name)

        class Slow:
            """The table, with a commit of somebody else before each step."""

            name = space.table_name
            number = 0

            def __getattr__(self, step: str) -> Any:
                async def first_another(*values: Any) -> Any:
                    Slow.number += 1
                    await writer.upsert(space, [make_clip(Slow.number)])
                    return await getattr(table, step)(*values)

                return (
                    first_another
                    if step in {"version", "list_versions", "checkout", "checkout_latest"}
                    else getattr(table, step)
                )

        assert await unreadable_heads(Slow(), table_dir(tmp_path, space)) == []  # type: ignore[arg-type]
        assert await writer.count(space) == Slow.number + 1 > 3
