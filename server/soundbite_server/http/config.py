"""How the HTTP server runs: read once, from the environment and the command line."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from soundbite_server.settings import SettingsError

_SHORTEST_TOKEN = 16
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpToken(BaseModel):
    """A bearer token and whose it is."""

    model_config = ConfigDict(frozen=True)

    principal: str
    secret: SecretStr


class OAuth(BaseModel):
    """The authorization server whose tokens are taken."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    jwks_url: str
    resource: str
    """This server's own address as the tokens' audience names it."""
    scopes: tuple[str, ...] = ()


class HttpConfig(BaseModel):
    """Where to listen, who may call, and how much of it."""

    model_config = ConfigDict(frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    tokens: tuple[HttpToken, ...] = ()
    oauth: OAuth | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    calls_per_minute: int = Field(default=240, ge=0)
    """For each principal; 0 is no limit."""
    audio_minutes_per_hour: int = Field(default=0, ge=0)
    """Minutes of audio that each principal may have embedded; 0 is no limit."""
    most_body_bytes: int = 4 * 1024 * 1024
    shares_library: bool = False
    """Whether all principals work on one library instead of one each."""
    public_url: str = ""
    """This server's address as others reach it, without a path; empty means as each caller reached it."""
    most_upload_bytes: int = 512 * 1024 * 1024

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return self.host in _LOOPBACK_NAMES

    @property
    def needs_token(self) -> bool:
        """Whether callers must say who they are."""
        return bool(self.tokens or self.oauth)

    @classmethod
    def from_environment(cls, address: str, env: Mapping[str, str]) -> Self:
        """Read `HOST:PORT` and the environment.

        Raises:
            SettingsError: something can't be used, or the address is open to others without tokens and allowed hosts.
        """
        host, port = _address(address)
        made = cls(
            host=host,
            port=port,
            tokens=_tokens(env),
            oauth=_oauth(env),
            allowed_hosts=_names(env, "SOUNDBITE_HTTP_HOSTS"),
            allowed_origins=_names(env, "SOUNDBITE_HTTP_ORIGINS"),
            calls_per_minute=_whole(env, "SOUNDBITE_HTTP_CALLS_PER_MINUTE", 240),
            audio_minutes_per_hour=_whole(env, "SOUNDBITE_HTTP_AUDIO_MINUTES_PER_HOUR", 0),
            shares_library=_is_shared(env),
            public_url=_origin(_url(env, "SOUNDBITE_HTTP_URL")) if env.get("SOUNDBITE_HTTP_URL") else "",
            most_upload_bytes=_whole(env, "SOUNDBITE_HTTP_UPLOAD_MB", 512, least=1) * 1024 * 1024,
        )
        if not made.is_loopback and not made.needs_token:
            raise SettingsError(
                f"{host} can be reached by others: set SOUNDBITE_HTTP_TOKENS (or SOUNDBITE_OAUTH_ISSUER), "
                "or serve on 127.0.0.1."
            )
        if not made.is_loopback and not made.allowed_hosts:
            raise SettingsError(
                f"{host} can be reached by others: set SOUNDBITE_HTTP_HOSTS to the host names that clients use."
            )
        return made


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"--http must be HOST:PORT, such as 127.0.0.1:8765; it is {text!r}.")
    return host, int(port)


def _tokens(env: Mapping[str, str]) -> tuple[HttpToken, ...]:
    text, name = env.get("SOUNDBITE_HTTP_TOKENS", ""), "SOUNDBITE_HTTP_TOKENS"
    if file := env.get("SOUNDBITE_HTTP_TOKENS_FILE"):
        name = "SOUNDBITE_HTTP_TOKENS_FILE"
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"{name} names a file that can't be read.") from exc
    entries = [entry for entry in re.split(r"[\s,]+", text) if entry]
    tokens = tuple(_token(entry, number, name) for number, entry in enumerate(entries, 1))
    if len({token.secret.get_secret_value() for token in tokens}) < len(tokens):
        raise SettingsError(f"{name} gives one token twice.")
    return tokens


def _token(entry: str, number: int, variable: str) -> HttpToken:
    principal, is_named, secret = entry.partition("=")
    if not is_named:
        principal, secret = f"token-{number}", entry
    # The value is never shown: it may be a good secret with a typing error.
    if len(secret) < _SHORTEST_TOKEN or not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{variable}: token {number} must have at least {_SHORTEST_TOKEN} plain characters.")
    if not _NAME.fullmatch(principal):
        raise SettingsError(f"{variable}: the name of token {number} may hold letters, digits and . _ @ - only.")
    return HttpToken(principal=principal, secret=SecretStr(secret))


def _oauth(env: Mapping[str, str]) -> OAuth | None:
    issuer = env.get("SOUNDBITE_OAUTH_ISSUER", "")
    if not issuer:
        return None
    return OAuth(
        issuer=_url(env, "SOUNDBITE_OAUTH_ISSUER"),
        jwks_url=_url(env, "SOUNDBITE_OAUTH_JWKS_URL"),
        resource=_url(env, "SOUNDBITE_HTTP_URL"),
        scopes=_names(env, "SOUNDBITE_OAUTH_SCOPES"),
    )


def _url(
    env: Mapping[str, str], name: Literal["SOUNDBITE_OAUTH_ISSUER", "SOUNDBITE_OAUTH_JWKS_URL", "SOUNDBITE_HTTP_URL"]
) -> str:
    text = env.get(name, "")
    parts = urlsplit(text)
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return text
    raise SettingsError(f"{name} must be an https URL; it is {text!r}.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_shared(env: Mapping[str, str]) -> bool:
    chosen = env.get("SOUNDBITE_HTTP_LIBRARY") or "own"
    if chosen not in ("own", "shared"):
        raise SettingsError(f"SOUNDBITE_HTTP_LIBRARY must be own or shared; it is {chosen!r}.")
    return chosen == "shared"


def _names(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[\s,]+", env.get(name, ""))))


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int = 0) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or len(text) > 9 or int(text) < least:
        what = f"of {least} or more" if least else "(0 for no limit)"
        raise SettingsError(f"{name} must be a whole number {what}; it is {text!r}.")
    return int(text)
