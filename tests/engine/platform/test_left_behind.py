"""Work that a row promises and nothing does, files that nothing names: after cancelled requests, kills, full disks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from soundbite_engine.errors import DiskError, MediaError, WorkerError
from soundbite_engine.platform import asset_records, embedding, task_records, transcription
from soundbite_engine.platform.database import Owner
from soundbite_engine.platform.media_files import BUFFER_BYTES, FileSink, MediaFolder
from soundbite_engine.workers.plans import scratch_folder, tidy_scratch

Sounds = Callable[[float], Path]
Asking = Callable[..., dict[str, Any]]
Opened = Callable[..., Any]
FULL = Path("/dev/full")


async def _cancelled_while_writing(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, change: str, request: Callable[[], Any]
) -> None:
    """Cancel `request` once `change` has been made in the database and before it hears of that."""
    is_made, may_end = threading.Event(), threading.Event()
    real = getattr(module, change)

    def held(*args: Any) -> Any:
        result = real(*args)
        is_made.set()
        assert may_end.wait(20)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(module, change, held)
        sent = asyncio.ensure_future(request())
        assert await asyncio.to_thread(is_made.wait, 20)
        sent.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sent
        may_end.set()


async def _ready(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await http.get(path)).json()
            if found["status"] != "processing":
                return found
            await asyncio.sleep(0.02)


async def _upload(http: httpx.AsyncClient, path: Path) -> httpx.Response:
    return await http.post("assets", data={"method": "direct"}, files={"file": (path.name, path.read_bytes())})


async def _asset_id(http: httpx.AsyncClient) -> str:
    (asset,) = (await http.get("assets")).json()["data"]
    return str(asset["_id"])


async def test_a_task_whose_request_was_cancelled_as_it_was_written_is_run(
    opened: Opened, sounds: Sounds, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sweep_s=0.05) as (_, http):
        await _upload(http, sounds(3))
        body = asking({"asset_id": await _asset_id(http)})
        await _cancelled_while_writing(
            monkeypatch, task_records, "insert", lambda: http.post("embed-v2/tasks", json=body)
        )
        (listed,) = (await http.get("embed-v2/tasks")).json()["data"]
        assert (await _ready(http, f"embed-v2/tasks/{listed['_id']}"))["status"] == "ready"


async def test_an_asset_whose_request_was_cancelled_as_it_was_written_becomes_ready(
    opened: Opened, sounds: Sounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sweep_s=0.05) as (_, http):
        await _cancelled_while_writing(monkeypatch, asset_records, "insert", lambda: _upload(http, sounds(3)))
        assert (await _ready(http, f"assets/{await _asset_id(http)}"))["status"] == "ready"


async def test_a_transcription_whose_request_was_cancelled_as_it_was_begun_is_made_by_the_next(
    opened: Opened, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as (_, http):
        await _upload(http, spoken)
        path = f"assets/{await _asset_id(http)}/transcription"
        await _cancelled_while_writing(monkeypatch, transcription, "_begin", lambda: http.get(path))
        assert (await _ready(http, path))["words"]


async def test_two_who_ask_for_a_transcription_at_once_have_it_made_once(
    opened: Opened, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    real = transcription.transcribe

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal made
        made += 1
        return await real(*args, **more)

    monkeypatch.setattr(transcription, "transcribe", counted)
    async with opened() as (_, http):
        await _upload(http, spoken)
        path = f"assets/{await _asset_id(http)}/transcription"
        answers = await asyncio.gather(*(http.get(path) for _ in range(3)))
        assert [answer.json()["status"] for answer in answers] == ["ready"] * 3
    assert made == 1


@pytest.mark.parametrize(
    ("failure", "is_tried_again"),
    [
        (WorkerError("worker_crashed", "the process doing recognise ended (signal 9)"), True),
        (WorkerError("worker_timeout", "recognise took more than 600 s"), True),
        (DiskError.full(), True),
        (OSError(28, "No space left on device"), True),
        (MediaError("media_unreadable", "no sound could be decoded from spoken.wav"), False),
    ],
)
async def test_a_transcription_that_failed_is_told_and_tried_again_unless_the_recording_is_at_fault(
    opened: Opened, spoken: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, is_tried_again: bool
) -> None:
    real = transcription.transcribe
    failures = iter([failure])

    async def failing_once(*args: Any, **more: Any) -> Any:
        if each := next(failures, None):
            raise each
        return await real(*args, **more)

    monkeypatch.setattr(transcription, "transcribe", failing_once)
    async with opened() as (_, http):
        await _upload(http, spoken)
        path = f"assets/{await _asset_id(http)}/transcription"
        told = (await http.get(path)).json()
        assert (told["status"], bool(told["error"]["message"])) == ("failed", True)
        again = (await http.get(path)).json()
        assert again["status"] == ("ready" if is_tried_again else "failed")
        assert bool(again.get("words")) is is_tried_again


async def test_who_asks_until_a_transcription_is_done_hears_that_it_failed_while_nobody_waited(
    opened: Opened, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> Any:
        raise WorkerError("worker_memory", "recognise needs more than the 1024 MB a worker may use")

    monkeypatch.setattr(transcription, "transcribe", failing)
    async with opened(grace_s=0.0) as (_, http):
        await _upload(http, spoken)
        asset_id = await _asset_id(http)
        await _ready(http, f"assets/{asset_id}")
        assert "1024 MB" in (await _ready(http, f"assets/{asset_id}/transcription"))["error"]["message"]


async def test_a_sweep_that_keeps_failing_alike_is_logged_once_and_again_when_it_fails_otherwise(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = ["damaged"] * 3 + ["full"] * 2 + [""] + ["full"] * 2
    is_over = asyncio.Event()

    async def failing() -> None:
        if not outcomes:
            is_over.set()
        elif outcome := outcomes.pop(0):
            raise DiskError("disk_failed", outcome)

    async with opened(sweep_s=0.001) as (engine, _):
        # Of this engine alone: another one of the session sweeps too.
        monkeypatch.setattr(engine._open.assets, "take_over", failing)
        async with asyncio.timeout(20):
            await is_over.wait()
    failures = [each for each in caplog.records if "unfinished work failed" in each.getMessage()]
    assert [str(each.exc_info[1]) for each in failures if each.exc_info] == ["damaged", "full", "full"]


async def test_an_asset_that_could_not_be_written_down_is_settled_once_the_disk_has_room(
    opened: Opened, sounds: Sounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asset_records.make_ready
    full = iter([True, True])

    def on_a_full_disk(*args: Any) -> None:
        if next(full, False):
            raise sqlite3.OperationalError("database or disk is full")
        real(*args)

    monkeypatch.setattr(asset_records, "make_ready", on_a_full_disk)
    async with opened(sweep_s=0.05) as (_, http):
        answer = await _upload(http, sounds(3))
        assert answer.json()["status"] == "processing"
        assert (await _ready(http, f"assets/{answer.json()['_id']}"))["status"] == "ready"
    assert next(full, None) is None


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
async def test_a_full_disk_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.symlink_to(FULL)
    with pytest.raises(DiskError, match="no room left") as full:
        async with FileSink(path) as sink:
            await sink.write(b"sound" * 1000)  # fails when the rest is written at the end
    assert full.value.code == "disk_full"
    assert not path.is_symlink()
    path.symlink_to(FULL)
    with pytest.raises(DiskError, match="no room left"):
        async with FileSink(path) as sink:
            await sink.write(bytes(BUFFER_BYTES * 2))
    with pytest.raises(DiskError, match="check its home folder"):
        async with FileSink(tmp_path):
            pass


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
async def test_an_upload_to_a_full_disk_says_so(
    opened: Opened, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = tmp_path / "full"
    full.symlink_to(FULL)
    monkeypatch.setattr(MediaFolder, "incoming", lambda *_: full)
    async with opened() as (_, http):
        answer = await _upload(http, sounds(3))
        assert answer.status_code == 500
        assert "no room left" in answer.json()["message"]
    (said,) = [each for each in caplog.records if "failed" in each.getMessage()]
    assert "no room left" in said.getMessage()
    assert said.exc_info is None, "a traceback says no more than the sentence"


def _old(path: Path) -> Path:
    """`path`, made or written two days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    at = time.time() - 2 * 24 * 3600
    os.utime(path, (at, at))
    return path


async def test_what_killed_engines_left_is_removed_and_what_is_needed_or_new_stays(
    opened: Opened, sounds: Sounds, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    async with opened() as (_, http):
        asset_id = (await _upload(http, sounds(3))).json()["_id"]
    kept = _old(home / "media" / f"{asset_id}.wav")
    other = Owner(home / "owners")
    held = _old(home / "owners" / f"{other.id}.lock")
    gone = [
        _old(home / "incoming" / "0123.download"),
        _old(home / "media" / f"{'0' * 24}.wav"),
        _old(home / "owners" / "0123456789abcdef.lock"),
    ]
    arriving = home / "incoming" / "4567.download"
    arriving.touch()
    async with opened() as (_, http):
        assert not any(path.exists() for path in gone)
        assert kept.exists()
        assert held.exists()
        assert arriving.exists()
        assert not Owner(home / "owners").is_gone(other.id)
    other.close()


async def test_an_engine_starts_though_another_tidies_the_same_home_at_that_moment(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = tmp_path / "home" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "deleted.download").symlink_to("nowhere")  # listed, and not there when it is looked at
    monkeypatch.setattr(asset_records, "forgotten", lambda *_: ["0" * 24])
    async with opened() as (_, http):
        assert (await http.get("assets")).status_code == 200


def test_the_scratch_folders_of_killed_analyses_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def folder(name: str, *files: str) -> Path:
        for file in files:
            _old(tmp_path / name / file)
        return _old(tmp_path / name)

    left = [
        folder("soundbite-scratch-a", "sound.pcm", "ticks-000000000.npy", "speech.npy"),
        folder("soundbite-scratch-c", "sound.pcm", "voices-000000000.npy", "channels.npy", "speech.new"),
        folder("soundbite-scratch-b", "sound.pcm"),
    ]
    stays = [folder("soundbite-scratch-notes", "sound.pcm", "thesis.txt"), folder("soundbite-mine", "sound.pcm")]
    (tmp_path / "soundbite-scratch-link").symlink_to(stays[1])
    tidy_scratch(time.time() - 3600)
    assert not any(path.exists() for path in left)
    assert all((path / "sound.pcm").exists() for path in stays)


async def test_an_analysis_that_works_now_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with scratch_folder() as folder:
        (folder / "sound.pcm").touch()
        tidy_scratch(time.time() - 3600)
        assert (folder / "sound.pcm").exists()
    assert list(tmp_path.iterdir()) == []


async def test_media_inside_a_request_is_removed_though_its_caller_is_cancelled_again_and_again(
    opened: Opened, sounds: Sounds, asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_embedding = anyio.Event()

    async def endless(*_: object) -> None:
        is_embedding.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(embedding, "analyse", endless)
    body = asking({"base64_string": base64.b64encode(sounds(3).read_bytes()).decode()})
    async with opened() as (_, http):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: http.post("embed-v2", json=body))
            await is_embedding.wait()
            assert len(list((tmp_path / "home" / "media").iterdir())) == 1
            group.cancel_scope.cancel()  # unlike asyncio's, it cancels at every wait
        with anyio.fail_after(20):
            while any((tmp_path / "home" / "media").iterdir()):
                await anyio.sleep(0.01)
