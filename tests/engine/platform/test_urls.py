"""Downloads: what may be fetched from where, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine import UrlPolicy
from soundbite_engine.platform.errors import FetchError
from soundbite_engine.platform.fetch import Fetcher, is_public, permitted_addresses

PUBLIC = UrlPolicy(is_public=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "not an address",
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def _is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


def _resolving(*addresses: str) -> Callable[[str, int], Any]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


async def test_a_name_with_one_address_inside_is_refused() -> None:
    with pytest.raises(FetchError, match=r"not on the public internet"):
        await permitted_addresses("https", "a.example", 443, PUBLIC, _resolving("1.1.1.1", "10.0.0.1"))


async def test_a_name_of_the_internet_may_be_fetched_over_https_only() -> None:
    resolving = _resolving("1.1.1.1")
    assert await permitted_addresses("https", "a.example", 443, PUBLIC, resolving) == ("1.1.1.1",)
    with pytest.raises(FetchError, match="https"):
        await permitted_addresses("http", "a.example", 80, PUBLIC, resolving)


async def test_nothing_is_fetched_when_downloads_are_off() -> None:
    with pytest.raises(FetchError, match="switched off"):
        await permitted_addresses("https", "a.example", 443, UrlPolicy.parse("off"), _resolving("1.1.1.1"))


async def test_a_listed_host_may_be_inside_and_without_tls() -> None:
    policy = UrlPolicy.parse("Media.local, 10.0.0.5:8080")
    inside = _resolving("10.0.0.5")
    assert await permitted_addresses("http", "media.local", 8000, policy, inside)
    assert await permitted_addresses("http", "10.0.0.5", 8080, policy, inside)
    assert await permitted_addresses("https", "a.example", 443, policy, _resolving("1.1.1.1"))
    for scheme, host, port in (("http", "10.0.0.5", 8081), ("https", "10.0.0.5", 443), ("ftp", "media.local", 21)):
        with pytest.raises(FetchError):
            await permitted_addresses(scheme, host, port, policy, inside)


@pytest.mark.parametrize("text", ["", "off"])
def test_an_empty_list_allows_nothing(text: str) -> None:
    assert UrlPolicy.parse(text) == UrlPolicy()


@pytest.mark.parametrize(
    "text",
    ["https://a.example", "a.example/x", "user@host", "off,a.example", "a.example:web", "a.example:", "::1", ":80"],
)
def test_a_list_of_something_else_than_hosts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allow_urls"):
        UrlPolicy.parse(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.wav",
        "https://2130706433/a.wav",
        "https://0x7f.1/a.wav",
        "https://localhost/a.wav",
        "https://[::ffff:127.0.0.1]/a.wav",
        "https://user:secret@127.0.0.1/a.wav",
    ],
)
async def test_no_spelling_of_this_machine_is_fetched(url: str, tmp_path: Path) -> None:
    async with Fetcher(PUBLIC, 1000) as fetcher:
        with pytest.raises(FetchError, match=r"not on the public internet|not known"):
            await fetcher.fetch(url, tmp_path / "a")
    assert _is_empty(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "//host/a",
        "https://",
        "https://xn--a/a.wav",
        "https://xn--/a.wav",
        "ftp://a.example/a",
        "data:audio/wav,x",
        "\x00",
    ],
)
async def test_what_is_no_address_of_the_web_is_refused_at_once(url: str) -> None:
    async with Fetcher(PUBLIC, 1000) as fetcher:
        with pytest.raises(FetchError) as refused:
            fetcher.check(url)
    assert refused.value.code == "url_refused"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none.wav", "status 404"),
        ("/page", "web page"),
        ("/disguised.wav", "web page"),
        ("/live", "HLS"),
        ("/huge.wav", "exceeds maximum limit"),
        ("/cut.wav", "failed|broke off"),
        ("/empty.wav", "empty"),
        ("/circle", "redirects more than"),
        ("/moved-inside", "Only https|switched off"),
    ],
)
async def test_an_answer_that_is_no_media_fails_and_leaves_no_file(
    site: Any, tmp_path: Path, path: str, reason: str
) -> None:
    async with Fetcher(UrlPolicy(hosts=frozenset({site.netloc})), 4 * 2**30) as fetcher:
        with pytest.raises(FetchError, match=reason):
            await fetcher.fetch(site.url(path), tmp_path / "a")
    assert _is_empty(tmp_path)


async def test_a_body_longer_than_it_said_is_stopped(site: Any, tmp_path: Path) -> None:
    async with Fetcher(UrlPolicy(hosts=frozenset({site.netloc})), 1000) as fetcher:
        with pytest.raises(FetchError, match="exceeds"):
            await fetcher.fetch(site.url("/named"), tmp_path / "a")


async def test_a_playlist_is_refused_with_its_reason(opened: Callable[..., Any]) -> None:
    async with opened(allow_urls=PUBLIC) as (_, http):
        form = {"method": (None, "url"), "url": (None, "https://a.example/live/index.m3u8")}
        answer = await http.post("assets", files=form)
        assert answer.status_code == 400
        assert "HLS playlists (.m3u8) are not supported" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "filename"), [("/tone.wav", "tone.wav"), ("/moved", "moved"), ("/named", "my tone.wav")]
)
def test_a_url_becomes_a_ready_asset(client: Any, site: Any, path: str, filename: str) -> None:
    asset = client.post("assets", files={"method": (None, "url"), "url": (None, site.url(path))}).json()
    assert (asset["status"], asset["method"], asset["filename"]) == ("ready", "url", filename)
    assert asset["duration"] == 5.0


def test_a_url_of_a_page_becomes_a_failed_asset(client: Any, site: Any) -> None:
    asset = client.post("assets", files={"method": (None, "url"), "url": (None, site.url("/page"))}).json()
    assert asset["status"] == "failed"
    assert "web page" in asset["error"]["message"]


def test_a_url_in_the_request_is_embedded(client: Any, site: Any, asking: Callable[..., dict[str, Any]]) -> None:
    answer = client.post("embed-v2", json=asking({"url": site.url("/tone.wav")}, embedding_option=["audio"]))
    assert len(answer.json()["data"]) == 2
    metadata = answer.json()["metadata"]
    assert (metadata["input_url"], metadata["input_filename"]) == (site.url("/tone.wav"), "tone.wav")


def test_a_url_in_the_request_that_can_not_be_had_says_why(
    client: Any, site: Any, asking: Callable[..., dict[str, Any]]
) -> None:
    answer = client.post("embed-v2", json=asking({"url": site.url("/text.wav")}))
    assert answer.status_code == 400
    assert "text.wav" in answer.json()["error"]["message"]
