"""The ASGI application: the routes under both addresses, and what holds for every request."""

from __future__ import annotations

import hmac
import logging
import re

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soundbite_engine.config import EngineConfig
from soundbite_engine.errors import EngineError
from soundbite_engine.platform.envelopes import answer
from soundbite_engine.platform.errors import Refused, refusal_of
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.routes.assets import asset_routes
from soundbite_engine.platform.routes.embeddings import embedding_routes
from soundbite_engine.platform.routes.tasks import task_routes
from soundbite_engine.platform.routes.uploads import PARTS, upload_routes
from soundbite_engine.platform.services import Services

API_VERSION = "1.3"
_SIGNED = re.compile(rf"(/v{re.escape(API_VERSION)})?/assets/multipart-uploads/[^/]+{PARTS}[0-9]+")
logger = logging.getLogger(__name__)


def build_app(services: Services) -> Starlette:
    """The application of a running engine."""
    routes = [
        *upload_routes(services),
        *asset_routes(services),
        *task_routes(services),
        *embedding_routes(services),
    ]
    # A redirect to the same address with a slash would lose the body of a POST.
    versioned = Router(routes, redirect_slashes=False)
    app = Starlette(
        routes=[Mount(f"/v{API_VERSION}", app=versioned), *routes],
        middleware=[Middleware(Gate, config=services.config, limiter=services.limiter)],
        exception_handlers={HTTPException: _answer_http_error},
    )
    app.router.redirect_slashes = False
    return app


class Gate:
    """Checks the key and the rate limit, names the version on every answer, and turns errors into answers."""

    def __init__(self, app: ASGIApp, config: EngineConfig, limiter: Limiter) -> None:
        self._app = app
        self._api_key = config.api_key
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        has_started = False

        async def send_named(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                headers = MutableHeaders(scope=message)
                headers["X-Api-Version"] = API_VERSION
                headers.update(self._limiter.headers(_category(path)))
            await send(message)

        try:
            self._admit(Headers(scope=scope), path)
            await self._app(scope, receive, send_named)
        except Exception as exc:
            refused = refusal_of(exc)
            _log(refused, exc, scope)
            if has_started:
                raise
            await answer(refused, path)(scope, receive, send_named)

    def _admit(self, headers: Headers, path: str) -> None:
        if _SIGNED.fullmatch(path):
            return  # these addresses are sent without a key
        _refuse_other_sites(headers)
        if self._api_key is not None:
            given = headers.get("x-api-key", "")
            if not hmac.compare_digest(given.encode(), self._api_key.encode()):
                raise Refused(
                    401,
                    "api_key_invalid",
                    "API Key is either invalid or expired. Please check your API key or generate a new one"
                    " from the dashboard and try again.",
                )
        self._limiter.admit_request(_category(path))


async def _answer_http_error(request: Request, exc: Exception) -> Response:
    return answer(refusal_of(exc), request.url.path)


def _refuse_other_sites(headers: Headers) -> None:
    """A page of another site must not use an engine on this machine through the reader's browser."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host", ""):
        raise Refused(403, "unauthorized", "Requests from web pages of other sites are not answered.")


def _category(path: str) -> str:
    return "embeddings" if "/embed-v2" in path else "assets"


def _log(refused: Refused, exc: Exception, scope: Scope) -> None:
    where = f"{scope['method']} {scope['path']}"
    if refused.status < 500:
        logger.info("%s: %s %s", where, refused.status, refused.message)
    elif isinstance(exc, EngineError):
        # A full disk says all there is to say.
        logger.error("%s failed: %s", where, exc.message)
    else:
        logger.error("%s failed %s", where, refused.details.get("requestId", ""), exc_info=exc)
