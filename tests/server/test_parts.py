"""A long recording can be searched while it is embedded, and a killed server goes on after the last part."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from test_kill import StdioServer, started

from soundbite_engine.workers.media import cut
from soundbite_engine.workers.pool import WorkerPool
from soundbite_store import Clip, ClipStore

SAMPLES = Path(__file__).parents[2] / "samples"
RATE_HZ, SAMPLE_SEC = 16_000, 75.0
LONG_SEC = 500.0  # a recording has parts from eight minutes on
BOUND_SEC = 1500.0  # on a machine that does much else
SETTINGS = {"SOUNDBITE_WORKERS": "2", "SOUNDBITE_LOG_LEVEL": "INFO"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the speech of a sample again and again, at other speeds and levels, with a pause after each."""
    path = tmp_path_factory.mktemp("recordings") / "long.wav"
    async with WorkerPool(size=1) as pool:
        encoded = await cut(SAMPLES / "standup.flac", 0.0, SAMPLE_SEC, "wav", pool)
    with wave.open(io.BytesIO(encoded)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32)
    rng, missing = np.random.default_rng(0), round(LONG_SEC * RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        while missing > 0:
            at = np.arange(0, sound.size - 1, rng.uniform(0.94, 1.06))
            changed = np.interp(at, np.arange(sound.size), sound) * rng.uniform(0.5, 1.0)
            pause = rng.normal(0, 3, round(rng.uniform(0.5, 3.0) * RATE_HZ))
            part = np.concatenate([changed, pause])[:missing].astype(np.int16)
            file.writeframesraw(part.tobytes())
            missing -= part.size
    return path


async def until(server: StdioServer, task: dict[str, Any], searchable_sec: float) -> dict[str, Any]:
    """Wait until the recording of a task can be searched so far, or is ready."""
    while task["status"] == "processing" and task.get("searchable_until_sec", 0.0) < searchable_sec:
        await asyncio.sleep(0.2)
        task = await server.call("get_task", task_id=task["task_id"])
    return task


async def embedded_whole(home: Path, root: Path, recording: Path) -> None:
    async with started(home, root, **SETTINGS) as server:
        task = await server.call("embed_audio", source=str(recording), wait_seconds=20)
        while task["status"] == "processing":
            task = await server.call("get_task", task_id=task["task_id"], wait_seconds=20)
        assert task["status"] == "ready", task


async def rows_of(home: Path) -> dict[str, Clip]:
    """The clips of a library by their row ids."""
    async with await ClipStore.open(home / "store") as store:
        return {
            clip.row_id(info.space): clip
            for info in await store.spaces()
            for clip in await store.embeddings(info.space)
        }


@pytest.mark.slow
async def test_a_long_recording_answers_before_it_is_ready_and_goes_on_after_its_last_part_when_killed(
    tmp_path: Path, recording: Path
) -> None:
    root, home, whole = recording.parent, tmp_path / "home", tmp_path / "whole"
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    async with asyncio.timeout(BOUND_SEC):
        async with started(home, root, logs[0], **SETTINGS) as server:
            task = await server.call("embed_audio", source=str(recording), wait_seconds=0)
            task = await until(server, task, 1.0)
            assert task["status"] == "processing", "it was ready before it could be searched"
            told = await server.request("tools/call", {"name": "get_task", "arguments": {"task_id": task["task_id"]}})
            assert re.search(r"^Searchable until 0:0\d:\d\d of 0:08:20 ", told["content"][0]["text"], re.MULTILINE)
            answer = await server.call("search_clips", query="good morning everyone")
            assert "good morning" in answer["clips"][0]["text"].lower()
            assert sum("is still being embedded" in note for note in answer["notes"]) == 1
            (listed,) = (await server.call("list_audio"))["assets"]
            assert (listed["status"], listed["clip_count"] > 0) == ("processing", True)
            lines = (await server.call("read_transcript", asset_id=task["asset_id"]))["lines"]
            assert "good morning" in lines[0]["text"].lower()
            task = await until(server, task, 100.0)
            assert task["status"] == "processing", "it was ready before it could be killed"
            await server.kill()
        assert await rows_of(home), "what could be searched was lost"
        async with started(home, root, logs[1], **SETTINGS) as server:
            again = await server.call("get_task", task_id=task["task_id"])
            assert again.get("searchable_until_sec", 0.0) >= task["searchable_until_sec"]
            while again["status"] == "processing":
                again = await server.call("get_task", task_id=task["task_id"], wait_seconds=20)
            assert again["status"] == "ready", again
        await embedded_whole(whole, root, recording)
    first, second = (log.read_text(encoding="utf-8") for log in logs)
    assert "part 1 is done" in first
    assert "goes on after part" in second
    assert "part 1 is done" not in second, "what was recognised already was recognised again"
    rows, expected = await rows_of(home), await rows_of(whole)
    assert rows.keys() == expected.keys(), "clips were lost or doubled"
    assert again["embedding_count"] == len(rows)
    for row_id, clip in rows.items():
        assert clip.transcript == expected[row_id].transcript
        assert float(clip.vector @ expected[row_id].vector) > 0.999


async def test_a_recording_that_is_removed_while_its_parts_come_leaves_nothing(tmp_path: Path, recording: Path) -> None:
    root, home = recording.parent, tmp_path / "home"
    async with asyncio.timeout(BOUND_SEC):
        async with started(home, root, **SETTINGS) as server:
            task = await server.call("embed_audio", source=str(recording), wait_seconds=0)
            task = await until(server, task, 1.0)
            assert task["status"] == "processing", "it was ready before it could be removed"
            removed = await server.call("remove_audio", asset_id=task["asset_id"])
            assert removed["is_removed"]
            assert not (await server.call("list_audio"))["assets"]
    assert not await rows_of(home)
