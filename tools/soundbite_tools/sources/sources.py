"""What is to be embedded: resolved, allowed, and identified by its content."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import anyio.to_thread

from soundbite_api import SourceFile
from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.files import UPLOAD_SCHEME, FileFacts, allowed_file, keep_inline, read_facts, received_file
from soundbite_tools.text import plain_text

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.library import LibraryConfig, UrlRules


_LONGEST_URL = 2048
SourceKind = Literal["file", "url", "base64", "asset"]
GivenKind = Literal["file", "url", "base64", "asset", "upload", "task"]
TASK_SCHEME = "task:"
"""Names a task that the platform has and the library has not."""
# Ids of ours (a_...), and ids as the platform gives them: 24 hexadecimal digits (contract 2.1).
ASSET_ID = re.compile(r"a_[0-9a-f]{20}|[0-9a-f]{24}")
_ID_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_PATH = 4096
_LONGEST_SHOWN = 300
_GIVE_ONE = "Give exactly one of source, url, base64_string and asset_id."


def allowed_url(value: str, rules: UrlRules) -> str:
    """Return the address if it may be a source.

    Raises:
        SourceProblem: URLs are off, the scheme is not https, or the address is a private one.
    """
    parts = _split(value)
    host = (parts.hostname or "").lower().rstrip(".")
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    if host in rules.hosts or f"{host}:{port}" in rules.hosts:
        return value
    if rules.mode == "off":
        raise SourceProblem(
            "URLs are not taken as sources here.",
            "Give a file path or base64 audio; SOUNDBITE_ALLOW_URLS opens URLs.",
            code="url_refused",
        )
    if parts.scheme != "https":
        raise SourceProblem("Only https URLs are taken.", "Use the https address of the file.", code="url_refused")
    if _is_private(host):
        raise SourceProblem(
            f"{host} is not a public address.",
            "Give a public https URL or a file path; SOUNDBITE_ALLOW_URLS can allow one host.",
            code="url_refused",
        )
    return value


def _split(value: str) -> SplitResult:
    next_step = "Give a direct link to a media file, such as https://example.com/talk.mp3."
    # urlsplit drops tabs and line breaks silently, so that what is checked would not be what is sent.
    if len(value) > _LONGEST_URL or any(not char.isprintable() or char.isspace() for char in value):
        raise SourceProblem("The URL is too long or holds spaces or control characters.", next_step, code="url_invalid")
    try:
        parts = urlsplit(value)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise SourceProblem("The URL can't be read.", next_step, code="url_invalid") from exc
    if parts.scheme not in ("http", "https"):
        raise SourceProblem("Only https URLs are taken.", next_step, code="url_invalid")
    if not is_usable:
        raise SourceProblem("The URL names no host, or none that can be asked.", next_step, code="url_invalid")
    if parts.username is not None or parts.password is not None:
        raise SourceProblem("The URL holds a user name or password.", next_step, code="url_invalid")
    return parts


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Not in standard form: a name, or a number that only some resolvers take for an address (0x7f.1, 2130706433).
        return host.rpartition(".")[2].isdigit() or host.rpartition(".")[2].startswith("0x")
    return not address.is_global


@dataclass(frozen=True)
class GivenSource:
    """What the caller named, before anything is looked at."""

    kind: GivenKind
    value: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source that may be embedded."""

    kind: SourceKind
    asset_id: str
    content_hash: str
    uri: str
    """A path, a URL, or the id of an asset of the platform."""
    name: str
    file: FileFacts | None = None

    @property
    def path(self) -> Path | None:
        """The local file, if there is one."""
        return Path(self.uri) if self.file else None


def choose(source: str = "", *, asset_id: str = "", url: str = "", base64_string: str = "") -> GivenSource:
    """Return the one source that was given; `source` may hold any kind.

    Raises:
        SourceProblem: none was given, or more than one.
    """
    given = {"source": source, "url": url, "base64_string": base64_string, "asset_id": asset_id}
    named = [name for name, value in given.items() if value.strip()]
    if not named:
        raise SourceProblem("No audio was named.", _GIVE_ONE, code="source_missing")
    if len(named) > 1:
        raise SourceProblem(
            f"{len(named)} sources were given at once: {', '.join(named)}.", _GIVE_ONE, code="source_ambiguous"
        )
    value = given[named[0]].strip()
    kinds: dict[str, GivenKind] = {"url": "url", "base64_string": "base64", "asset_id": "asset"}
    return GivenSource(kinds.get(named[0]) or _guess(value), value)


async def resolve(given: GivenSource, config: LibraryConfig) -> Source:
    """Return the source checked against what may be read; a file is hashed, inline audio kept as a file.

    Raises:
        SourceProblem: it is missing, not allowed, too large, or not what it claims to be.
        WorkFailed: inline audio can't be kept.
    """
    if given.kind == "url":
        return _from_url(given.value, config)
    if given.kind == "asset":
        return _from_asset_id(given.value, config)
    if given.kind == "base64":
        path = await anyio.to_thread.run_sync(lambda: keep_inline(_decode(given.value, config), config))
        return await _from_file(path, "base64", config)
    if given.kind == "upload":
        path = await anyio.to_thread.run_sync(received_file, given.value.removeprefix(UPLOAD_SCHEME), config)
        return await _from_file(path, "base64", config, path.name)
    path = await anyio.to_thread.run_sync(lambda: allowed_file(_as_path(given.value), config))
    return await _from_file(path, "file", config)


def asset_id_for(content_hash: str) -> str:
    """Return the id of a recording: equal content has an equal id, whatever the file is called."""
    return f"a_{content_hash[:20]}"


def title_for(name: str) -> str:
    """Return a title made from a file name."""
    return Path(name).stem or name


def source_label(asset: Asset) -> str:
    """Return where a recording came from, as results show it: of a URL without its query, which may hold a secret."""
    if asset.source_kind == "base64":
        return "inline audio"
    if asset.source_kind == "asset":
        return f"asset {asset.source_uri} of the platform"
    if asset.source_kind == "url":
        address, mark, _ = asset.source_uri.partition("?")
        return plain_text(address, _LONGEST_SHOWN) + ("?…" if mark else "")
    return plain_text(asset.source_uri, _LONGEST_SHOWN)


def _guess(value: str) -> GivenKind:
    # Also ftp:// and the like: that only https is taken says more than that there is no such file.
    if re.match(r"(?!file:)[a-z][a-z0-9+.-]+://", value, re.IGNORECASE):
        return "url"
    if value.startswith(UPLOAD_SCHEME):
        return "upload"
    if value.startswith(TASK_SCHEME):
        return "task"
    if value.startswith("data:") or len(value) > _LONGEST_PATH:
        return "base64"
    return "asset" if ASSET_ID.fullmatch(value) else "file"


async def _from_file(path: Path, kind: SourceKind, config: LibraryConfig, name: str = "") -> Source:
    # The way to a file that was named has been followed and allowed; it is not followed again.
    source = SourceFile(path) if kind == "file" else SourceFile.at(path)
    facts = await anyio.to_thread.run_sync(lambda: read_facts(source, config))
    return Source(
        kind=kind,
        asset_id=asset_id_for(facts.content_hash),
        content_hash=facts.content_hash,
        uri=str(path),
        name=name or (path.name if kind == "file" else f"inline audio {facts.content_hash[:8]}"),
        file=facts,
    )


def _from_url(value: str, config: LibraryConfig) -> Source:
    url = allowed_url(value, config.urls)
    # What is behind a URL is known only once it is fetched, so the address stands for the content.
    digest = hashlib.sha256(f"url\n{url}".encode()).hexdigest()
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or urlsplit(url).netloc
    return Source(kind="url", asset_id=asset_id_for(digest), content_hash=digest, uri=url, name=name)


def _from_asset_id(value: str, config: LibraryConfig) -> Source:
    if not _ID_SHAPE.fullmatch(value):
        raise SourceProblem(
            "The asset_id is not an id: ids are letters, digits, '-' and '_'.",
            "Call list_audio for the ids of the library, or give the audio as source.",
            code="asset_id_invalid",
        )
    digest = hashlib.sha256(f"asset\n{config.platform}\n{value}".encode()).hexdigest()
    return Source(kind="asset", asset_id=value, content_hash=digest, uri=value, name=value)


def _as_path(value: str) -> str:
    if not value.startswith("file://"):
        return value
    try:
        return unquote(urlsplit(value).path)
    except ValueError as exc:
        raise SourceProblem(
            "The file:// address can't be read.", "Give the path of an audio file.", code="path_invalid"
        ) from exc


def _decode(value: str, config: LibraryConfig) -> bytes:
    payload = value.partition(",")[2] if value.startswith("data:") else value
    payload = "".join(payload.split())
    limit = config.largest_inline_bytes
    if len(payload) * 3 // 4 > limit + 2:
        raise SourceProblem(
            f"The base64 audio is larger than {limit // 2**20} MB.",
            "Give it as a file path or a URL instead.",
            code="source_too_large",
        )
    try:
        sound = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise SourceProblem(
            "The base64 audio can't be decoded.",
            "Send standard base64 without line breaks, or give a file path or a URL.",
            code="base64_invalid",
        ) from exc
    if not sound:
        raise SourceProblem("The base64 audio is empty.", "Send the bytes of a sound file.", code="source_empty")
    return sound
