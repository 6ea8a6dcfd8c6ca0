"""The HTTP application: the MCP endpoint behind its checks, and two addresses for whoever looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings

from soundbite_server.app import build_server
from soundbite_server.http.callers import Limits
from soundbite_server.http.middleware import OriginChecks, Origins, SessionLimits
from soundbite_server.http.services import HttpServices, UploadSpace
from soundbite_server.http.settings import HttpSettings
from soundbite_server.http.tokens import AnyToken, OAuthTokens, StaticTokens

if TYPE_CHECKING:
    from starlette.applications import Starlette

ENDPOINT = "/mcp"
_MOST_BODY_BYTES = 4 * 1024 * 1024


def build_http_app(settings: HttpSettings) -> Starlette:
    """Return the application; its lifespan opens the library and closes it, jobs parked."""
    services = HttpServices(
        limits=Limits(settings.http_calls_per_minute, settings.http_audio_minutes_per_hour),
        public_url=settings.public_origin,
        has_own_libraries=settings.has_own_libraries,
        shows_paths=settings.is_loopback and not settings.needs_token,
        most_upload_bytes=settings.http_upload_mb * 1024 * 1024,
        space=UploadSpace(most_by_caller_bytes=settings.http_uploads_mb_per_caller * 1024 * 1024),
    )
    server = build_server(settings, token_verifier=_verifier(settings), auth=_auth(settings), http=services)
    app = server.streamable_http_app(
        streamable_http_path=ENDPOINT,
        host=settings.host,
        max_request_body_size=_MOST_BODY_BYTES,
        # Its own check takes whatever begins like an allowed host; ours stands before all routes.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    manager.asgi_app = SessionLimits(manager.asgi_app, services.limits, settings.http_sessions)  # type: ignore[assignment] # any ASGI application serves
    app.add_middleware(OriginChecks, origins=_origins(settings), endpoint=ENDPOINT)
    return app


def _verifier(settings: HttpSettings) -> TokenVerifier | None:
    scopes = settings.oauth.scopes if settings.oauth else ()
    verifiers: list[TokenVerifier] = [StaticTokens(settings.tokens, scopes)] if settings.tokens else []
    if settings.oauth:
        verifiers.append(OAuthTokens(settings.oauth))
    return AnyToken(verifiers) if verifiers else None


def _auth(settings: HttpSettings) -> AuthSettings | None:
    if settings.oauth:
        # As text: a parsed URL would grow a slash at its end, and issuers are compared letter by letter.
        return AuthSettings.model_validate(
            {
                "issuer_url": settings.oauth.issuer,
                "resource_server_url": settings.oauth.resource,
                "required_scopes": list(settings.oauth.scopes),
                "validate_token_resource": False,  # the verifier checks the audience; static tokens have none
            }
        )
    if settings.tokens:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return AuthSettings.model_validate(
            {"issuer_url": f"http://{host}:{settings.port}", "resource_server_url": None}
        )
    return None


def _origins(settings: HttpSettings) -> Origins:
    hosts, origins = list(settings.http_hosts), list[str]()
    if settings.is_loopback:
        hosts += ["127.0.0.1", "localhost", "[::1]"]
        origins += ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"]
    # Pages of this server call it from the address it is reached by, behind a proxy that speaks TLS.
    origins += [form for host in settings.http_hosts for form in (f"https://{host}", f"https://{host}:*")]
    return Origins(
        hosts=[form for host in hosts for form in (host, f"{host}:*")],  # as named, and with any port
        origins=origins,
        named=settings.http_origins,
    )
