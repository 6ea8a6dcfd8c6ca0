"""The embedded platform: everything one engine holds open, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Self

from starlette.applications import Starlette

from soundbite_engine.config import EngineConfig
from soundbite_engine.platform.app import build_app
from soundbite_engine.platform.assets import LEFT_BEHIND_S, Assets
from soundbite_engine.platform.background import Background
from soundbite_engine.platform.database import Database
from soundbite_engine.platform.embedding import Embedder
from soundbite_engine.platform.fetch import Fetcher
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.ownership import Owner
from soundbite_engine.platform.services import Services
from soundbite_engine.platform.tasks import Tasks
from soundbite_engine.platform.transcription import Transcriptions
from soundbite_engine.platform.uploads import Uploads
from soundbite_engine.profiles import Profile, load_profile
from soundbite_engine.workers import scratch
from soundbite_engine.workers.pool import WorkerPool

logger = logging.getLogger(__name__)
TIDY_S = 3600.0


class Engine:
    """Serves the audio-embedding contract as an ASGI application.

    Use as an async context manager: what an application server or `httpx.ASGITransport` would do with a lifespan
    happens there. Work left unfinished by an engine of the same home is taken up again.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._stack = contextlib.AsyncExitStack()
        self._app: Starlette | None = None
        self._assets: Assets | None = None
        self._profile = load_profile(config.profile, config.models)
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

    async def kept_file(self, asset_id: str) -> Path | None:
        """The file of a ready asset, while the engine is open; None where its bytes are not here, or not any more."""
        return await self._assets.kept_file(asset_id) if self._assets else None

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
            self._app, self._assets = build_app(services), services.assets
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._app = self._assets = None
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
    await asyncio.to_thread(scratch.tidy, before)


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
