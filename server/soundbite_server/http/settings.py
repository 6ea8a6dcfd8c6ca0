"""How the HTTP server runs: where it listens, who may call, and how much of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

from soundbite_server.settings import (
    LONGEST_COUNT,
    Folders,
    Names,
    SecureUrl,
    Settings,
    SettingsError,
    is_loopback,
    one_of,
)

_SHORTEST_TOKEN = 16
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_COUNT = "a whole number (0 for no limit)"


class HttpToken(BaseModel):
    """A bearer token and whose it is."""

    model_config = ConfigDict(frozen=True)

    principal: str
    secret: SecretStr


@dataclass(frozen=True)
class OAuth:
    """The authorization server whose tokens are taken."""

    issuer: str
    jwks_url: str
    resource: str
    """This server's own address as the tokens' audience names it."""
    scopes: tuple[str, ...] = ()


def _tokens(value: str | tuple[HttpToken, ...]) -> tuple[HttpToken, ...]:
    if not isinstance(value, str):
        return value
    entries = [entry for entry in re.split(r"[\s,]+", value) if entry]
    tokens = tuple(_token(entry, number) for number, entry in enumerate(entries, 1))
    if len({token.secret.get_secret_value() for token in tokens}) < len(tokens):
        raise ValueError("gives one token twice.")
    return tokens


def _token(entry: str, number: int) -> HttpToken:
    principal, is_named, secret = entry.partition("=")
    if not is_named:
        principal, secret = f"token-{number}", entry
    # The value is never shown: it may be a good secret with a typing error.
    if len(secret) < _SHORTEST_TOKEN or not secret.isascii() or not secret.isprintable():
        raise ValueError(f"can't be used: token {number} must have at least {_SHORTEST_TOKEN} plain characters.")
    if not _NAME.fullmatch(principal):
        raise ValueError(f"can't be used: the name of token {number} may hold letters, digits and . _ @ - only.")
    return HttpToken(principal=principal, secret=SecretStr(secret))


def _tokens_of_file(value: str | tuple[HttpToken, ...]) -> tuple[HttpToken, ...]:
    if not isinstance(value, str):
        return value
    try:
        text = Path(value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError("names a file that can't be read.") from exc
    return _tokens(text)


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"must be HOST:PORT, such as 127.0.0.1:8765; it is {value!r}.")
    return f"{host or '127.0.0.1'}:{port}"


class HttpSettings(Settings):
    """How this process serves over HTTP: no folder and no URL is open to callers unless it is named."""

    roots: Folders = ()
    allow_urls: str = "off"
    http_address: Annotated[str, BeforeValidator(_address)] = Field("127.0.0.1:8765", title="--http")
    """Where to listen, as HOST:PORT."""
    http_tokens: Annotated[tuple[HttpToken, ...], NoDecode, BeforeValidator(_tokens)] = ()
    http_tokens_file: Annotated[tuple[HttpToken, ...] | None, NoDecode, BeforeValidator(_tokens_of_file)] = None
    """The tokens in this file, which take the place of `http_tokens`."""
    http_hosts: Names = ()
    """Host headers that are taken."""
    http_origins: Names = ()
    http_library: Annotated[Literal["own", "shared"], one_of("own", "shared")] = "own"
    """Whether each principal works on a library of its own, or all on one."""
    http_url: SecureUrl | None = None
    """This server's address as others reach it, and as the tokens of an issuer name it; None: as each caller did."""
    http_calls_per_minute: int = Field(240, ge=0, le=LONGEST_COUNT, description=_COUNT)
    """For each principal; 0 is no limit."""
    http_audio_minutes_per_hour: int = Field(0, ge=0, le=LONGEST_COUNT, description=_COUNT)
    """Minutes of audio that each principal may have embedded; 0 is no limit."""
    http_upload_mb: int = Field(512, ge=1, le=LONGEST_COUNT, description="a whole number of 1 or more")
    http_uploads_mb_per_caller: int = Field(16384, ge=0, le=LONGEST_COUNT, description=_COUNT)
    """Files each caller has sent and not removed, in MB together; 0 is no limit."""
    http_sessions: int = Field(100, ge=1, le=LONGEST_COUNT, description="a whole number of 1 or more")
    """Of each caller; the one that was idle longest ends for a new one."""
    http_connections: int = Field(512, ge=2, le=LONGEST_COUNT, description="a whole number of 2 or more")
    """Connections at once; never more than half of the descriptors this process may open."""
    http_connections_per_address: int = Field(0, ge=0, le=LONGEST_COUNT, description="a whole number (0 for half)")
    """Of one address; 0 is half of all. Behind a proxy all have one address: the proxy's."""
    oauth_issuer: SecureUrl | None = None
    oauth_jwks_url: SecureUrl | None = None
    oauth_scopes: Names = ()

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.http_address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 takes a free one."""
        return int(self.http_address.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return is_loopback(self.host)

    @property
    def tokens(self) -> tuple[HttpToken, ...]:
        """The bearer tokens that are taken."""
        return self.http_tokens if self.http_tokens_file is None else self.http_tokens_file

    @property
    def oauth(self) -> OAuth | None:
        """The authorization server whose tokens are taken."""
        if not (self.oauth_issuer and self.oauth_jwks_url and self.http_url):
            return None
        return OAuth(self.oauth_issuer, self.oauth_jwks_url, self.http_url, self.oauth_scopes)

    @property
    def needs_token(self) -> bool:
        """Whether callers must say who they are."""
        return bool(self.tokens or self.oauth)

    @property
    def has_own_libraries(self) -> bool:
        """Whether each principal works on a library of its own."""
        return self.needs_token and self.http_library == "own"

    @property
    def public_origin(self) -> str:
        """This server's address as others reach it, without a path; empty means as each caller reached it."""
        parts = urlsplit(self.http_url or "")
        return f"{parts.scheme}://{parts.netloc}" if self.http_url else ""

    def check_together(self) -> None:
        """Refuse an address that is open to others without tokens and host names, and an issuer without its keys.

        Raises:
            SettingsError: the message names the settings.
        """
        super().check_together()
        for variable, value in (
            ("SOUNDBITE_OAUTH_JWKS_URL", self.oauth_jwks_url),
            ("SOUNDBITE_HTTP_URL", self.http_url),
        ):
            if self.oauth_issuer and not value:
                raise SettingsError(f"{variable} must be an https URL where SOUNDBITE_OAUTH_ISSUER is set.")
        if not self.is_loopback and not self.needs_token:
            raise SettingsError(
                f"{self.host} can be reached by others: set SOUNDBITE_HTTP_TOKENS (or SOUNDBITE_OAUTH_ISSUER), "
                "or serve on 127.0.0.1."
            )
        if not self.is_loopback and not self.http_hosts:
            raise SettingsError(
                f"{self.host} can be reached by others: set SOUNDBITE_HTTP_HOSTS to the host names that clients use."
            )
        if self.has_own_libraries and self.store.startswith("db://"):
            raise SettingsError("A db:// store can't be divided among callers: set SOUNDBITE_HTTP_LIBRARY=shared.")
