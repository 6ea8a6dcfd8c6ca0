"""Two machines, two homes, one store: through the server, as agents see it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lancedb_service import KEY, LanceDBService
from mcp import Client
from pydantic import SecretStr
from s3_service import S3Service

from soundbite_server import Settings, build_server

SAMPLE = Path(__file__).parents[2] / "samples" / "field-log.flac"
Machine = Callable[[str], Client]


@pytest.fixture(params=["bucket", "database"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """Makes a client of a server on the named machine; its home is kept from one client to the next."""
    place: dict[str, Any]
    if request.param == "bucket":
        service: S3Service = request.getfixturevalue("s3")
        place = {"store": request.getfixturevalue("bucket"), "store_endpoint": service.address}
    else:
        database: LanceDBService = request.getfixturevalue("lancedb_service")
        place = {"store": "db://recordings", "lancedb_api_key": SecretStr(KEY), "lancedb_host": database.address}

    def client(name: str) -> Client:
        root = tmp_path / name / "recordings"
        root.mkdir(parents=True, exist_ok=True)
        return Client(build_server(Settings(home=tmp_path / name / "home", roots=(root,), workers=1, **place)))

    return client


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def embedded(client: Client, source: Path, **arguments: Any) -> dict[str, Any]:
    task = await call(client, "embed_audio", source=str(source), end_sec=6, wait_seconds=0, **arguments)
    while task["status"] == "processing":
        task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=20)
    assert task["status"] == "ready", task
    return task


async def test_what_one_machine_embeds_another_finds_names_reads_and_removes(machine: Machine, tmp_path: Path) -> None:
    recording = tmp_path / "one" / "recordings" / "field-log.flac"
    async with machine("one") as one:
        shutil.copyfile(SAMPLE, recording)
        first = await embedded(one, recording, title="Field log", tags=["field"])
        asset_id = first["asset_id"]
        [found, *_] = (await call(one, "search_clips", query="speech"))["clips"]

    async with machine("two") as two:
        [listed] = (await call(two, "list_audio"))["assets"]
        assert (listed["asset_id"], listed["title"], listed["tags"]) == (asset_id, "Field log", ["field"])
        assert listed["status"] == "ready"
        clips = (await call(two, "search_clips", query="speech"))["clips"]
        assert clips[0]["clip_id"] == found["clip_id"]
        assert clips[0]["title"] == "Field log"
        assert (await call(two, "read_transcript", asset_id=asset_id))["lines"]
        clip = await call(two, "get_clip", clip_id=found["clip_id"])
        assert clip["time_range"] == found["time_range"]
        # The file is on the other machine, and a file outside this one's folders is never opened for its path.
        assert not clip.get("path")
        assert "changed or is gone" in clip["notes"][0]

        copy = tmp_path / "two" / "recordings" / "my copy.flac"
        shutil.copyfile(SAMPLE, copy)
        again = await embedded(two, copy, title="Field log")
        assert (again["asset_id"], again["task_id"]) == (asset_id, first["task_id"]), "nothing is embedded twice"
        assert (await call(two, "get_clip", clip_id=found["clip_id"])).get("path")

    async with machine("one") as one:
        assert (await call(one, "get_clip", clip_id=found["clip_id"])).get("path"), "its own file is still its own"
        await embedded(one, recording, title="Renamed")

        await call(one, "name_speaker", asset_id=asset_id, speaker="1", name="Ann")

    async with machine("two") as two:
        assert [each["title"] for each in (await call(two, "list_audio"))["assets"]] == ["Renamed"]
        assert [each["name"] for each in (await call(two, "list_speakers"))["speakers"]] == ["Ann"]
        assert (await call(two, "remove_audio", asset_id=asset_id))["is_removed"]

    async with machine("one") as one:
        assert (await call(one, "list_audio"))["assets"] == []
        assert (await one.call_tool("search_clips", {"query": "speech"})).is_error
        # Removed is not forbidden.
        assert (await embedded(one, recording))["asset_id"] == asset_id
    async with machine("two") as two:
        assert [each["asset_id"] for each in (await call(two, "list_audio"))["assets"]] == [asset_id]
