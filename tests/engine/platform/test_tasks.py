"""Tasks: their life on the wire, and that they outlive the engine that runs them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from soundbite_engine import UrlPolicy

Sounds = Callable[[float], Path]
Asking = Callable[..., dict[str, Any]]
Opened = Callable[..., Any]
SAMPLES = Path(__file__).parents[3] / "samples"


async def _upload(http: httpx.AsyncClient, path: Path) -> str:
    with path.open("rb") as file:
        answer = await http.post("assets", data={"method": "direct"}, files={"file": (path.name, file)})
    return str(answer.json()["_id"])


async def test_a_task_is_accepted_followed_and_ready(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, sounds(12))}, embedding_option=["audio"])
        answer = await http.post("embed-v2/tasks", json=request)
        assert answer.status_code == 202
        task_id = answer.json()["_id"]
        assert answer.json() == {"_id": task_id, "status": "processing", "data": None}
        assert answer.headers["location"] == f"http://engine/v1.3/embed-v2/tasks/{task_id}"
        first = (await http.get(answer.headers["location"])).json()
        assert set(first) == {"_id", "status", "created_at", "updated_at", "data"}
        task = await finished(http, task_id)
        assert task["status"] == "ready"
        assert len(task["data"]) == 3
        assert task["metadata"]["duration"] == 12.0
        now = (await http.post("embed-v2", json=request)).json()["data"]
        assert {tuple(item["embedding"]) for item in now} == {tuple(item["embedding"]) for item in task["data"]}


async def test_progress_is_told_only_when_asked_for(opened: Opened, sounds: Sounds, asking: Asking) -> None:
    async with opened() as (_, http):
        asset_id = await _upload(http, sounds(30))
        task_id = (await http.post("embed-v2/tasks", json=asking({"asset_id": asset_id}))).json()["_id"]
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(60):
            while True:
                task = (await http.get(f"embed-v2/tasks/{task_id}", headers={"X-Soundbite-Include": "progress"})).json()
                if task["status"] != "processing":
                    break
                seen.append(task["progress"])
                await asyncio.sleep(0.02)
        assert "progress" not in task
        fractions = [progress["fraction"] for progress in seen]
        assert fractions == sorted(fractions)
        assert {progress["stage"] for progress in seen} <= {"queued", "decoding", "transcribing", "embedding"}


async def test_sound_that_can_not_be_decoded_fails_its_task(
    opened: Opened, tmp_path: Path, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    text = base64.b64encode(b"RIFF" + bytes(200)).decode()
    async with opened(grace_s=0.0) as (_, http):
        answer = await http.post("embed-v2/tasks", json=asking({"base64_string": text}))
        assert answer.status_code == 202
        task = await finished(http, answer.json()["_id"])
        assert (task["status"], task["data"]) == ("failed", None)
        known = "We could not process your media for embedding. Please verify the input file and try again."
        assert task["error"]["message"].startswith(known)
        listed = (await http.get("embed-v2/tasks", params={"status": "failed"})).json()["data"]
        assert [entry["_id"] for entry in listed] == [answer.json()["_id"]]


async def test_speech_gives_as_many_items_as_the_contract_counts_and_transcripts_when_asked(
    opened: Opened, spoken: Path, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking(
            {"asset_id": await _upload(http, spoken)},
            end_sec=6,
            segmentation={"strategy": "fixed", "fixed": {"duration_sec": 3}},
            embedding_type=["separate_embedding", "fused_embedding"],
        )
        plain = await finished(http, (await http.post("embed-v2/tasks", json=request)).json()["_id"])
        options = [item["embedding_option"] for item in plain["data"]]
        assert options.count("audio") == options.count("fused") == 3
        assert 2 <= options.count("transcription") <= 3
        assert {len(item["embedding"]) for item in plain["data"]} == {512}
        assert all("transcript" not in item for item in plain["data"])
        address = f"embed-v2/tasks/{plain['_id']}"
        told = (await http.get(address, headers={"X-Soundbite-Include": "transcript"})).json()["data"]
        assert all(item["transcript"] for item in told if item["embedding_option"] == "transcription")
        assert all("transcript" not in item for item in told if item["embedding_option"] == "audio")


async def test_a_window_brings_its_own_words_when_asked_and_the_rest_is_not_transcribed_for_it(
    opened: Opened, asking: Asking, finished: Any
) -> None:
    include = {"X-Soundbite-Include": "transcript"}
    async with opened() as (engine, http):
        window = asking({"asset_id": await _upload(http, SAMPLES / "standup.flac")}, end_sec=6)
        task_id = (await http.post("embed-v2/tasks", json=window)).json()["_id"]
        plain = await finished(http, task_id)
        told = (await http.get(f"embed-v2/tasks/{task_id}", headers=include)).json()["metadata"]
        at_once = (await http.post("embed-v2", json=window, headers=include)).json()["metadata"]
        listed = (await http.get("embed-v2/tasks", headers=include)).json()["data"]
        with sqlite3.connect(engine.config.home / "engine.db") as database:
            assert database.execute("SELECT count(*) FROM transcriptions").fetchone() == (0,)
    assert told["window_transcript"] == at_once["window_transcript"]
    assert told["window_transcript"]["words"]
    assert all(0 <= word["start"] < word["end"] <= 6 for word in told["window_transcript"]["words"])
    assert "window_transcript" not in plain["metadata"]
    assert "window_transcript" not in listed[0]["audio_embedding"]["metadata"]


async def test_what_is_left_of_a_recording_is_embedded_and_said_when_asked(
    opened: Opened, tmp_path: Path, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    cut = tmp_path / "cut.wav"
    whole = sounds(12).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    told = {"X-Soundbite-Include": "warnings"}
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, cut)}, embedding_option=["audio"], embedding_scope=["clip"])
        now = (await http.post("embed-v2", json=request, headers=told)).json()
        assert len(now["data"]) == 1
        task = await finished(http, (await http.post("embed-v2/tasks", json=request)).json()["_id"])
        assert "warnings" not in task["metadata"]
        later = (await http.get(f"embed-v2/tasks/{task['_id']}", headers=told)).json()
        assert later["metadata"]["warnings"] == now["metadata"]["warnings"] != []
        (entry,) = (await http.get("embed-v2/tasks", headers=told)).json()["data"]
        assert "warnings" not in entry["audio_embedding"]["metadata"]


async def test_a_start_past_the_end_fails_the_task(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, sounds(5))}, start_sec=50)
        task = await finished(http, (await http.post("embed-v2/tasks", json=request)).json()["_id"])
        assert task["error"]["message"].startswith("The embedding request was invalid.")


async def test_a_task_on_a_url_that_can_not_be_had_fails(
    opened: Opened, site: Any, asking: Asking, finished: Any
) -> None:
    async with opened(allow_urls=UrlPolicy(hosts=frozenset({site.netloc})), grace_s=0.0) as (_, http):
        answer = await http.post("embed-v2/tasks", json=asking({"url": site.url("/none.wav")}))
        task = await finished(http, answer.json()["_id"])
        assert task["error"]["message"] == (
            "failed to fetch or materialize source media (The URL answered with status 404.)"
        )


async def test_media_inside_a_request_is_removed_after_its_task(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    text = base64.b64encode(sounds(5).read_bytes()).decode()
    async with opened() as (engine, http):
        request = asking({"base64_string": text}, embedding_option=["audio"])
        task = await finished(http, (await http.post("embed-v2/tasks", json=request)).json()["_id"])
        assert len(task["data"]) == 2
        assert (await http.get("assets")).json()["data"] == []
        async with asyncio.timeout(10):
            while list((engine.config.home / "media").iterdir()):
                await asyncio.sleep(0.02)


@pytest.mark.guide("S06")
async def test_a_task_waits_for_an_asset_in_the_making(
    opened: Opened, site: Any, asking: Asking, finished: Any
) -> None:
    gate = site.gates["/held.wav"] = threading.Event()
    async with opened(allow_urls=UrlPolicy(hosts=frozenset({site.netloc})), grace_s=0.0) as (_, http):
        form = {"method": (None, "url"), "url": (None, site.url("/held.wav"))}
        asset = (await http.post("assets", files=form)).json()
        assert asset["status"] == "processing"
        assert "technical_metadata" not in asset
        request = asking({"asset_id": asset["_id"]}, embedding_option=["audio"], embedding_scope=["asset"])
        task_id = (await http.post("embed-v2/tasks", json=request)).json()["_id"]
        waiting = asyncio.create_task(http.post("embed-v2", json=request))
        assert (await http.get(f"embed-v2/tasks/{task_id}")).json()["status"] == "processing"
        assert (await http.delete(f"assets/{asset['_id']}")).status_code == 409
        gate.set()
        assert len((await waiting).json()["data"]) == 1
        assert (await finished(http, task_id))["status"] == "ready"


async def test_a_forced_deletion_stops_and_forgets_the_tasks_of_an_asset(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        asset_id = await _upload(http, sounds(5))
        request = asking({"asset_id": asset_id}, embedding_option=["audio"])
        ready, running = [(await http.post("embed-v2/tasks", json=request)).json()["_id"] for _ in range(2)]
        await finished(http, ready)
        assert (await http.delete(f"assets/{asset_id}", params={"force": "true"})).status_code == 204
        for task_id in (ready, running):
            assert (await http.get(f"embed-v2/tasks/{task_id}")).status_code == 404
        assert (await http.delete(f"assets/{asset_id}", params={"force": "true"})).status_code == 404


async def test_a_task_in_the_making_is_listed_with_what_it_embeds(
    opened: Opened, spoken: Path, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, spoken)}, start_sec=1, embedding_scope=["clip"])
        task_id = (await http.post("embed-v2/tasks", json=request)).json()["_id"]
        (listed,) = (await http.get("embed-v2/tasks")).json()["data"]
        await finished(http, task_id)
        (later,) = (await http.get("embed-v2/tasks")).json()["data"]
    assert (listed["status"], later["status"]) == ("processing", "ready")
    assert listed["audio_embedding"] == later["audio_embedding"]


async def test_tasks_are_listed_newest_first_by_status_and_time(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, sounds(5))}, embedding_option=["audio"])
        made = [(await http.post("embed-v2/tasks", json=request)).json()["_id"] for _ in range(3)]
        for task_id in made:
            await finished(http, task_id)

        async def ids(**params: Any) -> list[str]:
            answer = await http.get("embed-v2/tasks", params=params)
            assert answer.status_code == 200, answer.text
            return [task["_id"] for task in answer.json()["data"]]

        assert await ids() == made[::-1]
        assert await ids(page=2, page_limit=2) == made[:1]
        assert await ids(page=9) == []
        assert await ids(status="ready") == made[::-1]
        assert await ids(status="failed") == []
        assert await ids(started_at="2020-01-01T00:00:00Z", ended_at="2020-02-01T00:00:00+01:00") == []
        assert await ids(started_at="2020-01-01T00:00:00Z") == made[::-1]
        (entry,) = (await http.get("embed-v2/tasks", params={"page_limit": 1})).json()["data"]
        assert (entry["model_name"], "data" in entry) == ("marengo3.0", False)
        metadata = entry["audio_embedding"]["metadata"]
        assert metadata["audio_embedding_option"] == metadata["audio_embedding_options"] == ["audio"]
        assert metadata["audio_embedding_scope"] == metadata["audio_embedding_scopes"] == ["clip", "asset"]
        assert metadata["duration"] == 5.0


@pytest.mark.parametrize("params", [{"status": "lost"}, {"started_at": "yesterday"}, {"page_limit": 51}])
def test_a_task_list_with_a_senseless_parameter_is_refused(client: httpx.Client, params: dict[str, Any]) -> None:
    assert client.get("embed-v2/tasks", params=params).status_code == 400


def test_an_unknown_task_is_not_found(client: httpx.Client) -> None:
    answer = client.get("embed-v2/tasks/none")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == answer.json()["code"] == "resource_not_exist"


async def test_results_are_still_there_after_a_restart(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        request = asking({"asset_id": await _upload(http, sounds(12))}, embedding_option=["audio"])
        task = await finished(http, (await http.post("embed-v2/tasks", json=request)).json()["_id"])
    async with opened() as (_, http):
        assert (await http.get(f"embed-v2/tasks/{task['_id']}")).json() == task


async def test_a_task_ended_with_its_engine_goes_on_with_the_next(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any
) -> None:
    async with opened() as (_, http):
        asset_id = await _upload(http, sounds(30))
        task_ids = [
            (await http.post("embed-v2/tasks", json=asking({"asset_id": asset_id}))).json()["_id"] for _ in range(3)
        ]
    async with opened() as (_, http):
        for task_id in task_ids:
            task = await finished(http, task_id)
            assert (task["status"], len(task["data"])) == ("ready", 6)


_RUN_AND_HANG = """
import asyncio, json, sys
from pathlib import Path
import httpx
from soundbite_engine import Engine, EngineConfig
async def main():
    home, sound, body = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    async with Engine(EngineConfig(home, grace_s=60.0)) as engine:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=engine.app), base_url="http://e") as http:
            files = {"file": ("a.wav", sound.read_bytes())}
            answer = await http.post("/assets", data={"method": "direct"}, files=files)
            body["audio"]["media_source"] = {"asset_id": answer.json()["_id"]}
            for _ in range(3):
                answer = await http.post("/embed-v2/tasks", json=body)
                print(answer.json()["_id"], flush=True)
            await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_tasks_of_a_killed_engine_are_finished_by_another_of_the_same_home(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any, tmp_path: Path
) -> None:
    body = json.dumps(asking({}))
    command = [sys.executable, "-c", _RUN_AND_HANG, str(tmp_path / "home"), str(sounds(30)), body]
    # This engine is there before the other dies, and leaves the tasks of the living alone.
    async with opened(sweep_s=0.05) as (_, http):
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(60):
            task_ids = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
        before = [(await http.get(f"embed-v2/tasks/{task_id}")).json() for task_id in task_ids]
        assert before[-1]["status"] == "processing"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        for task_id in task_ids:
            task = await finished(http, task_id)
            assert task["status"] == "ready"
            spans = [(item["embedding_option"], item["embedding_scope"], item["start_sec"]) for item in task["data"]]
            assert len(spans) == len(set(spans)) == 6
        assert (await http.get("embed-v2/tasks")).json()["page_info"]["total_results"] == 3


async def test_a_recording_that_ends_its_engine_each_time_is_given_up(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Any, tmp_path: Path
) -> None:
    async with opened() as (_, http):
        asset_id = await _upload(http, sounds(30))
        task_id = (await http.post("embed-v2/tasks", json=asking({"asset_id": asset_id}))).json()["_id"]
    with sqlite3.connect(tmp_path / "home" / "engine.db") as connection:
        connection.execute("UPDATE tasks SET attempts = 3, owner = 'gone'")
    connection.close()
    async with opened() as (_, http):
        task = await finished(http, task_id)
        assert task["error"]["message"].startswith("The embedding task could not complete processing.")


def _change(home: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(home / "engine.db")) as connection, connection:
        connection.execute(statement, values)


async def test_a_task_says_of_which_space_its_vectors_are_though_the_engine_has_another_profile_now(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Callable[..., Any], tmp_path: Path
) -> None:
    async with opened() as (_, http):
        asset = await _upload(http, sounds(3))
        task = (await http.post("embed-v2/tasks", json=asking({"asset_id": asset}))).json()
        await finished(http, task["_id"])
        now = await http.get(f"embed-v2/tasks/{task['_id']}")
        assert now.headers["x-soundbite-space"] == "soundbite-base-3"
        assert now.headers["x-soundbite-blocks"] == "sound=128,speech=384"
    _change(tmp_path / "home", "UPDATE tasks SET space = 'soundbite-other-1'")
    async with opened() as (_, http):
        later = await http.get(f"embed-v2/tasks/{task['_id']}")
        assert later.headers["x-soundbite-space"] == "soundbite-other-1"
        assert "x-soundbite-blocks" not in later.headers
        assert later.json()["data"] == now.json()["data"]


async def test_a_task_that_another_profile_goes_on_with_is_of_the_space_that_embeds_it(
    opened: Opened, sounds: Sounds, asking: Asking, finished: Callable[..., Any], tmp_path: Path
) -> None:
    async with opened() as (_, http):
        asset = await _upload(http, sounds(3))
        task = (await http.post("embed-v2/tasks", json=asking({"asset_id": asset}))).json()
        await finished(http, task["_id"])
    _change(tmp_path / "home", "DELETE FROM task_results")
    _change(tmp_path / "home", "UPDATE tasks SET space = 'soundbite-other-1', status = 'processing', owner = NULL")
    async with opened() as (_, http):
        await finished(http, task["_id"])
        answer = await http.get(f"embed-v2/tasks/{task['_id']}")
        assert answer.headers["x-soundbite-space"] == "soundbite-base-3"
