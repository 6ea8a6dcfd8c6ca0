"""The worker pool: what a job can do to itself, and can't do to anything else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundbite_engine.errors import MediaError, WorkerError
from soundbite_engine.sound.sound_blocks import Described
from soundbite_engine.speech.transcripts import Recognition, Word
from soundbite_engine.workers.jobs import HEADER, FrameError, decode_untrusted, encode
from soundbite_engine.workers.media import MediaInfo
from soundbite_engine.workers.plans import DecodeReport, Segment
from soundbite_engine.workers.pool import WorkerPool, worker_environment

JOBS_SOURCE = """
import os, sys, time
import numpy as np
from soundbite_engine.errors import MediaError

NAMES = "double pid wait crash hang spin hoard refuse stumble chatter steps hang_until environment smuggle scatter"
JOBS = {name: f"{__name__}:{name}" for name in NAMES.split()}

def double(report, array): return array * 2
def pid(report): return os.getpid()
def wait(report, file):
    while not os.path.exists(file): time.sleep(0.01)
    return os.getpid()
def crash(report): os.kill(os.getpid(), 11)
def hang(report, marker):
    open(marker, "w").write(str(os.getpid()))
    time.sleep(600)
def hang_until(report, folder, count):
    files = os.listdir(folder)
    if len(files) == count: return "done"
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(600)
def spin(report, marker):
    open(marker, "w").write(str(os.getpid()))
    while True: pass
def hoard(report):
    hoard = []
    while True: hoard.append(np.ones(1 << 22))
def refuse(report): raise MediaError("media_empty", "nothing in it")
def stumble(report): raise ZeroDivisionError("by nought")
def chatter(report):
    print("noise on stdout", flush=True)
    os.write(1, b"more noise")
    return sys.stdin.read()
def steps(report):
    for step in range(5):
        report(step / 5)
        time.sleep(0.11)
    return "done"
def environment(report): return dict(os.environ)
class Smuggled:
    def __reduce__(self): return (os.getenv, ("HOME",))
def smuggle(report): return Smuggled()
LAST = []
def scatter(report):
    LAST.append([np.ones(25_000) for _ in range(1000)][-1])  # 200 kB behind 200 MB that are free
    return os.getpid()
"""


@pytest.fixture
def pool_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WorkerPool]:
    (tmp_path / "jobs_of_the_test.py").write_text(JOBS_SOURCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda size=1, **kwargs: WorkerPool(size, jobs_module="jobs_of_the_test", **kwargs)


Pools = Callable[..., WorkerPool]


def _wait_for(holds: Callable[[], bool]) -> None:
    """Other processes send no events: look often, for at most half a minute."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited for half a minute"
        time.sleep(0.01)


async def _written(path: Path) -> int:
    await asyncio.to_thread(_wait_for, lambda: path.exists() and bool(path.read_text()))
    return int(await asyncio.to_thread(path.read_text))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


async def _gone(pid: int) -> None:
    await asyncio.to_thread(_wait_for, lambda: not _is_alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_what_a_job_has_freed_goes_back_to_the_system(pool_of: Pools) -> None:
    def anonymous_mb(pid: int) -> int:
        [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon")]
        return int(line.split()[1]) // 1024

    async with pool_of() as pool:
        pid = await pool.run("scatter")
        await asyncio.to_thread(_wait_for, lambda: anonymous_mb(pid) < 100)


async def test_a_job_gets_its_arrays_and_answers_with_arrays(pool_of: Pools) -> None:
    async with pool_of() as pool:
        answer = await pool.run("double", np.arange(3, dtype=np.float32))
    assert answer.tolist() == [0, 2, 4]


async def test_a_worker_is_kept_for_the_next_job(pool_of: Pools) -> None:
    async with pool_of() as pool:
        assert await pool.run("pid") == await pool.run("pid") != os.getpid()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
async def test_ctrl_c_at_the_terminal_is_for_the_parent_alone(pool_of: Pools) -> None:
    async with pool_of() as pool:
        pid = await pool.run("pid")
        assert os.getpgid(pid) != os.getpgrp()


async def test_workers_that_wait_can_be_sent_home_and_those_that_work_are_not(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of(2) as pool:
        hanging = asyncio.create_task(pool.run("hang", str(tmp_path / "pid")))
        busy = await _written(tmp_path / "pid")
        idle = await pool.run("pid")
        await pool.retire_idle()
        assert (_is_alive(busy), _is_alive(idle)) == (True, False)
        assert await pool.run("pid") not in (busy, idle)
        assert not hanging.done()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_a_job_goes_to_the_process_that_has_run_longest(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of(2) as pool:
        first = await pool.run("pid")
        waiting = [asyncio.create_task(pool.run("wait", str(tmp_path / name))) for name in ("one", "two")]
        ended = []
        for name, job in zip(("one", "two"), waiting, strict=True):
            (tmp_path / name).touch()
            ended.append(await job)
        assert (ended[0], ended[1] != first) == (first, True)
        assert await pool.run("pid") == first  # it has loaded what the other one may not have


async def test_a_crash_fails_its_own_job_only(pool_of: Pools) -> None:
    async with pool_of(2) as pool:
        crashed, doubled = await asyncio.gather(pool.run("crash"), pool.run("double", 21), return_exceptions=True)
        assert isinstance(crashed, WorkerError)
        assert crashed.code == "worker_crashed"
        assert "signal 11" in crashed.message
        assert doubled == 42
        assert await pool.run("double", 4) == 8


async def test_how_a_crashed_process_ended_is_told_every_time(pool_of: Pools) -> None:
    async with pool_of(size=2) as pool:
        crashes = await asyncio.gather(*(pool.run("crash") for _ in range(24)), return_exceptions=True)
    assert {str(crash) for crash in crashes} == {"the process doing crash ended (signal 11)"}


async def test_a_worker_that_was_killed_while_it_waited_costs_no_job(pool_of: Pools) -> None:
    async with pool_of(size=1) as pool:
        pid = await pool.run("pid")
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while pool._idle[0].exit_status is None:
                await asyncio.sleep(0.01)
        assert await pool.run("pid") != pid


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
async def test_a_job_whose_process_is_killed_by_somebody_else_is_done_again(pool_of: Pools, tmp_path: Path) -> None:
    async def kill_all(folder: Path, times: int) -> None:
        killed: set[str] = set()
        while len(killed) < times:
            for name in {path.name for path in folder.iterdir()} - killed:
                os.kill(int(name), signal.SIGTERM if killed else signal.SIGKILL)
                killed.add(name)
            await asyncio.sleep(0.01)

    for folder, count in ((tmp_path / "twice", 2), (tmp_path / "always", 9)):
        folder.mkdir()
        async with pool_of(size=1) as pool, asyncio.timeout(120):
            job = asyncio.create_task(pool.run("hang_until", str(folder), count))
            await kill_all(folder, min(count, 3))
            if count == 2:
                assert await job == "done"
            else:
                with pytest.raises(WorkerError, match="ended") as failed:
                    await job
                assert failed.value.code == "worker_killed"
        assert len(list(folder.iterdir())) == min(count, 3)


async def test_a_process_that_can_not_be_started_fails_its_job_only(
    pool_of: Pools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with pool_of(size=1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(tmp_path / "no-python"))
            with pytest.raises(WorkerError, match="try again later") as failed:
                await pool.run("pid")
        assert failed.value.code == "worker_failed"
        assert await pool.run("pid")


async def test_a_job_that_waits_when_the_pool_is_left_is_refused_and_starts_no_process(
    pool_of: Pools, tmp_path: Path
) -> None:
    marker, late = tmp_path / "running", tmp_path / "late"
    async with pool_of(size=1) as pool:
        running = asyncio.create_task(pool.run("hang", str(marker)))
        await _written(marker)
        waiting = asyncio.create_task(pool.run("hang", str(late)))
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        for job in (running, waiting):
            with pytest.raises(WorkerError) as refused:
                await job
            assert refused.value.code == "worker_closed"
    assert not late.exists()


async def test_a_job_that_takes_too_long_is_killed_and_named(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of() as pool:
        with pytest.raises(WorkerError, match=r"hang took more than 0\.5 s") as failure:
            await pool.run("hang", str(tmp_path / "pid"), timeout_s=0.5)
        assert failure.value.code == "worker_timeout"
        assert await pool.run("double", 4) == 8


async def test_cancelling_a_job_kills_its_process_and_frees_the_place(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of() as pool:
        task = asyncio.create_task(pool.run("spin", str(tmp_path / "pid")))
        pid = await _written(tmp_path / "pid")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not _is_alive(pid)
        assert await pool.run("double", 4) == 8


async def test_cancelling_a_job_that_waits_leaves_the_queue_whole(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of() as pool:
        first = asyncio.create_task(pool.run("hang", str(tmp_path / "pid")))
        await _written(tmp_path / "pid")
        waiting = asyncio.create_task(pool.run("double", 1))
        last = asyncio.create_task(pool.run("double", 2))
        await asyncio.sleep(0)
        waiting.cancel()
        first.cancel()
        assert await last == 4


async def test_an_urgent_job_goes_before_those_that_wait(pool_of: Pools, tmp_path: Path) -> None:
    order: list[str] = []

    async def note(name: str, **kwargs: Any) -> None:
        await pool.run("double", 1, **kwargs)
        order.append(name)

    async with pool_of() as pool:
        first = asyncio.create_task(pool.run("hang", str(tmp_path / "pid")))
        await _written(tmp_path / "pid")
        patient = asyncio.create_task(note("patient"))
        await asyncio.sleep(0)
        urgent = asyncio.create_task(note("urgent", is_urgent=True))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(patient, urgent)
    assert order == ["urgent", "patient"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
async def test_a_job_that_hoards_memory_is_told_apart_from_a_crash(pool_of: Pools) -> None:
    async with pool_of(memory_mb=256) as pool:
        with pytest.raises(WorkerError, match="256 MB") as failure:
            await pool.run("hoard", timeout_s=60)
        assert failure.value.code == "worker_memory"
        assert await pool.run("double", 4) == 8


async def test_what_a_job_raises_arrives_with_its_code(pool_of: Pools) -> None:
    async with pool_of() as pool:
        with pytest.raises(MediaError, match="nothing in it") as refused:
            await pool.run("refuse")
        assert refused.value.code == "media_empty"
        with pytest.raises(WorkerError, match="stumble failed: ZeroDivisionError: by nought"):
            await pool.run("stumble")


async def test_a_library_that_prints_or_reads_stdin_does_no_harm(pool_of: Pools) -> None:
    async with pool_of() as pool:
        assert await pool.run("chatter", timeout_s=30) == ""


async def test_progress_is_told_while_the_job_runs(pool_of: Pools) -> None:
    told: list[float] = []
    async with pool_of() as pool:
        assert await pool.run("steps", on_progress=told.append) == "done"
    assert len(told) >= 2
    assert told == sorted(told)


async def test_a_worker_can_not_make_the_parent_run_code(pool_of: Pools) -> None:
    async with pool_of() as pool:
        with pytest.raises(WorkerError, match=r"os\.getenv|posix|a worker sent"):
            await pool.run("smuggle")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("soundbite_engine.platform.database", "Owner"),  # makes folders and locks
        ("soundbite_engine.platform.media_files", "FileSink"),  # no value, though it is ours
        ("soundbite_engine.platform.database", "ThreadPoolExecutor"),  # only imported there
        ("soundbite_engine.workers.pool", "WorkerPool"),
        ("soundbite_engine.platform.media_files", "Path"),
        ("soundbite_engine.errors", "annotations"),
        ("soundbite_engine", "Engine"),
        ("numpy", "load"),
        ("os", "system"),
    ],
)
def test_a_frame_makes_nothing_but_arrays_and_values(module: str, name: str) -> None:
    calling = b"\x80\x04c" + f"{module}\n{name}\n".encode() + b")R."  # the pickle of module.name()
    with pytest.raises(FrameError, match="a worker sent a"):
        decode_untrusted(calling)


@pytest.mark.parametrize(
    "value",
    [
        (Segment(0.0, 1.0, "speech"),),
        Recognition((Word("hello", 0.0, 0.5, 0.9, "en"),), 0.5, 0.1, 1),
        DecodeReport(3, 0.0, 1.0, ("cut off",)),
        MediaInfo(None, "wav", "pcm_s16le", 16000, 1, 44, has_audio=True, has_video=False),
        (Word("hello", 0.0, 0.5),),
        (2.0, b"\0\1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_frame_brings_what_jobs_answer_with(value: object) -> None:
    assert decode_untrusted(encode(value)[HEADER.size :]) == value


def test_a_frame_brings_blocks_and_errors() -> None:
    heard = Described(np.eye(2, dtype=np.float32), (("dog",), ()))
    found = decode_untrusted(encode(heard)[HEADER.size :])
    assert (found.blocks == heard.blocks).all()
    assert found.names == heard.names
    failed = decode_untrusted(encode(("failed", MediaError("media_empty", "nothing in it")))[HEADER.size :])
    assert (failed[1].code, failed[1].message) == ("media_empty", "nothing in it")


async def test_workers_see_no_secrets_and_one_thread(pool_of: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVELABS_API_KEY", "tlk_secret")
    async with pool_of() as pool:
        seen = await pool.run("environment")
    assert "TWELVELABS_API_KEY" not in seen
    assert seen["OMP_NUM_THREADS"] == "1"


def test_secrets_of_every_usual_name_are_dropped() -> None:
    given = {"PATH": "/bin", "MY_TOKEN": "x", "client_secret": "x", "AWS_ACCESS_KEY_ID": "x", "DB_PASSWORD": "x"}
    kept = worker_environment(given)
    assert kept["PATH"] == "/bin"
    assert not kept.keys() & (given.keys() - {"PATH"})


async def test_leaving_the_pool_ends_a_running_job(pool_of: Pools, tmp_path: Path) -> None:
    async with pool_of() as pool:
        task = asyncio.create_task(pool.run("spin", str(tmp_path / "pid")))
        pid = await _written(tmp_path / "pid")
    with pytest.raises(WorkerError):
        await task
    assert not _is_alive(pid)
    with pytest.raises(WorkerError, match="closed"):
        await pool.run("pid")


PARENT_SOURCE = """
import asyncio, sys
from soundbite_engine.workers.pool import WorkerPool
async def main():
    async with WorkerPool(1, jobs_module="jobs_of_the_test") as pool:
        await pool.run(sys.argv[1], sys.argv[2])
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("job", ["hang", "spin"])
async def test_workers_end_when_their_parent_is_killed(job: str, pool_of: Pools, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT_SOURCE, job, str(marker))
    try:
        worker = await _written(marker)
    finally:
        parent.kill()
        await parent.wait()
    await _gone(worker)
