"""The server's reader of media on real sound, in a real worker process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from soundbite_api import SourceFile
from soundbite_engine.profiles import base_profile
from soundbite_engine.workers.pool import WorkerPool
from soundbite_server.local_media import EngineMediaReader
from soundbite_tools.errors import WorkFailed
from soundbite_tools.sources.local_media import MediaProblem

SAMPLE = sorted((Path(__file__).parents[2] / "samples").glob("*.flac"))[0]


async def test_a_window_becomes_a_flac_file_and_its_words_are_recognised(tmp_path: Path) -> None:
    async with WorkerPool(size=1) as pool:
        media_reader, out = EngineMediaReader(pool), tmp_path / "window.flac"
        await media_reader.to_flac(SourceFile.at(SAMPLE), out, 2.0, 6.0)
        with av.open(str(out)) as sound:
            assert (sound.format.name, sound.duration) == ("flac", pytest.approx(4 * av.time_base, rel=0.01))
        heard = await media_reader.transcribe(SourceFile.at(SAMPLE), 2.0, 6.0)
        assert all(2.0 <= word.start_sec < word.end_sec <= 6.5 for word in heard.words)
        with pytest.raises(MediaProblem, match="past the end"):
            await media_reader.to_flac(SourceFile.at(SAMPLE), tmp_path / "nothing.flac", 5000.0, None)


def workers() -> set[int]:
    """The processes that this one has started and that run."""
    children = (Path("/proc") / str(os.getpid()) / "task").glob("*/children")
    return {int(number) for file in children for number in file.read_text().split()}


async def kill_workers(before: set[int], times: int) -> None:
    while times:
        if fresh := workers() - before:
            number = fresh.pop()
            os.kill(number, signal.SIGKILL)
            before, times = before | {number}, times - 1
        await asyncio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="finds its workers in /proc")
async def test_a_worker_that_is_killed_costs_no_words_and_makes_no_file_unreadable() -> None:
    source, before = SourceFile.at(SAMPLE), workers()
    async with WorkerPool(size=1) as pool, asyncio.timeout(120):
        reader = EngineMediaReader(pool)
        job = asyncio.create_task(reader.transcribe(source, 0.0, 8.0))
        await kill_workers(before, 2)
        words = [word.value for word in (await job).words]
        assert words == [word.value for word in (await reader.transcribe(source, 0.0, 8.0)).words] != []
    async with WorkerPool(size=1) as pool, asyncio.timeout(120):
        probe = asyncio.create_task(EngineMediaReader(pool).probe(source))
        await kill_workers(before, 3)
        with pytest.raises(WorkFailed, match="stopped from outside") as failed:
            await probe
        assert failed.value.code == "worker_killed"


async def test_while_a_file_is_decoded_that_grows_each_process_loads_the_models(tmp_path: Path) -> None:
    path, over, loaded = tmp_path / "talk.flac", tmp_path / "over", list[object]()
    path.write_bytes(SAMPLE.read_bytes())
    ready = asyncio.Event()

    class Watched(WorkerPool):
        async def run(self, job: str, /, *args: Any, **options: Any) -> Any:
            result = await super().run(job, *args, **options)
            loaded.append(job)
            if len(loaded) == self.size:
                ready.set()
            return result

    async with Watched(size=2) as pool, asyncio.timeout(300):
        engine: Any = SimpleNamespace(profile=base_profile())
        decoding = asyncio.create_task(
            EngineMediaReader(pool, engine).decode_growing(path, tmp_path / "sound.pcm", over)
        )
        await ready.wait()
        assert (loaded, decoding.done()) == (["load_models", "load_models"], False)
        over.touch()
        assert await decoding > 1.0
