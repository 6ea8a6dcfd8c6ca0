"""Streamable HTTP: who is let in, from where, and how often."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from handshake import HEADERS, HELLO
from mcp import Client

from soundbite_server.http.app import build_http_app
from soundbite_server.http.callers import LimitReached, Limits
from soundbite_server.http.settings import HttpSettings
from soundbite_server.settings import SettingsError

TOKEN = "a-long-and-secret-token-1"
OTHER = "another-secret-token-22"
RESOURCE = "https://ears.example.org/mcp"


@asynccontextmanager
async def serving(
    home: Path, env: Mapping[str, str], address: str = "127.0.0.1:8765"
) -> AsyncIterator[httpx.AsyncClient]:
    app = build_http_app(HttpSettings.from_environment(env, home=home, roots=(), workers=1, http_address=address))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=HEADERS) as http,
    ):
        yield http


async def status(http: httpx.AsyncClient, **headers: str) -> int:
    return (await http.post("/mcp", json=HELLO, headers=headers)).status_code


async def test_only_known_tokens_are_let_in_and_the_refusal_says_nothing_of_them(tmp_path: Path) -> None:
    env = {"SOUNDBITE_HTTP_TOKENS": f"ann={TOKEN}, bob={OTHER}"}
    async with serving(tmp_path, env) as http:
        for right in (f"Bearer {TOKEN}", f"bearer {OTHER}"):
            assert await status(http, authorization=right) == 200
        for wrong in (
            "",
            "Bearer ",
            "Bearer wrong",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            f"Bearer ann={TOKEN}",
            TOKEN,
        ):
            refused = await http.post("/mcp", json=HELLO, headers={"authorization": wrong})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer ")
            assert TOKEN not in refused.text
            assert OTHER not in refused.text


HOSTS_AND_ORIGINS = [
    ("127.0.0.1:8765", "", 200),
    ("localhost:1234", "", 200),
    ("[::1]:8765", "", 200),
    ("localhost", "http://localhost:3000", 200),
    ("ears.example.org", "https://app.example.org", 200),
    ("ears.example.org:443", "", 200),
    ("evil.example", "", 421),
    ("127.0.0.1.evil.example", "", 421),
    ("localhost.evil.example:8765", "", 421),
    ("ears.example.org.evil.example", "", 421),
    ("ears.example.org@evil.example", "", 421),
    ("169.254.169.254", "", 421),
    ("0.0.0.0:8765", "", 421),
    ("127.0.0.1:8765", "http://evil.example", 403),
    ("127.0.0.1:8765", "null", 403),
    ("127.0.0.1:8765", "https://localhost.evil.example", 403),
    ("127.0.0.1:8765", "http://127.0.0.1.evil.example:80", 403),
    ("127.0.0.1:8765", "file://", 403),
]


async def test_host_and_origin_are_checked(tmp_path: Path) -> None:
    env = {"SOUNDBITE_HTTP_HOSTS": "ears.example.org", "SOUNDBITE_HTTP_ORIGINS": "https://app.example.org"}
    async with serving(tmp_path, env) as http:
        for host, origin, expected in HOSTS_AND_ORIGINS:
            got = await status(http, host=host, **({"origin": origin} if origin else {}))
            assert got == expected, (host, origin)


async def test_bodies_are_bounded_and_bad_ones_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, {}) as http:
        assert (await http.post("/mcp", content=b"x" * (5 * 1024 * 1024))).status_code == 413
        assert (await http.post("/mcp", content=b"{not json")).status_code == 400
        assert (await http.post("/mcp", content=b"[" * 50_000)).status_code == 400
        assert (await http.post("/elsewhere", json=HELLO)).status_code == 404


async def test_health_says_when_the_library_is_open(tmp_path: Path) -> None:
    async with serving(tmp_path, {"SOUNDBITE_HTTP_TOKENS": TOKEN}) as http, asyncio.timeout(60):
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        while (answer := await http.get("/readyz")).status_code == 503:
            await asyncio.sleep(0.05)
        assert answer.json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("address", "env", "named"),
    [
        ("0.0.0.0:8765", {}, "SOUNDBITE_HTTP_TOKENS"),
        ("[::]:8765", {}, "SOUNDBITE_HTTP_TOKENS"),
        ("192.168.1.7:8765", {}, "SOUNDBITE_HTTP_TOKENS"),
        ("0.0.0.0:8765", {"SOUNDBITE_HTTP_TOKENS": TOKEN}, "SOUNDBITE_HTTP_HOSTS"),
        ("0.0.0.0:8765", {"SOUNDBITE_HTTP_HOSTS": "a.example"}, "SOUNDBITE_HTTP_TOKENS"),
        ("127.0.0.1", {}, "--http"),
        ("127.0.0.1:port", {}, "--http"),
        ("127.0.0.1:70000", {}, "--http"),
        ("127.0.0.1:1", {"SOUNDBITE_HTTP_TOKENS": "short"}, "SOUNDBITE_HTTP_TOKENS"),
        ("127.0.0.1:1", {"SOUNDBITE_HTTP_TOKENS": f"a={TOKEN} b={TOKEN}"}, "SOUNDBITE_HTTP_TOKENS"),
        ("127.0.0.1:1", {"SOUNDBITE_HTTP_TOKENS_FILE": "/no/such/file"}, "SOUNDBITE_HTTP_TOKENS_FILE"),
        ("127.0.0.1:1", {"SOUNDBITE_HTTP_CALLS_PER_MINUTE": "-1"}, "SOUNDBITE_HTTP_CALLS_PER_MINUTE"),
        (
            "127.0.0.1:1",
            {"SOUNDBITE_HTTP_UPLOAD_MB": "0"},
            "SOUNDBITE_HTTP_UPLOAD_MB must be a whole number of 1 or more",
        ),
        ("127.0.0.1:1", {"SOUNDBITE_OAUTH_ISSUER": "http://issuer.example"}, "SOUNDBITE_OAUTH_ISSUER"),
        ("127.0.0.1:1", {"SOUNDBITE_OAUTH_ISSUER": "https://issuer.example"}, "SOUNDBITE_OAUTH_JWKS_URL"),
    ],
)
def test_an_unsafe_or_wrong_start_is_refused_by_name(address: str, env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        HttpSettings.from_environment(env, http_address=address)
    assert not any(secret in str(refused.value) for secret in (TOKEN, OTHER, "short"))


def test_tokens_do_not_show(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"ann={TOKEN}\n")
    config = HttpSettings.from_environment({"SOUNDBITE_HTTP_TOKENS_FILE": str(file)})
    assert [each.principal for each in config.tokens] == ["ann"]
    assert TOKEN not in f"{config} {config!r} {config.model_dump_json()}"


def test_over_http_no_folder_and_no_url_is_open_by_itself() -> None:
    settings = HttpSettings.from_environment({})
    assert (settings.roots, settings.allow_urls) == ((), "off")


def test_each_principal_has_its_own_calls_and_minutes() -> None:
    now = 0.0
    limits = Limits(calls_per_minute=2, audio_minutes_per_hour=1, clock=lambda: now)
    for _ in range(2):
        limits.count_call("ann")
    with pytest.raises(LimitReached, match="Wait 60 seconds"):
        limits.count_call("ann")
    limits.count_call("bob")
    limits.count_audio("ann", 61.0)
    with pytest.raises(LimitReached, match="1 minutes of audio"):
        limits.check_audio("ann")
    limits.check_audio("bob")
    now = 3601.0
    limits.count_call("ann")
    limits.check_audio("ann")


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_served_library_answers_a_client_and_stops_when_told(tmp_path: Path, mode: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "soundbite_server", "serve", "--http", "127.0.0.1:0"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SOUNDBITE_HOME": str(tmp_path), "SOUNDBITE_HTTP_CALLS_PER_MINUTE": "9"},
    )
    assert process.stderr
    async with asyncio.timeout(120):
        while not (said := re.search(rb"http://[\d.:]+/mcp", line := await process.stderr.readline())):
            assert line, "the server ended"
        async with Client(said[0].decode(), mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["embed_audio", "get_task"]
            listed = await client.call_tool("list_audio", {})
            assert (listed.structured_content or {})["total_assets"] == 0
            refused = await client.call_tool("embed_audio", {"source": __file__})
            assert "No folder is open for reading" in str(refused.content)
            answers = [str((await client.call_tool("list_audio", {})).content) for _ in range(9)]
            assert "More than 9 calls in a minute" not in answers[0]
            assert "More than 9 calls in a minute" in answers[-1]
        process.send_signal(signal.SIGTERM)
        await process.stderr.read()
        assert await process.wait() in (0, -signal.SIGTERM)
