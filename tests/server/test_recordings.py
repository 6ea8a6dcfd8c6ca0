"""What the page asks over HTTP about recordings: who may, what comes, and what is refused."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from soundbite_server.http.app import build_http_app
from soundbite_server.http.recordings import LEVELS
from soundbite_server.http.settings import HttpSettings

ANN, BOB = "a-long-and-secret-token-1", "another-secret-token-22"
TOKENS = {"SOUNDBITE_HTTP_TOKENS": f"ann={ANN}, bob={BOB}"}
SHARED = {**TOKENS, "SOUNDBITE_HTTP_LIBRARY": "shared"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def serving(
    embedded: Any, home: Path, is_read_only: bool = False, **env: str
) -> AsyncIterator[httpx.AsyncClient]:
    shutil.copytree(embedded.home, home)
    flags = {"home": home, "roots": (embedded.root,), "workers": 1, "read_only": is_read_only}
    app = build_http_app(HttpSettings.from_environment(env, http_address="127.0.0.1:8765", **flags))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as http,
    ):
        yield http


async def test_a_recording_is_told_whole_and_its_files_are_those_of_its_links(embedded: Any, tmp_path: Path) -> None:
    async with serving(embedded, tmp_path / "home") as http:
        where = f"/recordings/{embedded.asset_id}"
        told = (await http.get(where)).json()
        assert (told["title"], told["tags"], told["status"]) == ("field-log", ["field"], "ready")
        assert "north river station" in told["lines"][0]["text"]
        assert {segment["kind"] for segment in told["segments"]} == {"speech", "sound"}
        sound, content = f"/{told['sound']['url']}", embedded.recording.read_bytes()
        whole = await http.get(sound)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
        for asked, first, last in (
            ("bytes=0-", 0, len(content) - 1),
            ("bytes=5-9", 5, 9),
            ("bytes=7-99999999999", 7, len(content) - 1),
        ):
            part = await http.get(sound, headers={"range": asked})
            assert (part.status_code, part.content) == (206, content[first : last + 1])
            assert part.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
        assert (await http.get(sound, headers={"range": f"bytes={len(content)}-"})).status_code == 416
        assert (await http.get(f"{sound}?save")).headers["content-disposition"].endswith("field-log.flac")
        assert (await http.get(f"/{told['transcripts']['vtt']}")).text.startswith("WEBVTT")
        assert (await http.get(f"{sound[:-2]}xx")).status_code == 404
        assert (await http.get("/recordings/a_nobody")).status_code == 404
        [chapter, *_] = (await http.get(f"{where}/chapters")).json()["chapters"]
        assert chapter["start_sec"] == 0.0
        assert chapter["title"]


async def test_loudness_is_told_in_equal_parts(embedded: Any, tmp_path: Path) -> None:
    async with serving(embedded, tmp_path / "home") as http:
        where = f"/recordings/{embedded.asset_id}"
        first = (await http.get(f"{where}/levels")).json()
        assert len(base64.b64decode(first["peaks"])) == LEVELS
        assert 90 < first["audio_seconds"] < 95
        assert (await http.get(f"{where}/levels")).json() == first


async def test_callers_without_a_token_or_with_another_library_see_nothing(embedded: Any, tmp_path: Path) -> None:
    asset = f"/recordings/{embedded.asset_id}"
    async with serving(embedded, tmp_path / "own", **TOKENS) as http:
        assert (await http.get(asset, headers=bearer(ANN))).status_code == 404
    async with serving(embedded, tmp_path / "shared", **SHARED) as http:
        for path in (asset, f"{asset}/levels", "/facets"):
            for headers in ({}, bearer("nobody")):
                refused = await http.get(path, headers=headers)
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await http.post(asset, json={"title": "x"})).status_code == 401
        link = "/" + (await http.get(asset, headers=bearer(ANN))).json()["sound"]["url"]
        assert (await http.get(link)).status_code == 200  # the link is enough
        assert (await http.get(link, headers=bearer(BOB))).status_code == 404
        assert (await http.get(asset, headers={**bearer(ANN), "origin": "http://evil.example"})).status_code == 403
        assert (await http.get(asset, headers={**bearer(ANN), "host": "evil.example"})).status_code == 421


async def test_calls_are_counted(embedded: Any, tmp_path: Path) -> None:
    async with serving(embedded, tmp_path / "home", SOUNDBITE_HTTP_CALLS_PER_MINUTE="3") as http:
        statuses = [(await http.get("/facets")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]


async def test_titles_and_tags_are_changed_and_nothing_else(embedded: Any, tmp_path: Path) -> None:
    where = f"/recordings/{embedded.asset_id}"
    async with serving(embedded, tmp_path / "home") as http:
        changed = (await http.post(where, json={"title": "  River\nlog ", "tags": ["Rain", "-x", "rain"]})).json()
        assert (changed["title"], changed["tags"]) == ("River log", ["rain", "x"])
        assert (await http.get("/facets")).json()["tags"] == [{"tag": "rain", "count": 1}, {"tag": "x", "count": 1}]
        assert (await http.post(where, json={"tags": []})).json()["tags"] == []
        for wrong in (
            {"title": ""},
            {"source_uri": "/etc/passwd"},
            {"title": "x" * 100_000},
            [],
            {"tags": ["x"] * 1000},
        ):
            assert (await http.post(where, json=wrong)).status_code == 400
    async with serving(embedded, tmp_path / "other", is_read_only=True) as http:
        assert (await http.post(where, json={"title": "x"})).status_code == 405
        assert (await http.get(where)).status_code == 200
