"""Work that a row promises and nothing does: requests cancelled at the wrong moment, a disk that was full."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from soundbite_engine import asset_records, task_records, transcription

Sounds = Callable[[float], Path]
Asking = Callable[..., dict[str, Any]]
Opened = Callable[..., Any]


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
