"""The endpoint and its links: sessions by caller, calls of all kinds counted, odd requests answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from soundbite_server.http.app import build_http_app
from soundbite_server.http.services import UploadRefused, UploadSpace
from soundbite_server.http.settings import HttpSettings
from soundbite_tools import received_name

ANN, BOB = "a-long-and-secret-token-1", "another-secret-token-22"
TOKENS = {"SOUNDBITE_HTTP_TOKENS": f"ann={ANN}, bob={BOB}"}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
MIB = 1024 * 1024


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


HELLO = message(
    "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "test", "version": "0"}
)


@asynccontextmanager
async def serving(home: Path, **env: str) -> AsyncIterator[httpx.AsyncClient]:
    app = build_http_app(HttpSettings.from_environment(env, home=home, roots=(), workers=1, http_address="127.0.0.1:1"))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1", headers=HEADERS) as http,
    ):
        yield http


async def test_a_caller_with_many_sessions_ends_its_own_oldest_and_nobody_elses(tmp_path: Path) -> None:
    async with serving(tmp_path, SOUNDBITE_HTTP_SESSIONS="3", **TOKENS) as http:

        async def opened(token: str) -> str:
            answer = await http.post("/mcp", json=HELLO, headers={"authorization": f"Bearer {token}"})
            return str(answer.headers["mcp-session-id"])

        async def is_open(session: str, token: str) -> bool:
            headers = {"authorization": f"Bearer {token}", "mcp-session-id": session}
            return (await http.post("/mcp", json=message("ping"), headers=headers)).status_code == 200

        of_bob = await opened(BOB)
        first, second, third = [await opened(ANN) for _ in range(3)]
        assert await is_open(first, ANN), "what is used is not idle"
        fourth = await opened(ANN)
        assert not await is_open(second, ANN)
        for session in (first, third, fourth):
            assert await is_open(session, ANN)
        assert await is_open(of_bob, BOB)
        assert not await is_open(of_bob, ANN)


async def test_all_kinds_of_calls_count(tmp_path: Path) -> None:
    async with serving(tmp_path, SOUNDBITE_HTTP_CALLS_PER_MINUTE="4", **TOKENS) as http:
        own = {"authorization": f"Bearer {ANN}"}
        own["mcp-session-id"] = (await http.post("/mcp", json=HELLO, headers=own)).headers["mcp-session-id"]
        for method in ("resources/list", "prompts/list", "resources/templates/list"):
            assert "More than 4 calls" not in (await http.post("/mcp", json=message(method), headers=own)).text
        assert "More than 4 calls" in (await http.post("/mcp", json=message("prompts/list"), headers=own)).text
        del own["mcp-session-id"]
        refused = await http.post("/mcp", json=HELLO, headers=own)
        assert refused.status_code == 429
        assert "mcp-session-id" not in refused.headers
        other = await http.post("/mcp", json=HELLO, headers={"authorization": f"Bearer {BOB}"})
        assert other.status_code == 200


async def test_odd_requests_to_the_endpoint_are_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as http:
        without = await http.get("/mcp", headers={"last-event-id": "1"})
        assert without.status_code == 400
        assert "mcp-session-id" not in without.headers
        assert (await http.post("/mcp/", json=HELLO)).status_code == 200
        for host in ("127.0.0.1:1@evil.example", "localhost:1.evil.example", "127.0.0.1:", "localhost:1/x"):
            assert (await http.post("/mcp", json=HELLO, headers={"host": host})).status_code == 421, host
        origin = {"origin": "http://localhost:1@evil.example"}
        assert (await http.post("/mcp", json=HELLO, headers=origin)).status_code == 403


async def test_pages_of_a_named_origin_may_call_and_read(tmp_path: Path) -> None:
    page = "https://app.example.org"
    async with serving(tmp_path, SOUNDBITE_HTTP_ORIGINS=page, **TOKENS) as http:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = await http.options("/mcp", headers={"origin": page, **asked})
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == page
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        answer = await http.post("/mcp", json=HELLO, headers={"origin": page, "authorization": f"Bearer {ANN}"})
        assert answer.status_code == 200
        assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]
        for other, status in (("https://evil.example", 403), ("http://localhost:3000", 401)):
            refused = await http.options("/mcp", headers={"origin": other, **asked})
            assert refused.status_code == status, other
            assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("name", ["ü" * 97 + ".wav", "声" * 300 + ".wav", "🎧" * 100 + ".flac", "a" * 400 + ".mp3"])
def test_the_name_of_an_upload_fits_a_file_system(name: str, tmp_path: Path) -> None:
    cut = received_name(name)
    assert len(cut.encode()) <= 255
    assert cut.endswith(name[-5:])
    (tmp_path / cut).write_bytes(b"x")


def test_uploads_share_the_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 100 * MIB
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    space = UploadSpace(left_free_bytes=10 * MIB, most_by_caller_bytes=80 * MIB)
    with space.reserved(tmp_path, "ann", 0, 60 * MIB) as take:
        with pytest.raises(UploadRefused, match="too little room"), space.reserved(tmp_path, "bob", 0, 40 * MIB):
            pass
        take(50 * MIB)
        free = 50 * MIB
        with space.reserved(tmp_path, "bob", 0, 0) as take_unknown:
            take_unknown(10 * MIB)
            with pytest.raises(UploadRefused):
                take_unknown(60 * MIB)
        free = 1000 * MIB
        with pytest.raises(UploadRefused, match="together"), space.reserved(tmp_path, "ann", 0, 40 * MIB):
            pass
    free = 100 * MIB
    with space.reserved(tmp_path, "bob", 0, 80 * MIB):
        pass
