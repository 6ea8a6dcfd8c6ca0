"""Keys, rate limits, pages of other sites, and errors nobody foresaw."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine import RateLimits, UrlPolicy
from soundbite_engine.platform.errors import Refused
from soundbite_engine.platform.limits import Limiter, Window

Opened = Callable[..., Any]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_gives_back_what_has_become_old() -> None:
    clock = Clock()
    window = Window(2, 60, clock)
    assert window.take(1)
    clock.now += 30
    assert window.take(1)
    assert not window.take(1)
    assert window.usage().reset_s == 30
    clock.now += 30
    assert window.take(1)
    assert not window.take(1)


def test_one_recording_larger_than_the_limit_passes_alone() -> None:
    window = Window(60, 3600, Clock())
    assert window.take(90)
    assert not window.take(1)


def test_categories_have_limits_of_their_own() -> None:
    limiter = Limiter(RateLimits(requests_per_minute=1), Clock(), Clock())
    limiter.admit_request("assets")
    limiter.admit_request("embeddings")
    with pytest.raises(Refused):
        limiter.admit_request("assets")


async def test_too_many_requests_are_told_when_to_come_again(opened: Opened) -> None:
    async with opened(limits=RateLimits(requests_per_minute=2)) as (_, http):
        first = await http.get("embed-v2/tasks")
        assert first.headers["x-ratelimit-request-limit"] == "2"
        assert first.headers["x-ratelimit-request-remaining"] == "1"
        assert first.headers["x-ratelimit-request-used"] == "1"
        await http.get("embed-v2/tasks")
        refused = await http.get("embed-v2/tasks")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-ratelimit-request-remaining"] == "0"
        body = refused.json()
        assert body["code"] == body["error"]["code"] == "too_many_requests"
        assert body["error"]["details"]["currentLimit"] == "2 requests per minute"
        assert (await http.get("assets")).status_code == 200


def test_a_clock_that_is_set_back_refuses_nobody_for_longer() -> None:
    steady, wall = Clock(), Clock()
    limiter = Limiter(RateLimits(requests_per_minute=1), steady, wall)
    limiter.admit_request("assets")
    assert limiter.headers("assets")["x-ratelimit-request-reset"] == "1000060"
    wall.now -= 24 * 3600
    steady.now += 60
    limiter.admit_request("assets")
    assert limiter.headers("assets")["x-ratelimit-request-reset"] == str(1_000_060 - 24 * 3600)


async def test_too_much_media_is_refused_and_no_task_is_made(
    opened: Opened, sounds: Callable[[float], Path], asking: Callable[..., dict[str, Any]]
) -> None:
    async with opened(limits=RateLimits(media_minutes_per_hour=0.2)) as (_, http):
        with sounds(5).open("rb") as file:
            asset = (await http.post("assets", data={"method": "direct"}, files={"file": file})).json()
        request = asking({"asset_id": asset["_id"]}, embedding_option=["audio"], embedding_scope=["asset"])
        answers = [await http.post("embed-v2", json=request) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].headers["x-ratelimit-dimensions"] == "Duration"
        assert answers[1].headers["x-ratelimit-duration-remaining"] == "2"
        refused = await http.post("embed-v2/tasks", json=request)
        assert refused.status_code == 429
        assert "retry-after" in refused.headers
        assert (await http.get("embed-v2/tasks")).json()["data"] == []


async def test_a_recording_that_does_not_say_how_long_it_is_counts_what_was_embedded(
    opened: Opened, tmp_path: Path, asking: Callable[..., dict[str, Any]], streamed_webm: Callable[[Path, int], Path]
) -> None:
    async with opened(limits=RateLimits(media_minutes_per_hour=0.1)) as (_, http):
        with streamed_webm(tmp_path / "browser.webm", 4).open("rb") as file:
            asset = (await http.post("assets", data={"method": "direct"}, files={"file": file})).json()
        assert asset["duration"] is None
        request = asking({"asset_id": asset["_id"]}, embedding_option=["audio"], embedding_scope=["asset"])
        answers = [await http.post("embed-v2", json=request) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await http.post("embed-v2/tasks", json=request)).status_code == 429


async def test_tasks_begun_while_their_media_is_fetched_count_once_it_is_there(
    opened: Opened, site: Any, asking: Callable[..., dict[str, Any]], finished: Callable[..., Any]
) -> None:
    site.gates["/held.wav"] = threading.Event()
    policy = UrlPolicy(is_public=False, hosts=frozenset({site.netloc}))
    async with opened(limits=RateLimits(media_minutes_per_hour=0.1), allow_urls=policy, grace_s=0.0) as (_, http):
        request = asking({"url": site.url("/held.wav")}, embedding_option=["audio"], embedding_scope=["asset"])
        begun = [await http.post("embed-v2/tasks", json=request) for _ in range(2)]
        assert [answer.status_code for answer in begun] == [202, 202]
        site.gates["/held.wav"].set()
        ended = [await finished(http, answer.json()["_id"]) for answer in begun]
        (failed,) = [task["error"]["message"] for task in ended if task["status"] == "failed"]
        assert failed.startswith("The embedding task failed. Please try again later. (You have exceeded the rate limit")


async def test_without_limits_nothing_is_said_of_them(opened: Opened) -> None:
    async with opened() as (_, http):
        assert not [name for name in (await http.get("assets")).headers if "ratelimit" in name]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {"x-api-key": "schlüssel"}])
async def test_a_missing_or_wrong_key_is_refused_everywhere(opened: Opened, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    async with opened(api_key="secret") as (_, http):
        for path in ("assets", "embed-v2/tasks", "nothing"):
            answer = await http.get(path, headers=encoded)
            assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")
        assert (await http.get("embed-v2/tasks", headers=encoded)).json()["error"]["code"] == "api_key_invalid"
        assert (await http.get("assets", headers={"x-api-key": "secret"})).status_code == 200


async def test_the_key_is_not_part_of_what_is_printed(opened: Opened) -> None:
    async with opened(api_key="secret") as (engine, _):
        assert "secret" not in repr(engine.config)


async def test_pages_of_other_sites_are_not_served(opened: Opened) -> None:
    async with opened() as (_, http):
        assert (await http.get("assets", headers={"origin": "https://evil.example"})).status_code == 403
        assert (await http.get("assets", headers={"origin": "http://engine"})).status_code == 200


async def test_an_unknown_method_or_address_is_answered_in_json(opened: Opened) -> None:
    async with opened() as (_, http):
        answer = await http.put("assets")
        assert (answer.status_code, answer.json()["code"]) == (405, "api_not_allowed")
        assert (await http.get("nothing")).json() == {
            "code": "resource_not_exist",
            "message": "There is no such endpoint.",
        }


async def test_an_error_nobody_foresaw_is_a_500_with_a_request_id(
    opened: Opened, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async with opened() as (_, http):
        with sqlite3.connect(tmp_path / "home" / "engine.db") as connection:
            connection.execute("ALTER TABLE tasks RENAME TO lost")
        connection.close()
        answer = await http.get("embed-v2/tasks")
        assert answer.status_code == 500
        error = answer.json()["error"]
        assert error["code"] == "internal_server_error"
        assert "sqlite" not in answer.text.lower()
        assert error["details"]["requestId"] in caplog.text
        with sqlite3.connect(tmp_path / "home" / "engine.db") as connection:
            connection.execute("ALTER TABLE lost RENAME TO tasks")
        connection.close()
