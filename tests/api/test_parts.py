"""Uploads in parts against a scripted object store: parts are retried, sessions go on, the key stays home."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from soundbite_api import (
    MalformedResponse,
    NotFound,
    PlatformClient,
    PlatformError,
    PlatformUnreachable,
    RequestRefused,
    RetryPolicy,
    UploadTicket,
)
from soundbite_api.transport import Transport as PlatformTransport

CHUNK = 1000
CONTENT = bytes(range(256)) * 17  # 4352 bytes: five parts, the last one short


class ObjectStore:
    """Plays the platform's upload sessions; `faults` are answers given once for a part instead of taking it."""

    def __init__(self, faults: dict[int, list[httpx.Response | Exception]] | None = None) -> None:
        self.faults = faults or {}
        self.parts: dict[int, bytes] = {}
        self.reported: dict[int, str] = {}
        self.puts: Counter[int] = Counter()
        self.sessions = 0
        self.keys_at_store: list[str | None] = []
        self.has_etags = True
        self.status = "active"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1.3/")
        if request.method == "PUT":
            return self._put(int(path.rpartition("/")[2]), request)
        if path == "assets/multipart-uploads":
            self.sessions += 1
            first = [self._url(1), self._url(2)]
            ticket = {"upload_id": "u1", "asset_id": "a1", "chunk_size": CHUNK, "total_chunks": 5}
            return httpx.Response(201, json={**ticket, "upload_urls": first, "upload_headers": {"x-store": "1"}})
        if path.endswith("presigned-urls"):
            asked = json.loads(request.content)
            urls = [self._url(index) for index in range(asked["start"], asked["start"] + asked["count"])]
            return httpx.Response(200, json={"upload_urls": urls})
        if path == "assets/multipart-uploads/u1":
            return self._report(request) if request.method == "POST" else self._status()
        return httpx.Response(200, json={"_id": "a1", "status": "processing"})

    def _url(self, index: int) -> dict[str, Any]:
        return {"chunk_index": index, "url": f"http://store.example/parts/{index}"}

    def _put(self, index: int, request: httpx.Request) -> httpx.Response:
        self.keys_at_store.append(request.headers.get("x-api-key"))
        self.puts[index] += 1
        if waiting := self.faults.get(index):
            fault = waiting.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        self.parts[index] = request.content
        etag = hashlib.md5(request.content).hexdigest()
        return httpx.Response(200, headers={"etag": f'"{etag}"'} if self.has_etags else {})

    def _report(self, request: httpx.Request) -> httpx.Response:
        for chunk in json.loads(request.content)["completed_chunks"]:
            assert chunk["proof"] == hashlib.md5(self.parts[chunk["chunk_index"]]).hexdigest()
            assert chunk["chunk_size"] == len(self.parts[chunk["chunk_index"]])
            self.reported[chunk["chunk_index"]] = chunk["proof"]
        return httpx.Response(200, json={"asset_id": "a1", "total_completed": len(self.reported)})

    def _status(self) -> httpx.Response:
        chunks = [
            {"index": index, "status": "completed" if index in self.reported else "pending"} for index in range(1, 6)
        ]
        return httpx.Response(200, json={"status": self.status, "uploaded_chunks": chunks})

    def client(self) -> PlatformClient:
        async def at_once(seconds: float) -> None:
            del seconds

        http = httpx.AsyncClient(transport=_Reading(self), base_url="http://platform/v1.3")
        return PlatformClient(
            http, api_key=SecretStr("tlk_SECRET"), retries=RetryPolicy(sleep=at_once), largest_direct_bytes=CHUNK
        )


class _Reading(httpx.AsyncBaseTransport):
    """Reads the streamed body, then asks the store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._store(request)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "long.wav"
    path.write_bytes(CONTENT)
    return path


async def test_a_large_file_arrives_in_parts_and_each_is_proved(sound: Path) -> None:
    store = ObjectStore()
    assert (await store.client().upload_file(sound)).id == "a1"
    assert b"".join(store.parts[index] for index in sorted(store.parts)) == CONTENT
    assert set(store.reported) == {1, 2, 3, 4, 5}


async def test_the_object_store_never_sees_the_key(sound: Path) -> None:
    store = ObjectStore()
    await store.client().upload_file(sound)
    assert set(store.keys_at_store) == {None}


async def test_only_the_part_that_failed_is_sent_again(sound: Path) -> None:
    store = ObjectStore({2: [httpx.ReadError("reset"), httpx.Response(503)], 4: [httpx.Response(403)]})
    await store.client().upload_file(sound)
    assert dict(store.puts) == {1: 1, 2: 3, 3: 1, 4: 2, 5: 1}
    assert b"".join(store.parts[index] for index in sorted(store.parts)) == CONTENT
    assert store.sessions == 1


async def test_an_upload_goes_on_where_an_earlier_process_stopped(sound: Path) -> None:
    store = ObjectStore({4: [httpx.ReadError("reset")] * 6})
    kept: list[UploadTicket] = []

    async def keep(ticket: UploadTicket) -> None:
        kept.append(ticket)

    with pytest.raises(PlatformUnreachable):
        await store.client().upload_file(sound, keep_ticket=keep)
    store.reported = {index: "sent" for index in store.parts if index < 3}
    before = Counter(store.puts)
    await store.client().upload_file(sound, ticket=UploadTicket.model_validate_json(kept[0].model_dump_json()))
    assert store.sessions == 1
    assert {index for index in store.puts if store.puts[index] > before[index]} == {3, 4, 5}


async def test_an_upload_session_that_has_ended_is_begun_anew(sound: Path) -> None:
    store = ObjectStore()
    store.status = "expired"
    old = UploadTicket(upload_id="u1", asset_id="a0", chunk_size=CHUNK, total_chunks=5)
    assert (await store.client().upload_file(sound, ticket=old)).id == "a1"
    assert store.sessions == 1


async def test_a_part_taken_without_a_proof_ends_the_upload(sound: Path) -> None:
    store = ObjectStore()
    store.has_etags = False
    with pytest.raises(MalformedResponse, match="without an ETag"):
        await store.client().upload_file(sound)


@pytest.mark.parametrize("url", ["http://store.example:port/1", "http://[::1/1", "http://\x00/1", ""])
async def test_an_address_that_is_none_ends_the_upload_in_one_of_our_errors(
    sound: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    store = ObjectStore()
    monkeypatch.setattr(store, "_url", lambda index: {"chunk_index": index, "url": url})
    with pytest.raises(PlatformError):
        await store.client().upload_file(sound)
    assert not store.parts


async def test_a_header_that_can_not_be_sent_ends_the_upload_in_one_of_our_errors(sound: Path) -> None:
    transport = PlatformTransport(
        httpx.AsyncClient(transport=_Reading(ObjectStore())), api_key=None, retries=RetryPolicy(), include=()
    )
    with pytest.raises(MalformedResponse, match="upload address"):
        await transport.put_bytes("http://store.example/parts/1", lambda: b"x", {"x-store": "läuft"})


async def test_a_file_that_becomes_shorter_while_it_is_sent_is_told_and_not_sent_short(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore()
    take = store._put

    def cut_it_short(index: int, request: httpx.Request) -> httpx.Response:
        sound.write_bytes(CONTENT[:2500])
        return take(index, request)

    monkeypatch.setattr(store, "_put", cut_it_short)
    with pytest.raises(RequestRefused, match="changed while it was sent") as refused:
        await store.client().upload_file(sound)
    assert "nothing writes to it" in refused.value.hint
    assert all(len(part) == CHUNK for part in store.parts.values())


async def test_an_upload_id_can_not_lead_elsewhere(sound: Path) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(404, json={"code": "resource_not_exist", "message": "none"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://platform/v1.3")
    ticket = UploadTicket(upload_id="../../keys?x=", asset_id="a1", chunk_size=CHUNK, total_chunks=5)
    with pytest.raises(NotFound):
        await PlatformClient(http, largest_direct_bytes=CHUNK).upload_file(sound, ticket=ticket)
    assert asked[0].startswith("/v1.3/assets/multipart-uploads/..%2F..%2Fkeys%3Fx%3D?")
