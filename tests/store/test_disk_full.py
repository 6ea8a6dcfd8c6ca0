"""A store on a disk of its own, small enough to be filled."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soundbite_store import Clip, ClipStore, Ledger, Space, StoreFull

MakeClip = Callable[..., Clip]


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)):
        pytest.skip("this user may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_full_disk_is_said_clearly_loses_nothing_and_recovers(
    small_disk: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(small_disk) as store:
        await store.upsert(space, [make_clip(0)])
        written = 1

        async def fill() -> None:
            nonlocal written
            while written < 100:
                await store.upsert(space, [make_clip(written, transcript="x" * 400_000)])
                written += 1

        with pytest.raises(StoreFull, match="earlier clips are safe"):
            await fill()
        assert await store.count(space) >= written
        assert mount("-o", "remount,size=60m", str(small_disk))
        await store.upsert(space, [make_clip(written, transcript="x" * 400_000)])
    async with await ClipStore.open(small_disk) as store:
        clips = await store.clips(space)
        assert [clip.start_sec for clip in clips][: written + 1] == [index * 6.0 for index in range(written + 1)]
        scan = await store.scan(space)
        assert scan is not None
        assert scan.is_sound


async def test_a_ledger_on_a_disk_that_is_full_says_so_when_it_is_opened(small_disk: Path) -> None:
    async with await Ledger.open(small_disk / "ledger.db") as ledger:
        task = await ledger.create_task(asset_id="a", space="s", platform="e")
    with contextlib.suppress(OSError), (small_disk / "fill").open("wb", buffering=0) as fill:
        while fill.write(bytes(4096)):
            pass
    with pytest.raises(StoreFull, match="free some space"):
        await Ledger.open(small_disk / "ledger.db")
    (small_disk / "fill").unlink()
    async with await Ledger.open(small_disk / "ledger.db") as ledger:
        assert await ledger.get_task(task.task_id) == task
