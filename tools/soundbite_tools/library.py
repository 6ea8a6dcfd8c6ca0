"""The library: the configuration, the platform, the store and the ledger that all tools work on."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread

from soundbite_store import (
    ClipStore,
    Ledger,
    Sharing,
    Space,
    StoreAccess,
    StoreBusy,
    StoreError,
    Voices,
    capabilities_of,
    finish_rewrites,
)

if TYPE_CHECKING:
    from soundbite_api import EmbeddedSpace, PlatformClient
    from soundbite_tools.sources.local_media import MediaReader

EMBEDDED = "embedded"
MIB = 1024 * 1024
# What other machines wrote shows this much later at the most; each look is a request or two.
_CATCH_UP_EVERY_S = 5.0
_WAIT_FOR_OTHERS_S = 2.0
_CATCH_UP_AGAIN_S = 60.0
# A write of the clips of four hours takes a few seconds.
_REWRITING_S = 60.0
# Scrubbing takes the processor and the disk from all else: so many times what it took is left to that.
_REST = 3.0
# Any text does: only the space of the answer and the length of its vector are looked at.
_PROBE = "sound"
VOICES_FILE = "voices.sqlite"
"""Beside the ledger: voices are in this file and nowhere else."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UrlRules:
    """Which addresses may be named as a source.

    `public` allows https to public hosts, `off` none; `hosts` (`host` or `host:port`, lower case) are allowed besides,
    over http as well. Whoever fetches the URL also checks the addresses behind the name.
    """

    mode: Literal["off", "public"] = "public"
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LibraryConfig:
    """How a library is run; the server makes it from its settings."""

    home: Path
    """Folder for what the tools write: inline audio they were given, and clips cut for playing."""
    roots: tuple[Path, ...] = ()
    """Folders whose audio may be read."""
    working_folder: Path | None = field(default_factory=Path.cwd)
    """Where relative paths start; None refuses them, since callers over HTTP don't share the server's folder."""
    urls: UrlRules = field(default_factory=UrlRules)
    platform: str = EMBEDDED
    """`embedded`, or the base URL of the platform; kept with each task, and part of what may be reused."""
    is_read_only: bool = False
    """Whether nothing is embedded and no task taken in: unfinished ones are left to who may write."""
    natural_segmentation: bool = True
    """Whether `segmentation=auto` means natural (the platform must know it) rather than fixed."""
    glossary: Path | None = None
    """A text file of names as they are spelled; None is one in `home`."""
    only_own_ids: bool = False
    """Whether assets and tasks of the platform that this library did not make are unknown to it."""
    file_urls: bool = False
    """Whether the platform reads local files itself, so that nothing is uploaded."""
    keep_assets: bool = True
    """Whether uploaded files stay on the platform once their vectors are here."""
    longest_sync_sec: float = 60.0
    """Up to here one call embeds; longer audio becomes a task of the platform."""
    longest_audio_sec: float = 4 * 3600.0
    largest_file_bytes: int = 4096 * MIB
    largest_upload_bytes: int = 4096 * MIB
    """Where files are uploaded, not referenced."""
    upload_containers: frozenset[str] = frozenset({"wav", "mp3", "flac"})
    """Formats the platform reads; the sound of others is turned into FLAC on the way."""
    cut_from_bytes: int = 32 * MIB
    """From this size on, a window of a file is cut out before it is uploaded, where that makes it much smaller."""
    voices: bool = False
    """Whether the voices of speakers are kept, so that a person who was named is known in other recordings."""
    local_transcripts: bool = True
    """Whether words that the platform does not give are recognised on this machine."""
    largest_inline_bytes: int = 36 * MIB
    largest_clip_bytes: int = 2 * MIB
    """Sound of one clip, as cut by get_clip."""
    most_clips_bytes: int = 512 * MIB
    """Cut sounds that are kept for playing again; beyond that the oldest are deleted at the next start."""
    budget_file_minutes: float = 0.0
    """Most audio of one file that a billed platform may embed; 0 is no limit."""
    budget_day_minutes: float = 0.0
    """Most audio a day (UTC) that a billed platform may embed; 0 is no limit."""
    jobs_at_once: int = 2
    job_attempts: int = 5
    """How often a job is tried while the platform's errors say that a retry may help."""
    job_retry_s: float = 5.0
    """Pause before the second try; each later one is twice as long."""
    longest_task_s: float = 12 * 3600.0
    """How long a task of the platform is waited for."""

    @property
    def glossary_file(self) -> Path:
        """The text file of names as they are spelled."""
        return self.glossary or self.home / "glossary.txt"

    @property
    def clips_folder(self) -> Path:
        """Sounds cut for playing, each of which can be cut again."""
        return self.home / "clips"

    @property
    def recordings_folder(self) -> Path:
        """Recordings that were made here, each of which goes with what is known of it."""
        return self.home / "recordings"

    @property
    def outgoing_folder(self) -> Path:
        """Folders with files made for an upload, deleted when it ends."""
        return self.home / "outgoing"

    def may_read(self, path: Path) -> bool:
        """Return whether a real path lies in a folder that may be read, and in none below it that is hidden."""
        for root in self.roots:
            folder = root.resolve()
            # A hidden folder that is named itself is open, also inside another one.
            if path.is_relative_to(folder) and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                return True
        return False

    @property
    def is_embedded(self) -> bool:
        """Whether the platform runs on this machine, so that nothing is billed."""
        return self.platform == EMBEDDED


@dataclass(frozen=True)
class CurrentSpace:
    """A space, and the widths of the blocks its vectors are made of (empty where the platform does not say)."""

    space: Space
    blocks: Mapping[str, int]


class SpaceFinder:
    """Asks the platform once which space it embeds into; answers that come later correct it."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client
        self._asking = anyio.Lock()
        self._current: CurrentSpace | None = None

    async def current(self) -> CurrentSpace:
        """Return the space of what the platform embeds now.

        Raises:
            PlatformError: the platform does not say.
        """
        if self._current is not None:
            return self._current
        async with self._asking:
            if self._current is None:
                answer = await self._client.embed_text(_PROBE)
                self._current = current_space(answer.space, len(answer.vector))
        return self._current

    def seen(self, current: CurrentSpace) -> None:
        """Take note of the space of an answer."""
        self._current = current


class Library:
    """The store, the ledger, the platform's client with its space, local media, and the configuration.

    Nothing is opened by making one: the store and the ledger open when they are first needed. The platform client
    should ask for the extensions `progress` and `transcript` where the platform is our engine.
    """

    def __init__(
        self,
        *,
        config: LibraryConfig,
        client: PlatformClient,
        media_reader: MediaReader,
        store_uri: str | Path,
        ledger_path: Path,
        store_access: StoreAccess | None = None,
    ) -> None:
        self.config = config
        self.client = client
        self.media_reader = media_reader
        self.spaces = SpaceFinder(client)
        self._store_uri = store_uri
        self._store_access = store_access
        self._ledger_path = ledger_path
        self._opening = anyio.Lock()
        self._making_whole = anyio.Lock()
        self._is_rewriting = False
        self._open = AsyncExitStack()
        self._store: ClipStore | None = None
        self._ledger: Ledger | None = None
        self._voices: Voices | None = None
        self._is_shared = capabilities_of(str(store_uri)).is_shared
        self._sharing: Sharing | None = None
        self._catching_up = anyio.Lock()
        self._clock = time.monotonic
        self._caught_up_until = 0.0
        self._whole_until = 0.0
        self._scrubbing_from = 0.0

    async def aclose(self) -> None:
        """Close the store and the ledger; call it once everything that works on them has ended."""
        with anyio.CancelScope(shield=True):
            await self._open.aclose()

    async def store(self) -> ClipStore:
        """Return the clips, opened at the first call.

        Raises:
            StoreError: it can't be opened.
        """
        await self._make_whole()
        return await self._opened_store()

    async def _opened_store(self) -> ClipStore:
        if self._store is not None:
            return self._store
        async with self._opening:
            if self._store is None:
                self._store = await self._open.enter_async_context(
                    await ClipStore.open(self._store_uri, access=self._store_access)
                )
        return self._store

    async def ledger(self) -> Ledger:
        """Return the tasks, assets and transcripts, opened at the first call.

        Raises:
            StoreError: it can't be opened.
        """
        await self._make_whole()
        ledger = await self._opened_ledger()
        await self._catch_up(ledger)
        return ledger

    async def _opened_ledger(self) -> Ledger:
        if self._ledger is not None:
            return self._ledger
        async with self._opening:
            if self._ledger is None:
                self._ledger = await self._open.enter_async_context(await Ledger.open(self._ledger_path))
        return self._ledger

    @asynccontextmanager
    async def rewriting(self) -> AsyncIterator[None]:
        """Hold the right to change transcripts with their clips; nothing is half when it begins.

        Raises:
            StoreError: another process holds it for too long, or the library can't be opened.
        """
        store, ledger = await self.store(), await self.ledger()
        lock = ledger.rewriting_lock()
        await lock.acquire(_REWRITING_S)
        self._is_rewriting = True
        try:
            await finish_rewrites(store, ledger)
            yield
        finally:
            self._is_rewriting = False
            await lock.release()

    @property
    def scrubbing_rest_s(self) -> float:
        """How long scrubbing should wait, so that a removal after the other does not keep the library busy."""
        return max(0.0, self._scrubbing_from - self._clock())

    def note_scrubbing(self, took_s: float) -> None:
        """Note that the library was scrubbed just now."""
        self._scrubbing_from = self._clock() + _REST * took_s

    async def _make_whole(self) -> None:
        """Make the changes of clips that a killed process has left; wait a moment for one that makes its own."""
        if self._is_rewriting or self._clock() < self._whole_until:
            return
        async with self._making_whole:  # whoever comes meanwhile must not see it half
            if self._clock() < self._whole_until:
                return
            ledger = await self._opened_ledger()
            if await ledger.has_rewrites():
                store = await self._opened_store()  # before the lock: others wait for it a moment only
                lock = ledger.rewriting_lock()
                try:
                    await lock.acquire(_WAIT_FOR_OTHERS_S)
                except StoreBusy:  # it changes many: looked at again soon, for its holder may be killed
                    self._whole_until = self._clock() + _WAIT_FOR_OTHERS_S
                    return
                try:
                    await finish_rewrites(store, ledger)
                finally:
                    await lock.release()
            self._whole_until = self._clock() + _CATCH_UP_EVERY_S

    async def voices(self, *, is_erasing: bool = False) -> Voices | None:
        """Return the voices of speakers, opened at the first call; None where they are not wanted and so not kept.

        To erase them they are opened also then, if there are any.

        Raises:
            StoreError: they can't be opened.
        """
        if not (is_erasing or self.config.voices):
            return None
        if self._voices is not None:
            return self._voices
        path = self._ledger_path.with_name(VOICES_FILE)
        is_there = await anyio.to_thread.run_sync(path.exists)
        if not is_there and (is_erasing or self.config.is_read_only):
            return None
        async with self._opening:
            if self._voices is None:
                self._voices = await self._open.enter_async_context(await Voices.open(path))
        return self._voices

    async def sharing(self) -> Sharing | None:
        """Return what tells the machines that share the store of recordings; None where no others do.

        Raises:
            StoreError: the store or the ledger can't be opened.
        """
        return await self._sharing_of(await self.ledger()) if self._is_shared else None

    async def _sharing_of(self, ledger: Ledger) -> Sharing:
        if self._sharing is None:
            store = await self.store()
            self._sharing = Sharing(store, ledger, lambda path: self.config.may_read(path.resolve()))
        return self._sharing

    async def _catch_up(self, ledger: Ledger) -> None:
        if not self._is_shared or self._clock() < self._caught_up_until:
            return
        async with self._catching_up:
            if self._clock() < self._caught_up_until:
                return
            pause_s = _CATCH_UP_EVERY_S
            try:
                await (await self._sharing_of(ledger)).catch_up()
            except StoreError as exc:
                # What this machine knows stays at hand; the call that needs the clips says what is wrong with them.
                log.warning("What other machines wrote can't be read: %s", exc)
                pause_s = _CATCH_UP_AGAIN_S
            self._caught_up_until = self._clock() + pause_s


def current_space(space: EmbeddedSpace, dimension: int) -> CurrentSpace:
    """Return the space of an answer; blocks that do not add up to the vector are no blocks."""
    blocks = space.blocks if sum(space.blocks.values()) == dimension else {}
    return CurrentSpace(Space(space.id, dimension), blocks)
