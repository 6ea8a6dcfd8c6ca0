"""The platform that the settings choose, and the libraries this process holds open over it, each in its folder."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import logging
import os
import re
import stat
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx

from soundbite_api import PlatformClient, PollPolicy
from soundbite_engine.config import UrlPolicy
from soundbite_store import LEDGER_FILE, Ledger
from soundbite_tools import EMBEDDED, Jobs, Library, LibraryConfig, UrlRules, make_ready

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from soundbite_server.local_media import EngineMediaReader
    from soundbite_server.settings import Settings

EMBEDDED_BASE_URL = "http://engine/v1.3"
# Uploads and ten minutes of synchronous embedding take their time; an address that does not answer should not.
# What our engine says beyond the contract; other platforms pass over it.
_EXTENSIONS = ("peaks", "progress", "sounds", "transcript", "warnings")
_TIMEOUT = httpx.Timeout(600.0, connect=10.0, pool=60.0)
_LONGEST_SYNC_EMBEDDED_SEC = 60.0
_LONGEST_SYNC_HOSTED_SEC = 600.0
_MOST_OPEN = 32
_IDLE_S = 600.0  # far longer than any call may take
log = logging.getLogger(__name__)
CALLERS_FOLDER = "callers"
_FOLDERS = ("store", "locks", "engine", "clips", "inline", "uploads", "outgoing", CALLERS_FOLDER)
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Platform:
    """A client of the platform, and what reads media on this machine."""

    client: PlatformClient
    media_reader: EngineMediaReader


@asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Open the platform that the settings choose; leaving closes it and ends its worker processes."""
    opening = _open_embedded(settings) if settings.is_embedded else _open_hosted(settings)
    async with opening as platform:
        yield platform


@asynccontextmanager
async def _open_embedded(settings: Settings) -> AsyncIterator[Platform]:
    engine_package = await _import("soundbite_engine.platform.engine")
    media_module = await _import("soundbite_server.local_media")
    config_module = await _import("soundbite_engine.config")
    config = config_module.EngineConfig(
        home=settings.home / "engine",
        profile=settings.profile,
        models=settings.models,
        speakers=settings.speakers,
        glossary=settings.glossary_file,
        file_urls=True,
        allow_urls=config_module.UrlPolicy.parse(settings.allow_urls),
        **({"workers": settings.workers} if settings.workers else {}),
    )
    async with engine_package.Engine(config) as engine:
        transport = httpx.ASGITransport(app=engine.app)
        async with httpx.AsyncClient(transport=transport, base_url=EMBEDDED_BASE_URL, timeout=_TIMEOUT) as http:
            polls = PollPolicy(first_s=0.1, longest_s=2.0)
            client = PlatformClient(http, polls=polls, include=_EXTENSIONS)
            yield Platform(client, media_module.EngineMediaReader(engine.pool, engine))


@asynccontextmanager
async def _open_hosted(settings: Settings) -> AsyncIterator[Platform]:
    async with (
        _local_reader(settings) as media_reader,
        httpx.AsyncClient(base_url=settings.base_url, timeout=_TIMEOUT) as http,
    ):
        client = PlatformClient(http, api_key=settings.api_key, model_name=settings.hosted_model, include=_EXTENSIONS)
        yield Platform(client, media_reader)


@asynccontextmanager
async def _local_reader(settings: Settings) -> AsyncIterator[EngineMediaReader]:
    """What reads media where no engine runs in this process."""
    workers = await _import("soundbite_engine.workers.pool")
    media_module = await _import("soundbite_server.local_media")
    async with workers.WorkerPool(size=1) as pool:
        yield media_module.EngineMediaReader(pool, glossary=settings.glossary_file, has_speakers=settings.speakers)


async def _import(name: str) -> Any:
    # numpy and the engine take a moment to load; the protocol must stay answered meanwhile.
    return await asyncio.to_thread(importlib.import_module, name)


@asynccontextmanager
async def open_library(settings: Settings) -> AsyncIterator[Library]:
    """Open the platform and the library, as `open_jobs` does, for whoever starts no jobs of their own."""
    async with open_jobs(settings) as jobs:
        yield jobs.library


@asynccontextmanager
async def open_jobs(settings: Settings) -> AsyncIterator[Jobs]:
    """Open the platform and the library with its jobs; leaving stops those, and the next opening takes them up."""
    async with open_platform(settings) as platform, library_on(platform, settings) as jobs:
        yield jobs


@asynccontextmanager
async def open_records(settings: Settings) -> AsyncIterator[Library]:
    """Open the library for whoever looks at what it holds: no platform is started, and no task is taken up."""
    async with (
        AsyncExitStack() as closing,
        _local_reader(settings) as media_reader,
        httpx.AsyncClient(transport=_NobodyThere()) as http,
    ):
        library = _library(Platform(PlatformClient(http), media_reader), settings)
        closing.push_async_callback(library.aclose)
        yield library


class _NobodyThere(httpx.AsyncBaseTransport):
    """Answers none of the platform's calls, which looking does not make."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("this command asks no platform", request=request)


@asynccontextmanager
async def library_on(
    platform: Platform, settings: Settings, *, is_callers: bool = False, is_over_http: bool = False
) -> AsyncIterator[Jobs]:
    """Open a library, and what runs its jobs, on a platform that others may use too.

    One of a caller knows only what it made there itself; over HTTP no path is relative.
    """
    async with (
        AsyncExitStack() as closing,  # the store closes once the jobs of the task group have ended
        anyio.create_task_group() as background,
    ):
        library = _library(platform, settings, is_callers=is_callers, is_over_http=is_over_http)
        closing.push_async_callback(library.aclose)
        jobs = Jobs(library, background)
        background.start_soon(make_ready, jobs)
        try:
            yield jobs
        finally:
            background.cancel_scope.cancel()


def _library(
    platform: Platform, settings: Settings, *, is_callers: bool = False, is_over_http: bool = False
) -> Library:
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(settings.home)
    return Library(
        config=replace(library_config(settings, is_over_http=is_over_http), only_own_ids=is_callers),
        client=platform.client,
        media_reader=platform.media_reader,
        store_uri=settings.store_uri,
        store_access=settings.store_access,
        ledger_path=settings.home / LEDGER_FILE,
    )


def library_config(settings: Settings, *, is_over_http: bool = False) -> LibraryConfig:
    """Return what the tools may do under these settings."""
    policy = UrlPolicy.parse(settings.allow_urls)
    return LibraryConfig(
        home=settings.home,
        roots=settings.roots,
        working_folder=None if is_over_http else Path.cwd(),
        urls=UrlRules(mode="public" if policy.is_public else "off", hosts=policy.hosts),
        platform=EMBEDDED if settings.is_embedded else settings.base_url,
        is_read_only=settings.read_only,
        natural_segmentation=settings.is_embedded,
        file_urls=settings.is_embedded,
        keep_assets=settings.keep_assets,
        voices=settings.voices and settings.speakers,
        glossary=settings.glossary_file,
        local_transcripts=settings.local_transcripts,
        budget_file_minutes=settings.budget_file_minutes,
        budget_day_minutes=settings.budget_day_minutes,
        longest_sync_sec=_LONGEST_SYNC_EMBEDDED_SEC if settings.is_embedded else _LONGEST_SYNC_HOSTED_SEC,
    )


class _OpenLibrary:
    """One open library and the task that holds it."""

    def __init__(self) -> None:
        self.opened, self.closing = anyio.Event(), anyio.Event()
        self.jobs: Jobs | None = None
        self.failure: Exception | None = None
        self.used_at = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether nobody has called for long and nothing runs."""
        is_busy = self.jobs is not None and self.jobs.is_busy
        return self.opened.is_set() and not is_busy and time.monotonic() - self.used_at > _IDLE_S


class LibraryPool:
    """Opens libraries when they are first asked for; when many are open, closes those of callers idle for long."""

    def __init__(self, settings: Settings, platform: Platform, group: TaskGroup, *, is_over_http: bool) -> None:
        self._settings = settings
        self._is_over_http = is_over_http
        self._platform = platform
        self._group = group
        self._libraries: dict[str, _OpenLibrary] = {}

    async def own(self) -> Jobs:
        """Return the jobs of the settings' own library."""
        return await self._get("")

    async def of_caller(self, principal: str) -> Jobs:
        """Return the jobs of a caller's library, made at the first call.

        Raises:
            whatever keeps it from being opened; the next call tries again.
        """
        return await self._get(folder_of(principal))

    async def resume_callers(self) -> None:
        """Open the callers' libraries that have unfinished tasks, so that those go on."""
        for ledger_path in sorted((self._settings.home / CALLERS_FOLDER).glob(f"*/{LEDGER_FILE}")):
            folder = ledger_path.parent.name
            try:
                if await _has_unfinished_tasks(ledger_path):
                    await self._get(folder)
            except Exception as exc:  # one broken library must not keep the others from being served
                log.warning("The library in %s can't be opened: %s", folder, exc)

    def close(self) -> None:
        """Let all libraries go, their jobs parked."""
        for library in self._libraries.values():
            library.closing.set()

    async def _get(self, folder: str) -> Jobs:
        if (library := self._libraries.get(folder)) is None:
            self._close_idle()
            library = self._libraries[folder] = _OpenLibrary()
            self._group.start_soon(self._serve, folder, library)
        library.used_at = time.monotonic()
        await library.opened.wait()
        if library.jobs is None:
            assert library.failure is not None
            raise library.failure
        return library.jobs

    async def _serve(self, folder: str, library: _OpenLibrary) -> None:
        try:
            opening = library_on(
                self._platform,
                self._settings_for(folder),
                is_callers=bool(folder),
                is_over_http=self._is_over_http,
            )
            async with opening as library.jobs:
                library.opened.set()
                await library.closing.wait()
        except Exception as exc:
            log.exception("A library failed")
            library.failure = exc
        finally:
            library.jobs = None
            if self._libraries.get(folder) is library:
                del self._libraries[folder]
            library.opened.set()

    def _settings_for(self, folder: str) -> Settings:
        if not folder:
            return self._settings
        place = f"{CALLERS_FOLDER}/{folder}"
        store = f"{self._settings.store.rstrip('/')}/{place}" if self._settings.store else ""
        # The glossary of the settings is whoever set it's: a caller has one of their own.
        own = {"home": self._settings.home / place, "store": store, "glossary": None}
        return self._settings.model_copy(update=own)

    def _close_idle(self) -> None:
        if len(self._libraries) >= _MOST_OPEN:
            for folder, library in list(self._libraries.items()):
                if folder and library.is_idle:
                    # A call that comes meanwhile opens it anew: one process may open a library twice.
                    del self._libraries[folder]
                    library.closing.set()


@asynccontextmanager
async def open_libraries(settings: Settings, *, is_over_http: bool = False) -> AsyncIterator[LibraryPool]:
    """Open the platform, and libraries on it as they are asked for; leaving parks all jobs."""
    async with open_platform(settings) as platform, anyio.create_task_group() as group:
        pool = LibraryPool(settings, platform, group, is_over_http=is_over_http)
        try:
            yield pool
        finally:
            pool.close()


def folder_of(principal: str) -> str:
    """Return the name of a principal's folder: readable, and different for every principal on every file system."""
    readable = re.sub(r"[^a-z0-9]+", "-", principal.lower()).strip("-")[-24:].strip("-")
    return f"{readable}-{hashlib.sha256(principal.encode()).hexdigest()[:16]}"


async def _has_unfinished_tasks(ledger_path: Path) -> bool:
    async with await Ledger.open(ledger_path) as ledger:
        return bool(await ledger.unfinished_tasks())


def make_private(home: Path) -> None:
    """Keep others out of what is in a library's folder, where its own mode lets them in; the folder itself stays.

    Folders that come later are made now: what is made under a umask that lets others read would be open for a while.
    Nothing is raised where the system has no modes or the files belong to another: `soundbite doctor` says so.
    """
    if not is_open_to_others(home):
        return
    for name in _FOLDERS:
        with contextlib.suppress(OSError):
            (home / name).mkdir(mode=0o700, exist_ok=True)
            (home / name).chmod(0o700)
    for path in home.glob(f"{LEDGER_FILE}*"):
        with contextlib.suppress(OSError):
            path.chmod(0o600)


def open_to_others(home: Path) -> list[Path]:
    """Return what of a library other users of this machine can read."""
    if not is_open_to_others(home):
        return []
    paths = [*(home / name for name in _FOLDERS), *sorted(home.glob(f"{LEDGER_FILE}*"))]
    return [path for path in paths if is_open_to_others(path)]


def is_open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or enter it; never where the system has no such modes."""
    if os.name == "nt":
        return False
    try:
        return bool(path.stat().st_mode & _OF_OTHERS)
    except OSError:
        return False
