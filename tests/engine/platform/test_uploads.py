"""Multipart uploads, and the memory that large bodies take."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Sounds = Callable[[float], Path]
CHUNK = 64 * 1024


def _claims(data: bytes, indexes: list[int]) -> dict[str, Any]:
    chunks = {index: data[(index - 1) * CHUNK : index * CHUNK] for index in indexes}
    return {
        "completed_chunks": [
            {
                "chunk_index": index,
                "proof": hashlib.md5(chunk, usedforsecurity=False).hexdigest(),
                "proof_type": "etag",
                "chunk_size": len(chunk),
            }
            for index, chunk in chunks.items()
        ]
    }


async def _put(http: httpx.AsyncClient, url: str, data: bytes, index: int) -> httpx.Response:
    return await http.put(url, content=data[(index - 1) * CHUNK : index * CHUNK])


async def _begin(http: httpx.AsyncClient, data: bytes) -> dict[str, Any]:
    body = {"filename": "long.wav", "type": "audio", "total_size": len(data)}
    answer = await http.post("assets/multipart-uploads", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_chunks_in_any_order_become_a_ready_asset(opened: Callable[..., Any], sounds: Sounds) -> None:
    data = sounds(5).read_bytes()
    async with opened(chunk_bytes=CHUNK, api_key="secret") as (_, http):
        http.headers["x-api-key"] = "secret"
        session = await _begin(http, data)
        assert (session["total_chunks"], session["chunk_size"], session["upload_headers"]) == (3, CHUNK, {})
        waiting = (await http.get(f"assets/{session['asset_id']}")).json()
        assert (waiting["status"], waiting["method"]) == ("processing", "multipart")
        urls = {part["chunk_index"]: part["url"] for part in session["upload_urls"]}
        del http.headers["x-api-key"]  # signed addresses are sent without one
        for index in (3, 1, 2):
            answer = await _put(http, urls[index], data, index)
            assert answer.headers["etag"].strip('"') == _claims(data, [index])["completed_chunks"][0]["proof"]
        http.headers["x-api-key"] = "secret"
        address = f"assets/multipart-uploads/{session['upload_id']}"
        first = (await http.post(address, json=_claims(data, [1, 3]))).json()
        assert (first["processed_chunks"], first["duplicate_chunks"], first["total_completed"]) == (2, 0, 2)
        assert "url" not in first
        last = (await http.post(address, json=_claims(data, [2, 3]))).json()
        assert (last["processed_chunks"], last["duplicate_chunks"], last["total_completed"]) == (1, 1, 3)
        assert last["url"] == f"http://engine/v1.3/assets/{session['asset_id']}"
        asset = (await http.get(f"assets/{session['asset_id']}")).json()
        assert (asset["status"], asset["duration"], asset["size"]) == ("ready", 5.0, len(data))


async def test_an_upload_goes_on_after_the_engine_was_restarted(opened: Callable[..., Any], sounds: Sounds) -> None:
    data = sounds(5).read_bytes()
    async with opened(chunk_bytes=CHUNK) as (_, http):
        session = await _begin(http, data)
        urls = {part["chunk_index"]: part["url"] for part in session["upload_urls"]}
        await _put(http, urls[1], data, 1)
        await http.post(f"assets/multipart-uploads/{session['upload_id']}", json=_claims(data, [1]))
    async with opened(chunk_bytes=CHUNK) as (_, http):
        address = f"assets/multipart-uploads/{session['upload_id']}"
        listed = (await http.get("assets/multipart-uploads")).json()
        assert [upload["upload_id"] for upload in listed["data"]] == [session["upload_id"]]
        status = (await http.get(address)).json()
        assert [chunk["status"] for chunk in status["uploaded_chunks"]] == ["completed", "pending", "pending"]
        assert (status["chunks_completed"], status["chunks_pending"], status["uploaded_size"]) == (1, 2, CHUNK)
        more = (await http.post(f"{address}/presigned-urls", json={"start": 2, "count": 50})).json()
        assert [part["chunk_index"] for part in more["upload_urls"]] == [2, 3]
        for part in more["upload_urls"]:
            assert (await _put(http, part["url"], data, part["chunk_index"])).status_code == 200
        assert "url" in (await http.post(address, json=_claims(data, [2, 3]))).json()
        assert (await http.get(address)).json()["status"] == "completed"
        assert (await http.get("assets/multipart-uploads")).json()["data"] == []
        assert (await http.get(f"assets/{session['asset_id']}")).json()["status"] == "ready"


async def test_an_upload_begun_by_an_engine_that_was_killed_at_once_can_go_on(
    opened: Callable[..., Any], sounds: Sounds, tmp_path: Path
) -> None:
    data = sounds(5).read_bytes()
    async with opened(chunk_bytes=CHUNK) as (_, http):
        session = await _begin(http, data)
        for path in (tmp_path / "home").glob("incoming/*"):
            path.unlink()  # killed between the row and the file
        for part in session["upload_urls"]:
            assert (await _put(http, part["url"], data, part["chunk_index"])).status_code == 200
        address = f"assets/multipart-uploads/{session['upload_id']}"
        claims = _claims(data, [part["chunk_index"] for part in session["upload_urls"]])
        assert "url" in (await http.post(address, json=claims)).json()
        assert (await http.get(f"assets/{session['asset_id']}")).json()["status"] == "ready"


async def test_an_address_that_was_not_signed_takes_nothing(opened: Callable[..., Any], sounds: Sounds) -> None:
    data = sounds(5).read_bytes()
    async with opened(chunk_bytes=CHUNK) as (_, http):
        session = await _begin(http, data)
        url = session["upload_urls"][0]["url"]
        other = url.replace("/parts/1?", "/parts/2?")
        expired = url.replace("expires=", "expires=1&was=")
        bare = url.partition("?")[0]
        senseless = [f"{bare}?expires={at}&signature=%C3%A9%ED%A0%80" for at in ("99999999999", "9" * 5000, "%D9%A1")]
        for forged in (other, expired, url[:-1] + ("0" if url[-1] != "0" else "1"), bare, *senseless):
            assert (await _put(http, forged, data, 1)).status_code == 403, forged


async def test_chunks_that_are_not_what_they_should_be_are_refused(opened: Callable[..., Any], sounds: Sounds) -> None:
    data = sounds(5).read_bytes()
    async with opened(chunk_bytes=CHUNK) as (_, http):
        session = await _begin(http, data)
        address = f"assets/multipart-uploads/{session['upload_id']}"
        url = session["upload_urls"][0]["url"]
        assert (await http.put(url, content=data[: CHUNK - 1])).status_code == 400
        assert (await http.put(url, content=data[: CHUNK + 1])).status_code == 400
        assert (await http.post(address, json=_claims(data, [1]))).status_code == 400
        await _put(http, url, data, 1)
        wrong = _claims(data, [1])
        wrong["completed_chunks"][0]["proof"] = "0" * 32
        assert (await http.post(address, json=wrong)).status_code == 400
        assert (await http.post(address, json=_claims(data + bytes(CHUNK), [4]))).status_code == 400
        assert (await http.post(f"{address}/presigned-urls", json={"start": 4, "count": 1})).status_code == 400
        assert (await http.get("assets/multipart-uploads/none")).status_code == 404


async def test_an_unfinished_upload_is_not_embedded(
    opened: Callable[..., Any], sounds: Sounds, asking: Callable[..., dict[str, Any]]
) -> None:
    async with opened(chunk_bytes=CHUNK) as (_, http):
        session = await _begin(http, sounds(5).read_bytes())
        answer = await http.post("embed-v2", json=asking({"asset_id": session["asset_id"]}))
        assert answer.status_code == 400
        assert "not finished" in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"filename": "a.wav", "type": "audio", "total_size": 0},
        {"filename": "a.wav", "type": "audio", "total_size": 10**400},
        {"filename": "a.wav", "type": "smell", "total_size": 5},
        {"filename": "", "type": "audio", "total_size": 5},
        {"filename": "a.wav", "type": "audio"},
    ],
)
def test_a_session_needs_a_name_a_type_and_a_size(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("assets/multipart-uploads", json=body).status_code == 400


def test_a_file_of_more_than_10_gb_is_too_large(client: httpx.Client) -> None:
    body = {"filename": "a.wav", "type": "audio", "total_size": 10 * 2**30 + 1}
    assert client.post("assets/multipart-uploads", json=body).status_code == 413


_SERVE = """
import asyncio, sys, uvicorn
from pathlib import Path
from soundbite_engine import Engine, EngineConfig
async def main():
    async with Engine(EngineConfig(Path(sys.argv[1]), grace_s=60.0)) as engine:
        config = uvicorn.Config(
            engine.app, port=0, lifespan="off", timeout_keep_alive=75, log_level="warning", ws="none"
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await task
asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_a_direct_upload_streams_to_disk_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((2, 2, 48000, 0, "NONE", ""))
        for _ in range(64):
            sound.writeframes(bytes(2**20))
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1.3", timeout=60) as http:
            assert http.get("assets").status_code == 200
            idle = _peak_mb(process.pid)
            with path.open("rb") as file:
                asset = http.post("assets", data={"method": "direct"}, files={"file": ("large.wav", file)}).json()
            assert asset["size"] == path.stat().st_size
            assert _peak_mb(process.pid) - idle < 40
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
