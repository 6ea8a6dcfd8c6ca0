"""A store on a disk of its own, small enough to be filled."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soundbite_store import Clip, ClipStore, Space, StoreFull

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
        kept = await store.clips(space)
        assert [clip.start_sec for clip in kept][: written + 1] == [index * 6.0 for index in range(written + 1)]
        scan = await store.scan(space)
        assert scan is not None
        assert scan.is_sound
