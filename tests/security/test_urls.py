"""Addresses: none leads into this machine or its network, whatever it is called and wherever it sends us."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from mcp_types import TextContent

from soundbite_engine import UrlPolicy
from soundbite_engine.platform.errors import FetchError
from soundbite_engine.platform.fetch import Fetcher

PUBLIC = UrlPolicy(is_public=True)

# Refused as they are written, before any name is looked up.
BAD_URLS = [
    *(f"https://{host}/a.wav" for host in ("127.0.0.1", "127.1.2.3", "127.0.0.1:8443", "0.0.0.0", "10.0.0.1")),
    *(f"https://{host}/a.wav" for host in ("10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1")),
    *(f"https://{host}/a.wav" for host in ("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200")),
    *(f"https://{host}/a.wav" for host in ("192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255")),
    *(f"https://[{host}]/a.wav" for host in ("::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1")),
    *(f"https://[{host}]/a.wav" for host in ("fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1")),
    *(f"https://[{host}]/a.wav" for host in ("64:ff9b::7f00:1", "2002:7f00:1::", "fec0::1", "::127.0.0.1")),
    *(f"https://{host}/a.wav" for host in ("localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local")),
    *(f"https://{host}/a.wav" for host in ("metadata.google.internal", "vault.internal", "metadata.internal.")),
    *(
        f"https://{host}/a.wav"
        for host in ("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0177.0.0.1")
    ),
    *(f"https://{host}/a.wav" for host in ("127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1", "\uff10")),
    *(f"https://{who}@127.0.0.1/a.wav" for who in ("a", "a:b", "example.com", "example.com%23")),
    "https://example.com@127.0.0.1/a.wav",
    "https://example.com:pass@example.org/a.wav",
    "http://example.com/a.wav",
    "HTTP://example.com/a.wav",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://example.com/a.wav",
    "gopher://127.0.0.1:70/_x",
    "dict://127.0.0.1:11211/stats",
    "javascript:alert(1)",
    "https://",
    "https:///a.wav",
    "https://[::1",
    "https://example.com:0/a.wav",
    "https://example.com:99999/a.wav",
    "https://exam\nple.com/a.wav",
    "https://example.com/a\r\nHost: evil/a.wav",
    "https://example.com\t/a.wav",
    "https://example.com/\0.wav",
    "https://exa mple.com/a.wav",
    "https://example.com/" + "a" * 3000,
]


async def test_no_address_of_this_machine_or_its_network_is_taken(connect: Any) -> None:
    assert len(set(BAD_URLS)) >= 60
    taken = []
    async with connect() as client:
        for url in BAD_URLS:
            result = await client.call_tool("embed_audio", {"url": url, "wait_seconds": 25})
            told = "".join(block.text for block in result.content if isinstance(block, TextContent))
            assert "Traceback" not in told
            if not result.is_error:
                taken.append(url)
    assert not taken


async def test_where_urls_are_off_not_even_a_public_one_is_taken(connect: Any) -> None:
    async with connect(allow_urls="off") as client:
        for url in ("https://example.com/a.wav", "http://example.com/a.wav", "https://127.0.0.1/a.wav"):
            result = await client.call_tool("embed_audio", {"source": url})
            assert result.is_error
            assert "URLs are not taken as sources here" in str(result.content)


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


class Names:
    """Answers for the domain name system: a list of addresses for each name, the next one at each question."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.8"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["fd00::1"],
        ["1.1.1.1", "127.0.0.1"],  # one good address does not excuse a bad one
        ["2606:4700::1111", "fe80::1%eth0"],
        ["0.0.0.0"],
        [],
    ],
    ids=str,
)
async def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str], site: Site, tmp_path: Path) -> None:
    async with Fetcher(PUBLIC, 10_000, Names(rebound_example=[addresses])) as fetcher:
        with pytest.raises(FetchError) as refused:
            await fetcher.fetch(f"https://rebound.example:{site.port}/a.wav", tmp_path / "a")
    assert refused.value.code in ("url_refused", "url_failed")
    assert site.requests == []
    assert not list_of(tmp_path)


async def test_a_name_that_changes_its_mind_is_asked_once_for_a_connection(site: Site, tmp_path: Path) -> None:
    # First the listed site's address, then another: what was judged is what is connected to.
    names = Names(flip_example=[["127.0.0.1"], ["127.0.0.9"]])
    policy = UrlPolicy(hosts=frozenset({f"flip.example:{site.port}"}))
    async with Fetcher(policy, 10_000, names) as fetcher:
        await fetcher.fetch(f"http://flip.example:{site.port}/sound", tmp_path / "a")
    assert names.asked == ["flip.example"]
    assert site.requests == [("/sound", f"flip.example:{site.port}")]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/a.wav",
        "https://127.0.0.1:1/a.wav",
        "https://[::1]/a.wav",
        "https://[::ffff:10.0.0.1]/a.wav",
        "//inside.example/a.wav",
        "https://inside.example/a.wav",
        "file:///etc/passwd",
        "ftp://example.com/a.wav",
        "gopher://127.0.0.1/",
        "data:audio/wav;base64,AAAA",
        "",
        "https://",
    ],
)
async def test_a_redirect_is_judged_like_the_first_address(target: str, site: Site, tmp_path: Path) -> None:
    site.target = target
    names = Names(listed_example=[["127.0.0.1"]], inside_example=[["10.0.0.1"]])
    names._answers.update({host: [[host]] for host in ("169.254.169.254", "127.0.0.1", "::1", "::ffff:10.0.0.1")})
    policy = UrlPolicy(is_public=True, hosts=frozenset({f"listed.example:{site.port}"}))
    async with Fetcher(policy, 10_000, names) as fetcher:
        with pytest.raises(FetchError):
            await fetcher.fetch(f"http://listed.example:{site.port}/moved", tmp_path / "a")
    # An empty target leads back to the same page, until there were too many.
    assert {path for path, _ in site.requests} == {"/moved"}
    assert not list_of(tmp_path)


class Site:
    """A web site on this machine that writes down what it is asked for."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.target = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append((self.path, self.headers.get("host", "")))
                is_moved = self.path == "/moved"
                body = b"" if is_moved else b"RIFF" + bytes(400)
                self.send_response(302 if is_moved else 200)
                if is_moved:
                    self.send_header("location", site.target)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()
