"""Several callers of one HTTP server: what is one's own stays so, and links do what they were made for, once."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import jwt
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from soundbite_server.http.app import build_http_app
from soundbite_server.http.callers import LinkRefused
from soundbite_server.http.services import SignedLinks
from soundbite_server.http.settings import HttpSettings
from soundbite_server.settings import SettingsError

ANN, BOB = "a-long-and-secret-token-1", "another-secret-token-22"
TOKENS = {"SOUNDBITE_HTTP_TOKENS": f"ann={ANN}, bob={BOB}"}


def tone(path: Path) -> bytes:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join((3000 * (-1) ** (n // 9)).to_bytes(2, "little", signed=True) for n in range(16000)))
    return path.read_bytes()


class Served:
    """A server on loopback, as callers with tokens meet it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def caller(self, token: str, mode: str = "2026-07-28") -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=60) as http,
            Client(streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode) as client,
        ):
            yield client

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url)


@asynccontextmanager
async def serving(home: Path, roots: tuple[Path, ...] = (), **env: str) -> AsyncIterator[Served]:
    settings = HttpSettings.from_environment(
        {**TOKENS, **env}, home=home, roots=roots, workers=1, http_address="127.0.0.1:0"
    )
    app = build_http_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, timeout_keep_alive=75, timeout_graceful_shutdown=1)
    )
    async with asyncio.timeout(120), anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield Served(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        finally:
            server.should_exit = True


def said(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def total(client: Client) -> int:
    return int(((await client.call_tool("list_audio", {})).structured_content or {})["total_assets"])


async def embedded(client: Client, source: str) -> dict[str, Any]:
    result = await client.call_tool("embed_audio", {"source": source, "embedding_option": ["audio"]})
    while (task := result.structured_content or {}).get("status") == "processing":
        result = await client.call_tool("get_task", {"task_id": task["task_id"], "wait_seconds": 20})
    assert not result.is_error, said(result)
    return result.structured_content or {}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    tone(folder / "tone.wav")
    return folder


async def test_another_callers_recordings_and_tasks_are_not_found(tmp_path: Path, root: Path) -> None:
    async with serving(tmp_path / "home", (root,)) as served:
        async with served.caller(ANN) as ann:
            task = await embedded(ann, str(root / "tone.wav"))
            listed = await ann.call_tool("search_clips", {"like": task["asset_id"], "modality": "sound"})
            clips = await ann.call_tool("search_clips", {"query": "loud", "modality": "any"})
            assert not listed.is_error
            clip_id = (clips.structured_content or {})["clips"][0]["clip_id"]
        async with served.caller(BOB) as bob:
            stolen: list[tuple[str, dict[str, Any]]] = [
                ("get_task", {"task_id": task["task_id"]}),
                ("get_clip", {"asset_id": task["asset_id"], "end_sec": 1}),
                ("get_clip", {"clip_id": clip_id}),
                ("read_transcript", {"asset_id": task["asset_id"]}),
                ("search_clips", {"like": clip_id}),
                ("search_clips", {"query": "tone", "asset_ids": [task["asset_id"]]}),
                ("embed_audio", {"asset_id": task["asset_id"]}),
                ("embed_audio", {"asset_id": "0123456789abcdef01234567"}),
                ("get_task", {"task_id": "0123456789abcdef01234567"}),
            ]
            for name, arguments in stolen:
                refused = await bob.call_tool(name, arguments)
                assert refused.is_error, (name, arguments)
                assert "tone" not in said(refused).replace("tone.wav", "")
            gone = await bob.call_tool("remove_audio", {"asset_id": task["asset_id"]})
            assert not (gone.structured_content or {}).get("is_removed")
            assert await total(bob) == 0
            for uri in (f"soundbite://assets/{task['asset_id']}", f"soundbite://clips/{clip_id}"):
                with pytest.raises(Exception, match=r"no such|There is no"):
                    await bob.read_resource(uri)
        async with served.caller(ANN) as ann:
            assert await total(ann) == 1


async def test_one_library_is_shared_where_the_settings_say_so(tmp_path: Path, root: Path) -> None:
    async with serving(tmp_path / "home", (root,), SOUNDBITE_HTTP_LIBRARY="shared") as served:
        async with served.caller(ANN) as ann:
            task = await embedded(ann, str(root / "tone.wav"))
        async with served.caller(BOB, mode="legacy") as bob:
            found = await bob.call_tool("get_task", {"task_id": task["task_id"]})
            assert (found.structured_content or {})["status"] == "ready"
    with pytest.raises(SettingsError, match="SOUNDBITE_HTTP_LIBRARY"):
        HttpSettings.from_environment({"SOUNDBITE_HTTP_LIBRARY": "mine"})


async def test_tasks_of_callers_go_on_at_the_next_start(tmp_path: Path, root: Path) -> None:
    async with serving(tmp_path / "home", (root,)) as served, served.caller(ANN) as ann:
        begun = await ann.call_tool("embed_audio", {"source": str(root / "tone.wav"), "wait_seconds": 0})
        task_id = (begun.structured_content or {})["task_id"]
    async with serving(tmp_path / "home", (root,)) as served, served.caller(ANN) as ann:
        status = "processing"
        while status == "processing":
            result = await ann.call_tool("get_task", {"task_id": task_id, "wait_seconds": 20})
            status = (result.structured_content or {})["status"]
        assert status == "ready"


async def offered_link(client: Client, name: str) -> tuple[str, str]:
    refused = said(await client.call_tool("embed_audio", {"source": name}))
    url, source = re.search(r"'(http[^']+)'", refused), re.search(r'source="(upload:[^"]+)"', refused)
    assert url, refused
    assert source, refused
    return url[1], source[1]


async def test_a_file_on_the_callers_machine_is_sent_once_and_embedded(tmp_path: Path) -> None:
    sound = tone(tmp_path / "tone.wav")
    async with serving(tmp_path / "home") as served, served.browser() as http:
        async with served.caller(ANN) as ann:
            url, source = await offered_link(ann, "/home/ann/My notes/../dictation.wav")
            answer = await http.post(url, content=sound)
            assert (answer.status_code, answer.json()["source"]) == (201, source)
            assert (await http.put(url, content=sound)).status_code == 409
            task = await embedded(ann, source)
            assert task["title"] == "dictation"
            assert str(tmp_path) not in str(task)
            clip = (await ann.call_tool("get_clip", {"asset_id": task["asset_id"], "end_sec": 1})).structured_content
            assert clip
            assert "path" not in clip
            heard = await http.get(clip["url"])
            assert heard.headers["content-type"] == "audio/mpeg"
            assert len(heard.content) == clip["audio_bytes"]
        async with served.caller(BOB) as bob:
            assert "There is no upload" in said(await bob.call_tool("embed_audio", {"source": source}))


async def test_a_relative_path_is_the_callers_and_not_a_file_that_lies_beside_the_server(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root))
    async with serving(tmp_path / "home", (root,)) as served, served.caller(ANN) as ann:
        for name in ("tone.wav", "./tone.wav", "~/tone.wav"):
            refused = await ann.call_tool("embed_audio", {"source": name})
            assert refused.is_error
            assert "is a relative path" in said(refused)
            assert f"{served.url}/uploads/" in said(refused)
        assert await total(ann) == 0
        await embedded(ann, str(root / "tone.wav"))
        refused = await ann.call_tool("search_clips", {"like": "tone.wav"})
        assert refused.is_error
        assert "is a relative path" in said(refused)


async def test_links_are_refused_that_are_wrong_used_or_anothers(tmp_path: Path) -> None:
    limits = {"SOUNDBITE_HTTP_UPLOAD_MB": "1"}
    async with serving(tmp_path / "home", **limits) as served, served.caller(ANN) as ann, served.browser() as http:
        url, _ = await offered_link(ann, "dictation.wav")
        link = url.rpartition("/")[2]
        payload, _, signature = link.partition(".")
        assert (await http.post(url, content=b"")).status_code == 400  # and the link stays good
        assert (await http.post(url, content=b"x" * (2**20 + 1))).status_code == 413
        assert (await http.post(url, files={"file": b"x"})).status_code == 415
        capitals = {"content-type": "MULTIPART/form-data; boundary=x"}
        assert (await http.post(url, content=b"x", headers=capitals)).status_code == 415
        assert (await http.post(url, content=b"x", headers={"authorization": f"Bearer {BOB}"})).status_code == 404
        assert (await http.post(url, content=b"x", headers={"host": "evil.example"})).status_code == 421
        assert (await http.post(url, content=b"x", headers={"origin": "http://evil.example"})).status_code == 403
        assert (await http.get(url)).status_code == 405
        for wrong in (
            "",
            "x",
            ".",
            f"{payload}.",
            f".{signature}",
            f"{payload}x.{signature}",
            f"{payload}.{signature}x",
        ):
            assert (await http.post(f"/uploads/{wrong}", content=b"x")).status_code == 404, wrong
        assert (await http.get(f"/clips/{link}")).status_code == 404
        assert (await http.post(url, content=b"x", headers={"authorization": f"Bearer {ANN}"})).status_code == 201
    assert not (tmp_path / "home" / "uploads").exists()


def test_a_link_ends_and_is_good_for_its_kind_only() -> None:
    links = SignedLinks()
    link = links.made("upload", 60, {"name": "a"})
    assert links.read("upload", link) == {"name": "a"}
    for reader, kind in ((links, "clip"), (SignedLinks(), "upload")):
        with pytest.raises(LinkRefused, match="no such link"):
            reader.read(kind, link)  # type: ignore[arg-type]
    with pytest.raises(LinkRefused, match="no longer valid"):
        links.read("upload", links.made("upload", -1, {"name": "a"}))


def test_a_link_whose_words_say_that_nothing_signs_it_is_refused() -> None:
    unsigned = jwt.encode({"aud": "upload", "exp": 2**40, "facts": {}}, None, "none")
    endless = jwt.encode({"aud": "upload", "facts": {}}, "k" * 32, "HS256")
    for link in (unsigned, endless):
        with pytest.raises(LinkRefused, match="no such link"):
            SignedLinks().read("upload", link)


async def test_audio_is_counted_for_each_caller_when_its_task_is_made(tmp_path: Path, root: Path) -> None:
    with wave.open(str(root / "minutes.wav"), "wb") as sound:
        sound.setparams((1, 1, 4000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * (4000 * 61 // 256 + 1))
    async with serving(tmp_path / "home", (root,), SOUNDBITE_HTTP_AUDIO_MINUTES_PER_HOUR="1") as served:
        async with served.caller(ANN) as ann:
            long = {"source": str(root / "minutes.wav"), "wait_seconds": 0}
            assert not (await ann.call_tool("embed_audio", long)).is_error
            again = await ann.call_tool("embed_audio", long)
            assert not again.is_error, said(again)
            refused = await ann.call_tool("embed_audio", {"source": str(root / "tone.wav"), "wait_seconds": 0})
            assert "1 minutes of audio that may be embedded" in said(refused)
            assert await total(ann) == 1
        async with served.caller(BOB) as bob:
            await embedded(bob, str(root / "tone.wav"))
