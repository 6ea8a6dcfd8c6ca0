"""Downloading media from a URL into a file, within the URL policy and a size.

A URL in a request must not reach what only this machine can: the danger is server-side request forgery (OWASP
A10:2021). A host name may resolve to a private address, also after a redirect, also only at the second look-up. So
names are resolved once, every address is judged, and the connection goes to a judged address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import httpx

from soundbite_engine.config import UrlPolicy
from soundbite_engine.platform.errors import FetchError
from soundbite_engine.platform.media_files import FileSink

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

# IPv6 that carries an IPv4 address for a gateway to reach (RFC 6052); mapped, 6to4 and Teredo are known to ipaddress.
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

# Protocol assignments (RFC 6890), of which some clouds use one for machine secrets; Python 3.11 counts most as public.
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
MOST_REDIRECTS = 5
LONGEST_DOWNLOAD_S = 3600.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HLS_TYPES = frozenset({"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"})
_PAGE_START = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_NO_HLS = "HLS playlists (.m3u8) are not supported by the embedded engine; give a direct link to the media file."


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name, in the order the system prefers.

    Raises:
        FetchError: there are none.
    """
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise FetchError("url_failed", f"The host {host} is not known.") from exc
    return [str(entry[4][0]) for entry in entries]


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from anywhere: not private, loopback, link-local, shared, multicast, ..."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        carried = _carried_ipv4(parsed)
        if carried is not None:
            return is_public(str(carried))
        if parsed.is_site_local:
            return False
    elif parsed in _ASSIGNED:
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _carried_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def permitted_addresses(
    scheme: str, host: str, port: int, policy: UrlPolicy, resolver: Resolver = resolve
) -> Sequence[str]:
    """The addresses a download from `host` may connect to.

    Raises:
        FetchError: `url_refused` when the policy does not allow it, `url_failed` when the name is not known.
    """
    check_scheme(scheme, host, port, policy)
    addresses = await resolver(host, port)
    if not addresses:
        raise FetchError("url_failed", f"The host {host} is not known.")
    if not _is_listed(host, port, policy) and not all(is_public(address) for address in addresses):
        raise FetchError("url_refused", f"The host {host} is not on the public internet, so it is not downloaded from.")
    return addresses


def check_scheme(scheme: str, host: str, port: int, policy: UrlPolicy) -> None:
    """Refuse what the policy forbids before any name is looked up.

    Raises:
        FetchError: `url_refused`.
    """
    if _is_listed(host, port, policy):
        allowed = scheme in ("http", "https")
        reason = "Only http and https URLs can be downloaded."
    else:
        allowed = policy.is_public and scheme == "https"
        reason = "Only https URLs are downloaded." if policy.is_public else "Downloads from URLs are switched off here."
    if not allowed:
        raise FetchError("url_refused", reason)


def _is_listed(host: str, port: int, policy: UrlPolicy) -> bool:
    host = host.lower().rstrip(".")
    named = f"[{host}]" if ":" in host else host
    return named in policy.hosts or f"{named}:{port}" in policy.hosts


@dataclass(frozen=True)
class Download:
    """What a download brought: bytes on disk, and the name its source gave it ("" when it gave none)."""

    size: int
    filename: str


class Fetcher:
    """Downloads, as one HTTP client; use as an async context manager."""

    def __init__(self, policy: UrlPolicy, largest_bytes: int, resolver: Resolver = resolve) -> None:
        self._policy = policy
        self._largest_bytes = largest_bytes
        self._resolver = resolver
        self._made: httpx.AsyncClient | None = None

    @property
    def _http(self) -> httpx.AsyncClient:
        # Made at the first download: reading the certificates takes longer than all else that an engine opens with.
        if self._made is None:
            # trust_env=False: a proxy of the environment would resolve the name again, unjudged.
            # No connection is kept: they are told apart by address, and two names may share one.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._made = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False)
        return self._made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            await self._made.aclose()

    def check(self, url: str) -> None:
        """Refuse a URL that can be seen to be wrong without going there.

        Raises:
            FetchError: not a URL, not allowed, or a playlist.
        """
        parsed = _parse(url)
        check_scheme(parsed.scheme, parsed.host, _port(parsed), self._policy)
        if parsed.path.lower().endswith((".m3u8", ".m3u")):
            raise FetchError("url_refused", _NO_HLS)

    async def fetch(self, url: str, to: Path) -> Download:
        """Download `url` to `to`; no file is left when that fails.

        Raises:
            FetchError: not allowed, not reachable, not media, or too large.
        """
        try:
            async with asyncio.timeout(LONGEST_DOWNLOAD_S), self._open(url) as response:
                return await self._receive(response, to)
        except TimeoutError as exc:
            raise FetchError("url_failed", "The download took too long.") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise FetchError("url_failed", f"The download failed: {str(exc) or type(exc).__name__}.") from exc

    @asynccontextmanager
    async def _open(self, url: str) -> AsyncIterator[httpx.Response]:
        parsed = _parse(url)
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._request(parsed)
            try:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                parsed = _parse(str(parsed.join(response.headers.get("location", ""))))
            finally:
                await response.aclose()
        raise FetchError("url_failed", f"The URL redirects more than {MOST_REDIRECTS} times.")

    async def _request(self, url: httpx.URL) -> httpx.Response:
        addresses = await permitted_addresses(url.scheme, url.host, _port(url), self._policy, self._resolver)
        headers = {
            "host": url.netloc.decode("ascii"),
            "accept": "audio/*,video/*,*/*;q=0.5",
            "accept-encoding": "identity",
        }
        failure: httpx.TransportError | None = None
        for address in addresses:
            # The judged address is connected to; certificate and Host header stay those of the name.
            target = url.copy_with(host=address, userinfo=b"")
            request = self._http.build_request("GET", target, headers=headers, extensions=_named(url))
            try:
                return await self._http.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        assert failure is not None
        raise failure

    async def _receive(self, response: httpx.Response, to: Path) -> Download:
        _check_answer(response)
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._largest_bytes:
            raise self._too_large()
        first = b""
        async with FileSink(to) as sink:
            async for piece in response.aiter_raw(64 * 1024):
                if not sink.size:
                    first = piece
                    _check_start(first)
                if sink.size + len(piece) > self._largest_bytes:
                    raise self._too_large()
                await sink.write(piece)
            if not sink.size:
                raise FetchError("url_failed", "The URL answered with an empty body.")
            if declared.isdigit() and sink.size < int(declared):
                raise FetchError("url_failed", "The download broke off before its end.")
        return Download(sink.size, _filename(response))

    def _too_large(self) -> FetchError:
        limit = self._largest_bytes / 1024**3
        return FetchError("url_refused", f"The file behind the URL exceeds maximum limit of {limit:.3g} GB.")


def name_in_url(url: str) -> str:
    """The last part of a URL's path, for a file name."""
    return unquote(httpx.URL(url).path.rpartition("/")[2])


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # decoded here: it may be no name at all
    except (httpx.InvalidURL, ValueError, TypeError) as exc:
        raise FetchError("url_refused", "That is not a URL.") from exc
    if not parsed.scheme or not host:
        raise FetchError("url_refused", "That is not a URL: give a direct link to a media file.")
    return parsed


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _named(url: httpx.URL) -> dict[str, str]:
    return {"sni_hostname": url.host} if url.scheme == "https" else {}


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _check_answer(response: httpx.Response) -> None:
    if response.status_code != 200:
        raise FetchError("url_failed", f"The URL answered with status {response.status_code}.")
    kind = _content_type(response)
    if kind in _HLS_TYPES:
        raise FetchError("url_refused", _NO_HLS)
    if kind in ("text/html", "application/xhtml+xml"):
        raise _is_page()


def _check_start(first: bytes) -> None:
    if first.startswith(b"#EXTM3U"):
        raise FetchError("url_refused", _NO_HLS)
    if _PAGE_START.match(first):
        raise _is_page()


def _is_page() -> FetchError:
    return FetchError("url_refused", "The URL leads to a web page; give a direct link to the raw media file.")


def _filename(response: httpx.Response) -> str:
    header = Message()
    header["content-disposition"] = response.headers.get("content-disposition", "")
    return header.get_filename() or ""
