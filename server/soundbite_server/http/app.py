"""The HTTP application: the MCP endpoint behind its checks, and two addresses for whoever looks after it.

Callers bring bearer tokens: static ones, or those of an OAuth 2.1 authorization server.
"""

from __future__ import annotations

import hmac
import logging
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings

from soundbite_server.app import build_server
from soundbite_server.http.callers import Limits
from soundbite_server.http.middleware import OriginChecks, Origins, SessionLimits
from soundbite_server.http.services import HttpServices, UploadSpace
from soundbite_server.http.settings import HttpSettings, HttpToken, OAuth

if TYPE_CHECKING:
    from starlette.applications import Starlette

ENDPOINT = "/mcp"
_MOST_BODY_BYTES = 4 * 1024 * 1024
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]  # signed, never shared
_CLOCK_SKEW_S = 30
_KEYS_KEPT_S = 300
# A key of a name that is not known may be new: the issuer is asked again, this often at most.
_ASKED_EVERY_S = 5.0
# While the issuer does not answer, its keys are good for so long.
_KEYS_TRUSTED_S = 3600.0
_FETCH_TIMEOUT_S = 10
_LONGEST_TOKEN = 8192

log = logging.getLogger(__name__)


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


class StaticTokens(TokenVerifier):
    """Tokens out of the environment, each with its principal."""

    def __init__(self, tokens: Sequence[HttpToken], scopes: Sequence[str] = ()) -> None:
        self._tokens = [(token.principal, token.secret.get_secret_value().encode()) for token in tokens]
        self._scopes = list(scopes)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is, None for nobody's."""
        given, owner = token.encode(), None
        for principal, secret in self._tokens:
            # All are compared, each in constant time: the answer's delay tells nothing.
            if hmac.compare_digest(given, secret):
                owner = principal
        if owner is None:
            return None
        return AccessToken(token="", client_id=owner, scopes=self._scopes, subject=owner)


class _IssuerKeys(jwt.PyJWKClient):
    """The keys of an issuer, as it publishes them; those known last while it does not answer."""

    def __init__(self, url: str) -> None:
        super().__init__(url, lifespan=_KEYS_KEPT_S, timeout=_FETCH_TIMEOUT_S, cooldown_duration=_ASKED_EVERY_S)
        self._known: Any = None
        self._known_at = self._failed_at = -math.inf
        self._failure = ""

    def fetch_data(self) -> Any:
        """Return the published keys.

        Raises:
            PyJWTError: they can't be had, and none are known.
        """
        # All calls wait for one another here: one that lets each of them wait ten seconds would stop them all.
        if time.monotonic() - self._failed_at >= _ASKED_EVERY_S:
            try:
                self._known = super().fetch_data()
                self._known_at, self._failed_at, self._failure = time.monotonic(), -math.inf, ""
                return self._known
            except (jwt.PyJWTError, ValueError, OSError) as exc:
                self._failed_at = time.monotonic()
                self._tell(f"{type(exc).__name__}: {exc}")
        if time.monotonic() - self._known_at > _KEYS_TRUSTED_S:
            raise jwt.PyJWKClientError("The issuer's keys can't be had.")
        return self._known

    def _tell(self, failure: str) -> None:
        if failure != self._failure:
            log.warning("The issuer's keys can't be fetched from %s: %s", self.uri, failure)
        self._failure = failure


class OAuthTokens(TokenVerifier):
    """Signed tokens of one issuer, made for this server."""

    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth
        self._keys = _IssuerKeys(oauth.jwks_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is; None if it is not signed by the issuer, is for another server, or has expired."""
        if len(token) > _LONGEST_TOKEN or token.count(".") != 2:
            return None
        try:
            # Fetches the keys when they are not known: not on the event loop.
            key = await anyio.to_thread.run_sync(self._keys.get_signing_key_from_jwt, token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=_ALGORITHMS,
                audience=self._oauth.resource,
                issuer=self._oauth.issuer,
                leeway=_CLOCK_SKEW_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as exc:
            log.info("A token was refused: %s", type(exc).__name__)
            return None
        return AccessToken(
            token="",
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]) + _CLOCK_SKEW_S,
            resource=self._oauth.resource,
            subject=str(claims["sub"]),
            claims={"iss": claims["iss"]},
        )


class AnyToken(TokenVerifier):
    """Tokens that one of several verifiers knows."""

    def __init__(self, verifiers: Sequence[TokenVerifier]) -> None:
        self._verifiers = verifiers

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is, None for nobody's."""
        for verifier in self._verifiers:
            if owner := await verifier.verify_token(token):
                return owner
        return None


def _scopes(claims: dict[str, Any]) -> list[str]:
    scopes = claims.get("scope", claims.get("scp", ""))
    return scopes.split() if isinstance(scopes, str) else [str(scope) for scope in scopes]
