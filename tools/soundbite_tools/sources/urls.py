"""Addresses as sources: checked by rule here; whoever fetches one checks what the name resolves to."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from soundbite_tools.errors import SourceProblem

if TYPE_CHECKING:
    from soundbite_tools.config import UrlRules

_LONGEST_URL = 2048


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
