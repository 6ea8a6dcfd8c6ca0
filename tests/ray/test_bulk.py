"""Collections embedded and indexed on a Ray cluster of this machine, into a bucket on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from clip_writer import SPACE, clip
from mcp import Client
from s3_service import S3Service

from soundbite_server import Settings, build_server
from soundbite_store import ClipStore, StoreAccess

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = ("field-log.flac", "memos.mp3", "renovation.opus", "standup.flac")
LONGEST_S = 400
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, Signature=0"}


def bulk(store: str, home: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "soundbite_server", "bulk", *arguments],
        env={**os.environ, "SOUNDBITE_STORE": store, "SOUNDBITE_HOME": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def library(store: str, service: S3Service, home: Path) -> Client:
    return Client(build_server(Settings(home=home, store=store, store_endpoint=service.address, workers=1)))


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def test_a_folder_is_embedded_by_several_workers_and_found_by_any_machine(
    s3: S3Service, bucket: str, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in NAMES:
        shutil.copyfile(SAMPLES / name, folder / name)
    arguments = (str(folder), "--workers", "2", "--tag", "work")
    said = await anyio.to_thread.run_sync(bulk, bucket, tmp_path / "driver", *arguments)
    assert "4 added, 0 there already, 0 failed." in said
    async with library(bucket, s3, tmp_path / "reader") as client:
        listed = (await call(client, "list_audio", tags=["work"]))["assets"]
        assert {each["title"] for each in listed} == {Path(name).stem for name in NAMES}
        assert {each["status"] for each in listed} == {"ready"}
        assert (await call(client, "search_clips", query="who is waiting for the invoice"))["clips"]
    said = await anyio.to_thread.run_sync(bulk, bucket, tmp_path / "driver", *arguments)
    assert "0 added, 4 there already, 0 failed." in said


async def test_a_bucket_is_embedded_and_the_whole_store_indexed_by_the_workers(
    s3: S3Service, bucket: str, tmp_path: Path
) -> None:
    clips = [clip(index, f"a_{index % 100}") for index in range(6_001)]
    async with await ClipStore.open(bucket, access=StoreAccess(endpoint=s3.address)) as store:
        for first in range(0, 6_000, 3_000):
            await store.upsert(SPACE, clips[first : first + 3_000])
    name = bucket.split("/")[2]
    for key in ("incoming/one/memos.mp3", "incoming/notes.txt"):
        body = (SAMPLES / "memos.mp3").read_bytes()
        httpx.put(f"{s3.address}/{name}/{key}", content=body, headers=SIGNED, timeout=60).raise_for_status()
    source = f"s3://{name}/incoming"
    said = await anyio.to_thread.run_sync(bulk, bucket, tmp_path / "driver", source, "--workers", "2")
    assert "1 added, 0 there already, 0 failed." in said
    assert "Indexed the clips of test-space-1 with 2 workers." in said
    async with library(bucket, s3, tmp_path / "reader") as client:
        [listed] = (await call(client, "list_audio"))["assets"]
        assert (listed["title"], listed["source"]) == ("memos", f"{source}/one/memos.mp3")
    async with await ClipStore.open(bucket, access=StoreAccess(endpoint=s3.address)) as store:
        [info] = [each for each in await store.spaces() if each.space == SPACE]
        assert info.embeddings == 6_000
        assert info.index is not None
        assert info.index.recall >= 0.9
        for wanted in (clips[3], clips[2_500], clips[5_999]):
            assert (await store.vector_search(SPACE, wanted.vector, limit=1))[0].clip.clip_id == wanted.clip_id
            assert (await store.text_search(SPACE, wanted.transcript))[0].clip.clip_id == wanted.clip_id
        # What is written later is found as well, and the indexes that Lance-Ray built take it in.
        await store.upsert(SPACE, [clips[6_000]])
        await store.optimise(SPACE)
        assert (await store.text_search(SPACE, "word6000"))[0].clip.clip_id == clips[6_000].clip_id
        assert (await store.vector_search(SPACE, clips[6_000].vector, limit=1))[0].clip.clip_id == clips[6_000].clip_id


def test_a_store_on_one_machine_is_refused_with_what_to_set(tmp_path: Path) -> None:
    pytest.importorskip("lance_ray")
    ran = subprocess.run(
        [sys.executable, "-m", "soundbite_server", "bulk", str(SAMPLES)],
        env={**os.environ, "SOUNDBITE_HOME": str(tmp_path), "SOUNDBITE_STORE": ""},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ran.returncode == 2
    assert "SOUNDBITE_STORE" in ran.stderr
