"""The engine shares its work: hours of one caller, or hours left by a process that ended, keep no minute waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from soundbite_api.turns import claimed
from soundbite_engine import RateLimits

LONG_S, SHORT_S = 1500, 8
ONE_OF_EACH = {"workers": 1, "concurrent_tasks": 1, "limits": RateLimits()}


@pytest.fixture(scope="module")
def long_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long, small, and with something to hear in it."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    second = (np.random.default_rng(3).normal(size=(1, 16_000)) * 2000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=16_000)
        stream.codec_context.layout = "mono"
        for at in range(LONG_S):
            frame = av.AudioFrame.from_ndarray(second, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, at * 16_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


async def _begin(
    http: httpx.AsyncClient, asset_id: str, asking: Callable[..., dict[str, Any]], caller: str, **audio: Any
) -> str:
    with claimed(caller=caller):
        answer = await http.post("embed-v2/tasks", json=asking({"asset_id": asset_id}, **audio))
    assert answer.status_code == 202, answer.text
    return answer.json()["_id"]


async def _asset(http: httpx.AsyncClient, path: Path) -> str:
    files = {"file": (path.name, path.read_bytes())}
    answer = await http.post("assets", data={"method": "direct"}, files=files)
    assert answer.status_code == 201, answer.text
    return answer.json()["_id"]


async def _status(http: httpx.AsyncClient, task_id: str) -> str:
    return (await http.get(f"embed-v2/tasks/{task_id}")).json()["status"]


@pytest.mark.parametrize("caller", ["another", "the same"])
async def test_a_short_recording_does_not_wait_for_long_ones(
    caller: str,
    opened: Callable[..., Any],
    asking: Callable[..., dict[str, Any]],
    finished: Callable[..., Any],
    long_sound: Path,
    sounds: Callable[[float], Path],
) -> None:
    async with opened(**ONE_OF_EACH) as (_, http):
        long, short = await _asset(http, long_sound), await _asset(http, sounds(SHORT_S))
        hours = [await _begin(http, long, asking, "the same") for _ in range(3)]
        minute = await _begin(http, short, asking, caller)
        assert (await finished(http, minute))["status"] == "ready"
        assert [await _status(http, task) for task in hours[1:]] == ["processing", "processing"]


async def test_a_recording_just_named_goes_before_those_that_are_taken_up_again(
    opened: Callable[..., Any],
    asking: Callable[..., dict[str, Any]],
    finished: Callable[..., Any],
    long_sound: Path,
) -> None:
    """It is long too, and waits in the same queue."""
    async with opened(**ONE_OF_EACH) as (_, http):
        long = await _asset(http, long_sound)
        left = [await _begin(http, long, asking, "before") for _ in range(3)]
    async with opened(**ONE_OF_EACH) as (_, http):
        named = await _begin(http, long, asking, "now", end_sec=490)
        assert (await finished(http, named))["status"] == "ready"
        assert [await _status(http, task) for task in left[1:]] == ["processing", "processing"]
