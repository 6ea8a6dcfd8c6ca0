"""Assets: what they tell, how they are listed and changed, and what becomes of media that can't be used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from soundbite_api.files import FileIdentity

Sounds = Callable[[float], Path]
Uploaded = Callable[..., dict[str, Any]]


def test_an_upload_is_ready_at_once_and_tells_what_it_is(
    client: httpx.Client, sounds: Sounds, uploaded: Uploaded
) -> None:
    asset = uploaded(sounds(5))
    assert (asset["status"], asset["method"], asset["filename"]) == ("ready", "direct", "tone5.wav")
    assert datetime.fromisoformat(asset["created_at"]).tzinfo is not None
    found = client.get(f"assets/{asset['_id']}").json()
    assert found == asset
    assert (found["size"], found["duration"], found["file_type"]) == (sounds(5).stat().st_size, 5.0, "audio/wav")
    technical = found["technical_metadata"]
    assert (technical["audio_codec"], technical["audio_sample_rate"]) == ("pcm_s16le", 16000)
    assert technical["audio_channels"] == 1
    assert technical["has_audio"] is True
    assert technical["total_audio_streams"] == len(technical["audio_streams"]) == 1


def test_every_answer_names_the_version(client: httpx.Client, address: str) -> None:
    for url in (f"{address}/assets", f"{address}/v1.3/assets", f"{address}/nothing"):
        assert client.get(url).headers["x-api-version"] == "1.3"


def test_both_addresses_serve_the_same_assets(client: httpx.Client, address: str, asset_id: str) -> None:
    assert client.get(f"{address}/assets/{asset_id}").json() == client.get(f"{address}/v1.3/assets/{asset_id}").json()


def test_a_slash_at_the_end_is_not_redirected(client: httpx.Client) -> None:
    assert client.post("assets/").status_code == 404


def test_a_given_name_replaces_the_files(sounds: Sounds, uploaded: Uploaded) -> None:
    assert uploaded(sounds(5), filename="../../my\x00 talk.wav")["filename"] == "my talk.wav"


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({}, "parameter_not_provided", "method"),
        ({"method": "carrier pigeon"}, "parameter_invalid", "method"),
        ({"method": "direct"}, "parameter_not_provided", "file"),
        ({"method": "url"}, "parameter_not_provided", "url"),
        ({"method": "url", "url": "<YOUR_AUDIO_URL>"}, "parameter_invalid", "URL"),
        ({"method": "url", "url": "https://example.com/live.m3u8"}, "parameter_invalid", "switched off"),
        ({"method": "url", "url": "file:///etc/hostname"}, "parameter_invalid", "upload the file"),
        ({"method": "direct", "enable_hls": "maybe"}, "parameter_not_provided", "file"),
        ({"method": "url", "url": "https://a.b/c.wav", "enable_hls": "maybe"}, "parameter_invalid", "enable_hls"),
        ({"method": "url", "url": "https://a.b/c.wav", "user_metadata": "[1]"}, "parameter_invalid", "user_metadata"),
        ({"method": "url", "url": "https://a.b/c.wav", "colour": "red"}, "parameter_unknown", "colour"),
        ({"method": "url", "url": "https://a.b/c.wav", "filename": "n" * 256}, "parameter_invalid", "filename"),
    ],
)
def test_a_form_that_breaks_a_rule_is_refused_flatly(
    client: httpx.Client, fields: dict[str, str], code: str, word: str
) -> None:
    answer = client.post("assets", files={name: (None, value) for name, value in fields.items()} or {"x": (None, "")})
    assert answer.status_code == 400
    body = answer.json()
    assert set(body) == {"code", "message"}
    if fields:
        assert body["code"] == code
        assert word in body["message"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=" + "x" * 1000, b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: " + b"form-data;" * 10_000 + b"\r\n\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="method"\r\n\r\ndir'),
    ],
)
def test_a_body_that_is_no_whole_form_is_refused(client: httpx.Client, kind: str, body: bytes) -> None:
    answer = client.post("assets", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")


def test_text_called_mp3_becomes_a_failed_asset_that_says_why(
    client: httpx.Client, tmp_path: Path, uploaded: Uploaded, asking: Callable[..., dict[str, Any]]
) -> None:
    path = tmp_path / "song.mp3"
    path.write_text("la la la " * 100)
    asset = uploaded(path)
    assert asset["status"] == "failed"
    assert "song.mp3" in asset["error"]["message"]
    for endpoint in ("embed-v2", "embed-v2/tasks"):
        answer = client.post(endpoint, json=asking({"asset_id": asset["_id"]}))
        assert (answer.status_code, answer.json()["message"]) == (400, asset["error"]["message"])


def test_an_empty_file_becomes_a_failed_asset(tmp_path: Path, uploaded: Uploaded) -> None:
    path = tmp_path / "nothing.wav"
    path.touch()
    assert "empty" in uploaded(path)["error"]["message"]


def test_assets_are_listed_newest_first_in_pages(client: httpx.Client, sounds: Sounds, uploaded: Uploaded) -> None:
    made = [uploaded(sounds(5), filename=f"Paged {number}.wav")["_id"] for number in range(3)]
    pages = [client.get("assets", params={"filename": "pAgEd", "page": n, "page_limit": 2}).json() for n in (1, 2, 3)]
    assert [[asset["_id"] for asset in page["data"]] for page in pages] == [[made[2], made[1]], [made[0]], []]
    assert pages[1]["page_info"] == {"limit_per_page": 2, "page": 2, "total_page": 2, "total_results": 3}


def test_assets_are_listed_by_id_and_by_type(client: httpx.Client, asset_id: str) -> None:
    def ids(**params: Any) -> list[str]:
        return [asset["_id"] for asset in client.get("assets", params=params).json()["data"]]

    assert ids(asset_ids=[asset_id, "0" * 24]) == [asset_id]
    assert ids(asset_ids=[asset_id], asset_types=["audio", "video"]) == [asset_id]
    assert ids(asset_ids=[asset_id], asset_types=["image"]) == []


@pytest.mark.parametrize("params", [{"page": 0}, {"page": "x"}, {"page_limit": 51}, {"asset_types": "smell"}])
def test_a_list_with_a_senseless_parameter_is_refused(client: httpx.Client, params: dict[str, Any]) -> None:
    answer = client.get("assets", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")


def test_a_percent_sign_in_a_name_filter_means_itself(client: httpx.Client, asset_id: str) -> None:
    assert client.get("assets", params={"filename": "%"}).json()["data"] == []


def test_user_metadata_is_merged_replaced_and_deleted(client: httpx.Client, sounds: Sounds, uploaded: Uploaded) -> None:
    asset = uploaded(sounds(5), user_metadata='{"show": "News", "episode": 7}')
    address = f"assets/{asset['_id']}/user-metadata"

    def now() -> Any:
        return client.get(f"assets/{asset['_id']}").json().get("user_metadata")

    assert now() == {"show": "News", "episode": 7}
    assert client.patch(address, json={"user_metadata": {"episode": None, "tags": ["a"], "show": ""}}).is_success
    assert now() == {"show": "News", "tags": ["a"]}
    assert client.put(address, json={"user_metadata": {"host": "Ann", "live": True, "empty": []}}).is_success
    assert now() == {"host": "Ann", "live": True}
    assert client.delete(address).is_success
    assert now() is None
    assert client.patch(address, json={"user_metadata": {"deep": {"er": 1}}}).status_code == 400
    assert client.put("assets/none/user-metadata", json={"user_metadata": {}}).status_code == 404


async def test_changes_of_user_metadata_at_once_are_all_kept(opened: Callable[..., Any], sounds: Sounds) -> None:
    async with opened() as (_, http):
        files = {"file": ("a.wav", sounds(3).read_bytes())}
        asset_id = (await http.post("assets", data={"method": "direct"}, files=files)).json()["_id"]
        address = f"assets/{asset_id}/user-metadata"
        await asyncio.gather(*(http.patch(address, json={"user_metadata": {f"k{n}": n}}) for n in range(8)))
        kept = (await http.get(f"assets/{asset_id}")).json()["user_metadata"]
        assert kept == {f"k{n}": n for n in range(8)}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_user_metadata_that_json_can_not_say_is_refused_and_spoils_no_list(
    client: httpx.Client, sounds: Sounds, uploaded: Uploaded, number: str
) -> None:
    asset = uploaded(sounds(5), user_metadata='{"show": "News"}')
    with sounds(5).open("rb") as file:
        fields = {"method": "direct", "user_metadata": f'{{"x": {number}}}'}
        answer = client.post("assets", data=fields, files={"file": ("a.wav", file)})
    assert answer.status_code == 400
    body = f'{{"user_metadata": {{"x": {number}}}}}'.encode()
    address = f"assets/{asset['_id']}/user-metadata"
    assert client.put(address, content=body).status_code == client.patch(address, content=body).status_code == 400
    assert client.get("assets").json()["data"][0]["user_metadata"] == {"show": "News"}


def test_a_deleted_asset_is_gone(client: httpx.Client, sounds: Sounds, uploaded: Uploaded) -> None:
    asset = uploaded(sounds(5))
    answer = client.delete(f"assets/{asset['_id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"assets/{asset['_id']}").status_code == 404
    assert client.delete(f"assets/{asset['_id']}").json()["code"] == "resource_not_exist"


async def test_deleting_an_asset_deletes_its_media(opened: Callable[..., Any], sounds: Sounds, tmp_path: Path) -> None:
    async with opened() as (engine, http):
        with sounds(5).open("rb") as file:
            asset = (await http.post("assets", data={"method": "direct"}, files={"file": file})).json()
        kept = list((engine.config.home / "media").iterdir())
        assert [path.stem for path in kept] == [asset["_id"]]
        await http.delete(f"assets/{asset['_id']}")
        assert not kept[0].exists()
        assert not list((engine.config.home / "incoming").iterdir())


async def test_a_refused_form_leaves_no_file(opened: Callable[..., Any], sounds: Sounds) -> None:
    async with opened() as (engine, http):
        with sounds(5).open("rb") as file:
            answer = await http.post("assets", data={"method": "url"}, files={"file": file})
        assert answer.status_code == 400
        assert not list((engine.config.home / "incoming").iterdir())


async def test_a_file_over_the_limit_is_too_large_and_leaves_nothing(
    opened: Callable[..., Any], sounds: Sounds
) -> None:
    async with opened(largest_direct_bytes=100_000) as (engine, http):
        with sounds(5).open("rb") as file:
            answer = await http.post("assets", data={"method": "direct"}, files={"file": file})
        assert answer.status_code == 413
        assert "multipart upload" in answer.json()["error"]["message"]
        assert not list((engine.config.home / "incoming").glob("*"))


async def test_a_referenced_file_is_not_copied_and_must_not_change(
    opened: Callable[..., Any], sounds: Sounds, tmp_path: Path, asking: Callable[..., dict[str, Any]]
) -> None:
    path = tmp_path / "my sound#1.wav"
    path.write_bytes(sounds(5).read_bytes())
    async with opened(file_urls=True) as (engine, http):
        form = {"method": (None, "url"), "url": (None, path.as_uri())}
        asset = (await http.post("assets", files=form)).json()
        assert (asset["status"], asset["filename"], asset["duration"]) == ("ready", "my sound#1.wav", 5.0)
        assert not (engine.config.home / "media").exists()
        request = asking({"asset_id": asset["_id"]}, embedding_option=["audio"], embedding_scope=["asset"])
        assert (await http.post("embed-v2", json=request)).status_code == 200
        os.utime(path, ns=(1, 1))
        answer = await http.post("embed-v2", json=request)
        assert answer.status_code == 400
        assert "has changed" in answer.json()["message"]
        await http.delete(f"assets/{asset['_id']}")
        assert path.exists()


async def test_a_reference_to_nothing_is_refused(opened: Callable[..., Any], tmp_path: Path) -> None:
    async with opened(file_urls=True) as (_, http):
        other = ("file://elsewhere/a.wav", "file:a.wav", "file://[", "file:///%00")
        for url in ((tmp_path / "none.wav").as_uri(), tmp_path.as_uri(), *other):
            answer = await http.post("assets", files={"method": (None, "url"), "url": (None, url)})
            assert answer.status_code == 400, url


async def test_a_reference_through_a_link_or_to_another_file_is_refused(
    opened: Callable[..., Any], sounds: Sounds, tmp_path: Path
) -> None:
    folder = tmp_path.resolve() / "inside"
    folder.mkdir()
    path = folder / "own.wav"
    path.write_bytes(sounds(5).read_bytes())
    identity = FileIdentity.of(path.stat())
    async with opened(file_urls=True) as (_, http):

        async def status(url: str) -> int:
            answer = await http.post("assets", files={"method": (None, "url"), "url": (None, url)})
            return int(answer.status_code)

        assert await status(f"{path.as_uri()}#{identity.fragment}") == 201
        path.with_suffix(".tmp").write_bytes(path.read_bytes())
        os.utime(path.with_suffix(".tmp"), ns=(identity.mtime_ns, identity.mtime_ns))
        path.with_suffix(".tmp").replace(path)  # equal in all but the file itself
        assert await status(f"{path.as_uri()}#{identity.fragment}") == 400
        folder.rename(folder.with_name("outside"))
        folder.symlink_to(folder.with_name("outside"))
        assert await status(path.as_uri()) == 400


async def test_a_transcription_is_made_once_and_shows_what_is_asked_for(
    opened: Callable[..., Any], spoken: Path, asking: Callable[..., dict[str, Any]]
) -> None:
    async with opened(grace_s=60.0) as (_, http):
        with spoken.open("rb") as file:
            asset = (await http.post("assets", data={"method": "direct"}, files={"file": file})).json()
        address = f"assets/{asset['_id']}/transcription"
        first = (await http.get(address)).json()
        assert set(first) == {"status", "words"}
        assert first["status"] == "ready"
        assert len(first["words"]) > 5
        assert all(0 <= word["start"] <= word["end"] <= asset["duration"] + 0.1 for word in first["words"])
        parts = (await http.get(address, params={"include": "sentences,utterances"})).json()
        assert set(parts) == {"status", "sentences", "utterances"}
        said = " ".join(sentence["value"] for sentence in parts["sentences"]).split()
        assert len(said) == len(first["words"])
        assert (await http.get(address, params={"include": "gestures"})).status_code == 400


async def test_there_is_no_transcription_of_what_is_no_asset(opened: Callable[..., Any], tmp_path: Path) -> None:
    async with opened() as (_, http):
        assert (await http.get("assets/none/transcription")).status_code == 404
        answer = await http.post("assets", data={"method": "direct"}, files={"file": ("a.wav", b"no sound")})
        transcription = await http.get(f"assets/{answer.json()['_id']}/transcription")
        assert transcription.status_code == 400
