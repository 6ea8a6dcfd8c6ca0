from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

from soundbite_store import Clip, ClipFilter, ClipStore, Ledger, Space

MakeClip = Callable[..., Clip]
HERE = Path(__file__).parent
WAIT_S = 60


async def start_writer(store: Path, first: int, count: int, asset_id: str, *more: str) -> Process:
    arguments = [str(store), str(first), str(count), asset_id, *more]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "clip_writer.py"), *arguments, stdin=PIPE, stdout=PIPE
    )
    assert await read_line(process) == "ready"
    return process


async def read_line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), WAIT_S)).decode().strip()


def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def test_two_processes_writing_the_same_clips_leave_each_once(tmp_path: Path, space: Space) -> None:
    writers = await asyncio.gather(*(start_writer(tmp_path, 0, 6, "a_1") for _ in range(2)))
    for writer in writers:
        go(writer)
    async with await ClipStore.open(tmp_path) as store:
        for writer in writers:
            await asyncio.wait_for(writer.communicate(), WAIT_S)
            assert writer.returncode == 0
        # The store was open before the last commits: it sees them all the same.
        assert [clip.start_sec for clip in await store.clips(space)] == [float(index) for index in range(6)]


async def test_writers_that_share_no_lock_still_write_each_clip_once(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    """Several machines on one object store have no lock file in common: the declared key has to do."""
    stores = [await ClipStore.open(tmp_path / "store", lock_dir=tmp_path / f"locks{n}") for n in range(6)]
    await stores[0].upsert(space, [make_clip(99)])
    for _ in range(3):
        await asyncio.gather(*(store.upsert(space, [make_clip(n) for n in range(3)]) for store in stores))
        assert await stores[-1].count(space) == 4
        await stores[0].delete_asset("a_1")
        await stores[0].upsert(space, [make_clip(99)])
    for store in stores:
        await store.aclose()


async def test_a_killed_writer_loses_nothing_it_had_acknowledged(tmp_path: Path, space: Space) -> None:
    writer = await start_writer(tmp_path, 0, 0, "a_1", "--forever")
    go(writer)
    acknowledged = [int(await read_line(writer)) for _ in range(8)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = await asyncio.wait_for(writer.communicate(), WAIT_S)
    acknowledged += [int(line) for line in rest.split()]
    async with await ClipStore.open(tmp_path) as store:
        present = [int(clip.start_sec) for clip in await store.clips(space, limit=10_000)]
        assert len(present) == len(set(present))
        assert set(acknowledged) <= set(present)
        assert [hit.clip.start_sec for hit in await store.text_search(space, "word3")] == [3.0]


async def test_an_open_store_sees_what_another_one_commits(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as reader, await ClipStore.open(tmp_path) as writer:
        assert await reader.count(space) == 0
        await writer.upsert(space, [make_clip(0)])
        assert await reader.count(space) == 1
        await writer.upsert(space, [make_clip(1)])
        assert len(await reader.vector_search(space, make_clip(1).vector)) == 2
        assert (await reader.spaces())[0].clips == 2
        await writer.delete_asset("a_1")
        assert await reader.clips(space, ClipFilter(asset_ids=("a_1",))) == []


async def test_an_optimiser_does_not_disturb_writers_and_readers(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as one, await ClipStore.open(tmp_path) as two:
        await one.upsert(space, [make_clip(0)])

        async def write() -> None:
            for index in range(1, 15):
                await one.upsert(space, [make_clip(index)])

        async def tidy() -> None:
            for _ in range(5):
                await two.optimise(space)

        async def read() -> None:
            for _ in range(20):
                assert (await two.vector_search(space, make_clip(0).vector))[0].clip.start_sec == 0.0

        await asyncio.gather(write(), tidy(), read())
        assert await two.count(space) == 15


async def test_only_one_process_runs_a_task_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from soundbite_store import OwnerLock\n"
        "lock = OwnerLock(Path(sys.argv[1]), sys.argv[2]); print(asyncio.run(lock.try_acquire()), flush=True)\n"
        "sys.stdin.readline()"
    )
    async with await Ledger.open(tmp_path / "ledger.db", lock_dir=tmp_path / "locks") as ledger:
        task = await ledger.create_task(asset_id="a_1", space="s", platform="embedded")
        arguments = ["-c", script, str(tmp_path / "locks"), f"task-{task.task_id}"]
        other = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
        assert await read_line(other) == "True"
        lock = ledger.task_lock(task.task_id)
        assert not await lock.try_acquire()
        other.send_signal(signal.SIGKILL)
        await asyncio.wait_for(other.communicate(), WAIT_S)
        assert await lock.try_acquire()
        assert not await ledger.task_lock(task.task_id).try_acquire()
        await lock.release()
        again = ledger.task_lock(task.task_id)
        assert await again.try_acquire()
        await again.release()
