"""The embedded platform: its ASGI application, and everything one engine holds open from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import re
import time
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soundbite_api.files import SourceFile, Span
from soundbite_api.turns import claim, claimed
from soundbite_engine.config import EngineConfig
from soundbite_engine.errors import EngineError
from soundbite_engine.platform.assets import LEFT_BEHIND_S, Assets
from soundbite_engine.platform.database import Background, Database, Owner
from soundbite_engine.platform.embedding import Embedder
from soundbite_engine.platform.errors import Refused, answer, refusal_of
from soundbite_engine.platform.fetch import Fetcher
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.routes.assets import PARTS, asset_routes, upload_routes
from soundbite_engine.platform.routes.embeddings import embedding_routes, task_routes
from soundbite_engine.platform.routes.services import Services
from soundbite_engine.platform.tasks import Tasks
from soundbite_engine.platform.transcription import Transcriptions
from soundbite_engine.platform.uploads import Uploads
from soundbite_engine.profiles import Profile, load_profile
from soundbite_engine.workers.plans import tidy_scratch
from soundbite_engine.workers.pool import WorkerPool

API_VERSION = "1.3"
_SIGNED = re.compile(rf"(/v{re.escape(API_VERSION)})?/assets/multipart-uploads/[^/]+{PARTS}[0-9]+")
logger = logging.getLogger(__name__)
TIDY_S = 3600.0


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
            with claimed(caller=claim().caller or _address(scope)):  # in one process with a server, that has said who
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


def _address(scope: Scope) -> str:
    host, _ = scope.get("client") or ("", 0)
    return str(host)


def _category(path: str) -> str:
    return "embeddings" if "/embed-v2" in path else "assets"


def _log(refused: Refused, exc: Exception, scope: Scope) -> None:
    where = f"{scope['method']} {scope['path']}"
    if refused.status < 500:
        is_gone = scope["method"] == "DELETE" and refused.status == 404  # as was asked
        logger.log(logging.DEBUG if is_gone else logging.INFO, "%s: %s %s", where, refused.status, refused.message)
    elif isinstance(exc, EngineError):
        # A full disk says all there is to say.
        logger.error("%s failed: %s", where, exc.message)
    else:
        logger.error("%s failed %s", where, refused.details.get("requestId", ""), exc_info=exc)


class Engine:
    """Serves the audio-embedding contract as an ASGI application.

    Use as an async context manager: what an application server or `httpx.ASGITransport` would do with a lifespan
    happens there. Work left unfinished by an engine of the same home is taken up again.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._stack = contextlib.AsyncExitStack()
        self._app: Starlette | None = None
        self._open: Services | None = None
        self._database: Database | None = None
        profile = load_profile(config.profile, config.models)
        profile = profile.with_glossary(config.glossary)
        self._profile = profile if config.speakers else profile.without_speakers()
        memory_mb = max(config.worker_memory_mb, self._profile.worker_memory_mb)
        self._pool = WorkerPool(size=config.workers, memory_mb=memory_mb)

    @property
    def app(self) -> Starlette:
        """The application; it answers while the engine is open."""
        if self._app is None:
            raise RuntimeError("the engine is not open: use `async with Engine(config) as engine`")
        return self._app

    @property
    def pool(self) -> WorkerPool:
        """The processes that decode and analyse."""
        return self._pool

    @property
    def profile(self) -> Profile:
        """The models in use, and the space of their vectors."""
        return self._profile

    async def kept_file(self, asset_id: str) -> SourceFile | None:
        """The file of a ready asset, while the engine is open; None where its bytes are not here, or not any more."""
        return await self._open.assets.kept_file(asset_id) if self._open else None

    async def silence(self, asset_id: str, silences: tuple[Span, ...]) -> None:
        """Have what is kept of an asset hold silence in some spans, and forget what was made of it before.

        Raises:
            EngineError: it can't be read or written.
        """
        services = self._running()
        await services.tasks.forget(asset_id)
        with contextlib.suppress(Refused):  # deleted meanwhile
            await services.assets.silence(asset_id, silences)

    async def forget_file(self, path: Path, content_hash: str) -> None:
        """Forget the assets that reference a file, with what was made of them; the file stays."""
        services = self._running()
        for asset_id in await services.assets.references(path, content_hash):
            await services.tasks.forget(asset_id)
            with contextlib.suppress(Refused):
                await services.assets.delete(asset_id)

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the engine's database."""
        if self._database is not None:
            await self._database.scrub()

    def _running(self) -> Services:
        if self._open is None:
            raise RuntimeError("the engine is not open: use `async with Engine(config) as engine`")
        return self._open

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            # Recordings are private: a home made here is for its owner alone.
            await asyncio.to_thread(self.config.home.mkdir, mode=0o700, parents=True, exist_ok=True)
            owner = await asyncio.to_thread(Owner, self.config.home / "owners")
            stack.callback(owner.close)
            database = await stack.enter_async_context(Database(self.config.home / "engine.db"))
            await stack.enter_async_context(self._pool)
            background = Background()
            fetcher = await stack.enter_async_context(Fetcher(self.config.allow_urls, self.config.largest_url_bytes))
            services = self._services(database, owner, background, fetcher)
            stack.push_async_callback(_end, services, background)
            await _tidy(services, owner)
            await _take_over(services)
            background.start(_keep_taking_over(services), "taking over")
            background.start(_keep_tidy(services, owner), "tidying")
            self._app, self._open, self._database = build_app(services), services, database
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._app = self._open = self._database = None
        await self._stack.aclose()

    def _services(self, database: Database, owner: Owner, background: Background, fetcher: Fetcher) -> Services:
        assets = Assets(self.config, database, self._pool, owner, background, fetcher)
        transcriptions = Transcriptions(self.config, database, self._pool, assets, owner, background, self._profile)
        embedder = Embedder(self._profile, self._pool, assets, transcriptions)
        limiter = Limiter(self.config.limits)
        return Services(
            config=self.config,
            assets=assets,
            uploads=Uploads(self.config, database, assets),
            transcriptions=transcriptions,
            embedder=embedder,
            tasks=Tasks(self.config, database, assets, embedder, owner, background, limiter),
            limiter=limiter,
        )


async def _take_over(services: Services) -> None:
    await services.assets.take_over()
    await services.tasks.take_over()
    await services.uploads.expire()


async def _keep_taking_over(services: Services) -> None:
    """Look, now and then, for work whose engine has died."""
    failure = ""
    while True:
        await asyncio.sleep(services.config.sweep_s)
        try:
            await _take_over(services)
        except Exception as exc:
            if repr(exc) != failure:  # a database that stays broken is no news every two seconds
                failure = repr(exc)
                logger.exception("looking for unfinished work failed")
        else:
            if failure:
                logger.info("looking for unfinished work goes on")
            failure = ""


async def _tidy(services: Services, owner: Owner) -> None:
    """Remove what processes that were killed have left behind."""
    await services.assets.tidy()
    before = time.time() - LEFT_BEHIND_S
    await asyncio.to_thread(owner.tidy, before)
    await asyncio.to_thread(tidy_scratch, before)


async def _keep_tidy(services: Services, owner: Owner) -> None:
    while True:
        await asyncio.sleep(TIDY_S)
        try:
            await _tidy(services, owner)
        except Exception:
            logger.exception("tidying up failed")


async def _end(services: Services, background: Background) -> None:
    await background.close()
    await services.tasks.release()
    await services.assets.release()
    await services.transcriptions.release()
