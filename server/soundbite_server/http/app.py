"""The HTTP application: the MCP endpoint behind its checks, and two addresses for whoever looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings

from soundbite_server.app import build_server
from soundbite_server.http.callers import Limits
from soundbite_server.http.config import HttpConfig
from soundbite_server.http.services import HttpServices
from soundbite_server.http.tokens import AnyToken, OAuthTokens, StaticTokens
from soundbite_server.settings import SettingsError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from soundbite_server.settings import Settings

ENDPOINT = "/mcp"


def build_http_app(settings: Settings, http: HttpConfig) -> Starlette:
    """Return the application; its lifespan opens the library and closes it, jobs parked."""
    has_own_libraries = http.needs_token and not http.shares_library
    if has_own_libraries and settings.store.startswith("db://"):
        raise SettingsError("A db:// store can't be divided among callers: set SOUNDBITE_HTTP_LIBRARY=shared.")
    security = _transport_security(http)
    services = HttpServices(
        limits=Limits(http.calls_per_minute, http.audio_minutes_per_hour),
        security=security,
        public_url=http.public_url,
        has_own_libraries=has_own_libraries,
        shows_paths=http.is_loopback and not http.needs_token,
        most_upload_bytes=http.most_upload_bytes,
    )
    server = build_server(settings, token_verifier=_verifier(http), auth=_auth(http), http=services)
    return server.streamable_http_app(
        streamable_http_path=ENDPOINT,
        host=http.host,
        max_request_body_size=http.most_body_bytes,
        transport_security=security,
    )


def _verifier(http: HttpConfig) -> TokenVerifier | None:
    scopes = http.oauth.scopes if http.oauth else ()
    verifiers: list[TokenVerifier] = [StaticTokens(http.tokens, scopes)] if http.tokens else []
    if http.oauth:
        verifiers.append(OAuthTokens(http.oauth))
    return AnyToken(verifiers) if verifiers else None


def _auth(http: HttpConfig) -> AuthSettings | None:
    if http.oauth:
        # As text: a parsed URL would grow a slash at its end, and issuers are compared letter by letter.
        return AuthSettings.model_validate(
            {
                "issuer_url": http.oauth.issuer,
                "resource_server_url": http.oauth.resource,
                "required_scopes": list(http.oauth.scopes),
                "validate_token_resource": False,  # the verifier checks the audience; static tokens have none
            }
        )
    if http.tokens:
        host = f"[{http.host}]" if ":" in http.host else http.host
        return AuthSettings.model_validate({"issuer_url": f"http://{host}:{http.port}", "resource_server_url": None})
    return None


def _transport_security(http: HttpConfig) -> TransportSecuritySettings:
    hosts, origins = list(http.allowed_hosts), list(http.allowed_origins)
    if http.is_loopback:
        hosts += ["127.0.0.1", "localhost", "[::1]"]
        origins += ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"]
    # Pages of this server call it from the address it is reached by, behind a proxy that speaks TLS.
    origins += [form for host in http.allowed_hosts for form in (f"https://{host}", f"https://{host}:*")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[form for host in hosts for form in (host, f"{host}:*")],  # as named, and with any port
        allowed_origins=origins,
    )
