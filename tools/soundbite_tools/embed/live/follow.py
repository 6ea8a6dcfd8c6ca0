"""A recording that somebody else still writes: entered, followed until it ends, and then embedded like any other."""

from __future__ import annotations

import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import PlatformError, SourceFile
from soundbite_store import Asset
from soundbite_tools.embed.live.parts import LiveParts, LiveSound, keep_parts
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.renewal import release_path
from soundbite_tools.embed.spending import TaskFigures
from soundbite_tools.errors import SourceProblem, raises_problems
from soundbite_tools.sources.disk import can_tell_writers, written_files
from soundbite_tools.sources.files import allowed_file, read_facts
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.sources.recordings import LIVE_PREFIX, live_task
from soundbite_tools.sources.sources import asset_id_for, title_for
from soundbite_tools.text import LONGEST_TITLE, changed_tags, plain_text, quoted, time_reached

if TYPE_CHECKING:
    from soundbite_store import Task
    from soundbite_tools.library import Library
    from soundbite_tools.requests import EmbedRequest

LIVE_FOLDER = "live"
"""Below the home folder: what is decoded so far of the recordings that are being written."""
FOLLOWING_STAGE, LEFT_STAGE = "following", "left"
"""Stages: it is followed; it was asked to end while the file is still written, and waits for the next start."""
_SOUND, _OVER, _STOP = "sound.pcm", "over", "stop"
_LOOK_EVERY_S = 0.25
_EVERY_SEC = 3.5
"""So much new sound makes a new stretch: a recogniser takes a second for each."""
_QUIET_S, _QUIET_UNTOLD_S = 4.0, 20.0
"""A file that has not grown for so long has ended, where nobody writes to it, or where that is not known."""
_RETRY_S = 2.0
# So much less than could be searched is a loss, and not the end of a packet.
_LOST_SEC = 2.0
_DELETED = "Its file was deleted before the recording had ended"
_CUT_SHORT = "Its file was cut short or written anew while it was followed, and no longer holds what was recorded"
# After an interruption hours may be there at once.
_MOST_AT_ONCE_SEC = 60.0
# Files that this process writes: it must not take itself for somebody else.
_own_files: dict[Path, Callable[[], bool]] = {}

log = logging.getLogger(__name__)


@contextmanager
def writing(path: Path, is_over: Callable[[], bool]) -> Iterator[None]:
    """Say that this process writes to a file, which has ended once it says so, however quiet it is."""
    _own_files[path] = is_over
    try:
        yield
    finally:
        del _own_files[path]


@raises_problems
async def begin_following(library: Library, request: EmbedRequest) -> Task:
    """Return the task that follows the file of a request, a new one unless there is one already.

    Raises:
        SourceProblem: there is no such file, or this library can't follow one.
        StoreError: the ledger can't be read or written.
    """
    if not library.config.is_embedded or await library.sharing():
        raise SourceProblem(
            "A file is followed by the engine of this machine, into a store of its own.",
            "Unset TWELVELABS_API_KEY and SOUNDBITE_STORE, or add the file once it is whole.",
            code="not_followed",
        )
    path = Path(request.source)
    if path not in _own_files:  # those lie in the home folder, which need not be open to agents
        path = await anyio.to_thread.run_sync(allowed_file, request.source, library.config)
    if task := await live_task(library, str(path)):
        return task
    ledger, number = await library.ledger(), uuid.uuid4().hex
    asset = Asset(
        asset_id=asset_id_for(number),
        content_hash=LIVE_PREFIX + number,
        title=plain_text(request.title or title_for(path.name), LONGEST_TITLE),
        source_uri=str(path),
        source_kind="file",
        size_bytes=0,
        mtime_ns=0,
        duration_sec=0.0,
        tags=changed_tags((), request.tags),
        metadata_json="{}",
        created_at=datetime.now(UTC),
    )
    params = EmbedParams.of(request, knows_natural=True)
    await ledger.put_asset(asset)
    await release_path(library, asset)
    return await ledger.create_task(
        asset_id=asset.asset_id,
        space="",
        platform=library.config.platform,
        params_json=params.model_dump_json(),
        stage=FOLLOWING_STAGE,
    )


def live_folder(library: Library, task: Task) -> Path:
    """Return the folder with what is decoded of the recording of a task."""
    return library.config.home / LIVE_FOLDER / task.task_id


async def end_following(library: Library, task: Task) -> None:
    """Ask whoever follows the recording of a task to end."""
    await anyio.to_thread.run_sync((live_folder(library, task) / _STOP).touch)


async def follow_to_end(library: Library, task: Task, asset: Asset) -> Asset:
    """Make clips of a recording while it is written, and return it as it is once it has ended.

    Where its file was deleted or cut short meanwhile, the task has the figures of what was made of it, and nothing is
    left to do.

    Raises:
        SourceProblem: it holds nothing, or is gone.
        StoreError: it can't be written.
    """
    ledger = await library.ledger()
    folder, path = live_folder(library, task), Path(asset.source_uri)
    if interruption := await anyio.to_thread.run_sync(_interruption, folder, path, task, asset):
        notes = [*json.loads(task.notes_json), interruption]
        task = await ledger.update_task(task.task_id, notes_json=json.dumps(notes)) or task
    await anyio.to_thread.run_sync(_fresh, folder)
    await ledger.update_task(task.task_id, stage=FOLLOWING_STAGE)
    parts = LiveParts(
        library, task, asset, EmbedParams.model_validate_json(task.params_json), LiveSound(folder / _SOUND)
    )
    following = _Following(library, task, path, folder, parts)
    try:
        await following.run()
        is_cut_short = await following.is_cut_short()
    finally:
        # What a killed process leaves behind says so to the next one.
        shutil.rmtree(folder, ignore_errors=True)
    if interruption:
        log.warning("%s", interruption)
    asset = await ledger.get_asset(asset.asset_id) or asset  # its title or tags may have changed
    if is_cut_short and (gone := await keep_parts(library, task, asset, _CUT_SHORT)):
        return gone
    try:
        facts = await anyio.to_thread.run_sync(read_facts, SourceFile(path), library.config)
    except SourceProblem:
        cause = _CUT_SHORT if await anyio.Path(path).exists() else _DELETED
        if gone := await keep_parts(library, task, asset, cause):
            return gone
        raise
    whole = replace(
        asset,
        content_hash=facts.content_hash,
        size_bytes=facts.size_bytes,
        mtime_ns=facts.mtime_ns,
        duration_sec=0.0,
    )
    await ledger.update_task(task.task_id, stage="queued")
    await ledger.put_asset(whole)
    return whole


@dataclass
class _Growth:
    """How long a file has been of one size, and whether it ever became smaller."""

    size_bytes: int = -1
    since_s: float = 0.0
    has_shrunk: bool = False

    def quiet_s(self, path: Path) -> float:
        """Look at it; infinite where it is gone."""
        try:
            size = path.stat().st_size
        except OSError:
            return float("inf")
        if size != self.size_bytes:
            self.has_shrunk |= size < self.size_bytes
            self.size_bytes, self.since_s = size, time.monotonic()
        return time.monotonic() - self.since_s


class _Following:
    """One recording while it is written."""

    def __init__(self, library: Library, task: Task, path: Path, folder: Path, parts: LiveParts) -> None:
        self._library = library
        self._task = task
        self._path = path
        self._folder = folder
        self._parts = parts
        self._sound = LiveSound(folder / _SOUND)
        self._growth = _Growth()
        self._is_decoded = False

    async def run(self) -> None:
        """Embed one stretch after the other until the file has ended and all of it is embedded."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._decode)
            while True:
                is_over = await self._is_over()
                if is_over:
                    await anyio.to_thread.run_sync((self._folder / _OVER).touch)
                if self._is_decoded or self._sound.seconds - self._parts.until_sec >= _EVERY_SEC:
                    await self._take()
                elif not is_over:
                    await anyio.sleep(_LOOK_EVERY_S)
                else:
                    await anyio.sleep(_LOOK_EVERY_S / 5)
                if self._is_decoded and (is_over or await self._is_over()):
                    break
        if (self._folder / _STOP).exists() and await self._is_written():
            # Its end is not there to be embedded: the next start does that, or goes on following.
            await (await self._library.ledger()).update_task(self._task.task_id, stage=LEFT_STAGE)
            await anyio.sleep_forever()

    async def is_cut_short(self) -> bool:
        """Return whether the file is there and holds less sound than can be searched."""
        until_sec = self._parts.until_sec - _LOST_SEC
        if until_sec <= 0 or not await anyio.Path(self._path).exists():
            return False
        reader = self._library.media_reader
        try:
            length_sec = (await reader.probe(SourceFile(self._path))).duration_sec or 0.0
        except MediaProblem:
            return True
        if self._growth.has_shrunk or length_sec < until_sec:
            # The header may name another length than there is. What can't be read so has its length in an index.
            (self._folder / _OVER).touch()
            with suppress(MediaProblem):
                length_sec = await reader.decode_growing(self._path, self._folder / _SOUND, self._folder / _OVER)
        return length_sec < until_sec

    async def _take(self) -> None:
        known_sec = self._sound.seconds
        end_sec = known_sec if self._is_decoded else await anyio.to_thread.run_sync(self._sound.pause_before, known_sec)
        if end_sec - self._parts.until_sec < (0.3 if self._is_decoded else 1.0):
            await anyio.sleep(_LOOK_EVERY_S)
            return
        end_sec = min(end_sec, self._parts.settled_sec + _MOST_AT_ONCE_SEC)
        try:
            await self._parts.take(end_sec)
        except PlatformError as exc:
            log.warning("A stretch of %s was not embedded yet: %s", self._path.name, exc.message)
            await anyio.sleep(_RETRY_S)

    async def _decode(self) -> None:
        try:
            await self._library.media_reader.decode_growing(self._path, self._folder / _SOUND, self._folder / _OVER)
        except MediaProblem as exc:
            log.info("%s is embedded once it is whole: %s", self._path.name, exc)
        self._is_decoded = True

    async def _is_over(self) -> bool:
        quiet_s = await anyio.to_thread.run_sync(self._growth.quiet_s, self._path)
        if (self._folder / _STOP).exists():
            return True
        if is_over := _own_files.get(self._path):
            return is_over()
        if quiet_s < (_QUIET_S if can_tell_writers() else _QUIET_UNTOLD_S):
            return False
        return quiet_s == float("inf") or not await self._is_written()

    async def _is_written(self) -> bool:
        if is_over := _own_files.get(self._path):
            return not is_over()
        return bool(await anyio.to_thread.run_sync(written_files, [self._path]))


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _interruption(folder: Path, path: Path, task: Task, asset: Asset) -> str:
    """Say what an earlier process that followed the recording had reached; empty if there was none, or that is said."""
    if not folder.exists():
        return ""
    reached = time_reached(TaskFigures.of(task).until_sec, 0.0)
    try:
        last = datetime.fromtimestamp(path.stat().st_mtime).strftime("%H:%M:%S")  # noqa: DTZ006 - the reader's own clock
    except OSError:
        last = "an unknown time"
    lost = f"Its file was last written at {last}: what was said later is not in it."
    # A process that followed it in between, as far as it came, lost nothing more.
    if any(note.endswith(lost) for note in json.loads(task.notes_json)):
        return ""
    return (
        f"Following {quoted(plain_text(asset.title, 80))} was interrupted; it could be searched until {reached}. {lost}"
    )
