"""The clip store: every clip of every space, behind one async interface."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from opentelemetry import trace

from soundbite_store.clips import Clip, ClipHit, Space, SpaceInfo, StoredClip, UpsertResult, VectorIndex
from soundbite_store.errors import StoreError, StoreUnavailable
from soundbite_store.filters import ClipFilter, quoted, quoted_list
from soundbite_store.lance.connection import StoreConnection
from soundbite_store.lance.places import StoreAccess
from soundbite_store.lance.upkeep import Upkeep
from soundbite_store.repair.mending import MendResult, SpaceScan, scan_table
from soundbite_store.rows import full_clips

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from soundbite_store.lance.table import ClipTable

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
# Spans of OpenTelemetry: without an exporter in the process they cost next to nothing.
_tracer = trace.get_tracer("soundbite.store")
_Params = ParamSpec("_Params")
_EVERYTHING = ClipFilter()
# A command that only searches is over by then.
_FIRST_LOOK_S = 5.0
_NO_LIMIT = 10_000_000


def _traced(operation: Callable[_Params, Awaitable[_Result]]) -> Callable[_Params, Awaitable[_Result]]:
    """Return the operation inside a span of its name; of a failure the span has the kind, not the words."""

    @functools.wraps(operation)
    async def run(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        options: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with _tracer.start_as_current_span(f"store {operation.__name__}", **options) as span:
            try:
                return await operation(*args, **kwargs)
            except Exception as exc:
                span.set_attribute("error.type", type(exc).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    return run


class ClipStore:
    """Clips in LanceDB tables, one for each vector space.

    Every method may raise StoreError. A space nobody wrote to reads as empty.
    """

    def __init__(self, connection: StoreConnection) -> None:
        self.connection = connection
        """The tables themselves, for what is stored beside clips."""
        self._writes: set[asyncio.Task[Any]] = set()
        self._upkeep: dict[Space, Upkeep] = {}
        self._first_look: asyncio.Task[None] | None = None
        self._clipped_assets: dict[Space, set[str]] = {}

    @classmethod
    async def open(
        cls,
        uri: str | Path,
        *,
        lock_dir: Path | None = None,
        access: StoreAccess | None = None,
    ) -> Self:
        """Open the store at a folder or an address LanceDB knows (`s3://`, `gs://`, `az://`, `db://`).

        Cheap: LanceDB itself is loaded by the first call that needs it, or by `warm`.
        `lock_dir` holds the lock files of a local store; by default they are kept inside it. `access` says how a
        store that is no folder is reached.

        Raises: StoreUnavailable when a local folder cannot be made or written, or no store can be at the address.
        """
        local_dir = _local_dir(str(uri))
        if local_dir is None:
            return cls(StoreConnection(str(uri), None, None, access))
        locks = lock_dir or local_dir / ".locks"
        await asyncio.to_thread(_make_folders, local_dir, locks)
        return cls(StoreConnection(str(local_dir), local_dir, locks))

    @_traced
    async def warm(self) -> None:
        """Load LanceDB and connect now, so that the first search does not wait for it.

        A process that stays also tidies, a little later, what others left undone.
        """
        await self.connection.database()
        if self._first_look is None:
            self._first_look = asyncio.create_task(self._look_after_all())

    async def aclose(self) -> None:
        """Wait for the writes under way, and for two seconds at most for tidying, then close."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        if self._first_look:
            self._first_look.cancel()
            await asyncio.wait([self._first_look])
        await asyncio.gather(*(upkeep.close() for upkeep in self._upkeep.values()))
        await self.connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def repairs(self) -> tuple[str, ...]:
        """A sentence for each table that a crash had left torn and that was healed at open."""
        return tuple(self.connection.repairs)

    @_traced
    async def upsert(
        self,
        space: Space,
        clips: Sequence[Clip],
        *,
        replace_assets: bool = False,
        replaced: ClipFilter | None = None,
    ) -> UpsertResult:
        """Write clips in one commit, on disk when this returns; the same clips again change nothing.

        What passes `replaced` and is not among the clips is deleted in the same commit; `replace_assets` means all
        other clips of the assets that occur.
        A cancelled caller does not stop a write that has begun.

        Raises: BadVector, SpaceMismatch, StoreFull, StoreBusy.
        """
        if not clips:
            return UpsertResult(0, 0, 0)
        if replace_assets:
            replaced = ClipFilter(asset_ids=tuple(dict.fromkeys(clip.asset_id for clip in clips)))

        async def write() -> UpsertResult:
            table = await self.connection.table_for_writing(space)
            result = await table.upsert(clips, replaced)
            self._upkeep_of(table).note_write()
            return result

        return await self._unstoppable(write())

    @_traced
    async def update_asset(
        self,
        asset_id: str,
        *,
        title: str | None = None,
        tags: Sequence[str] | None = None,
        source_uri: str | None = None,
        metadata_json: str | None = None,
    ) -> int:
        """Change what the rows of an asset say about it, in all spaces; returns the number of rows."""
        texts = {"title": title, "source_uri": source_uri, "metadata_json": metadata_json}
        values = {column: quoted(text) for column, text in texts.items() if text is not None}
        if tags is not None:
            values["tags"] = quoted_list(tags)
        if not values:
            return 0

        async def write() -> int:
            where = ClipFilter(asset_ids=(asset_id,))
            return sum([await table.update(values, where) for table in await self._all_tables()])

        return await self._unstoppable(write())

    @_traced
    async def delete_asset(self, asset_id: str) -> int:
        """Delete an asset's rows in all spaces; returns the number of rows."""

        async def write() -> int:
            where = ClipFilter(asset_ids=(asset_id,))
            rows = sum([await table.delete(where) for table in await self._all_tables()])
            for known in self._clipped_assets.values():
                known.discard(asset_id)
            return rows

        return await self._unstoppable(write())

    @_traced
    async def delete_other_tasks(self, asset_id: str, task_id: str) -> int:
        """Delete the rows of an asset, in all spaces, that another task made; returns their number."""

        async def write() -> int:
            where = ClipFilter(asset_ids=(asset_id,), not_task_id=task_id)
            return sum([await table.delete(where) for table in await self._all_tables()])

        return await self._unstoppable(write())

    @_traced
    async def delete_clips(self, space: Space, where: ClipFilter) -> int:
        """Delete the matching rows of a space; returns their number."""

        async def write() -> int:
            table = await self.connection.table(space)
            return 0 if table is None else await table.delete(where)

        return await self._unstoppable(write())

    @_traced
    async def vector_search(
        self,
        space: Space,
        vector: ArrayLike,
        *,
        where: ClipFilter = _EVERYTHING,
        limit: int = 10,
        exact: bool = False,
    ) -> list[ClipHit]:
        """The clips nearest to a vector by cosine, best first, each clip once; `exact` never uses an index.

        Raises: BadVector.
        """
        table = await self.connection.table(space)
        if table is None or limit < 1:
            return []
        return await table.search.by_vector(vector, where, limit, exact=exact)

    @_traced
    async def text_search(
        self,
        space: Space,
        text: str,
        *,
        where: ClipFilter = _EVERYTHING,
        limit: int = 10,
        near: ArrayLike | None = None,
    ) -> list[ClipHit]:
        """The clips that hold words of the text, best BM25 first, each once; with their cosines to `near`, if cheap."""
        table = await self.connection.table(space)
        return [] if table is None or limit < 1 else await table.search.by_words(text, where, limit, near)

    @_traced
    async def clips(
        self, space: Space, where: ClipFilter = _EVERYTHING, *, limit: int = 100, offset: int = 0
    ) -> list[StoredClip]:
        """Rows without vectors, by asset and time; one for each embedding of a clip."""
        table = await self.connection.table(space)
        return [] if table is None or limit < 1 else await table.clips(where, limit, offset)

    @_traced
    async def embeddings(
        self, space: Space, where: ClipFilter = _EVERYTHING, *, limit: int = _NO_LIMIT, offset: int = 0
    ) -> list[Clip]:
        """Rows with their vectors, by asset and time."""
        table = await self.connection.table(space)
        return [] if table is None or limit < 1 else await table.embeddings(where, limit, offset)

    @_traced
    async def count(self, space: Space, where: ClipFilter = _EVERYTHING) -> int:
        """The number of rows that match."""
        table = await self.connection.table(space)
        return 0 if table is None else await table.count(where)

    async def has_clips(self, space: Space, where: ClipFilter = _EVERYTHING) -> bool:
        """Whether any row matches."""
        return await self.count(space, where) > 0

    async def assets_with_clips(self, space: Space, asset_ids: Iterable[str]) -> set[str]:
        """Those of the assets that have clips of their own in a space, by sound or by words, not fused or whole only.

        Asked once for each: it stays true until the asset is deleted.
        """
        assets, known = set(asset_ids), self._clipped_assets.setdefault(space, set())
        for asset_id in assets - known:
            for option in ("audio", "transcription"):
                own = ClipFilter(asset_ids=(asset_id,), embedding_option=option, embedding_scope="clip")
                if await self.has_clips(space, own):
                    known.add(asset_id)
                    break
        return assets & known

    async def spaces(self) -> list[SpaceInfo]:
        """What each space holds, by space id."""
        tables = await self._all_tables()
        return sorted([await table.info() for table in tables], key=lambda info: info.space.id)

    async def scan(self, space: Space) -> SpaceScan | None:
        """Read every row of a space and compare it with its checksum; None when there is no such table.

        Raises: StoreUnavailable, StoreFull or StoreBusy, where that is why rows can't be read just now.
        """
        table = await self.connection.table(space)
        return None if table is None else await scan_table(space, table.lance)

    @_traced
    async def mend(self, space: Space) -> MendResult:
        """Take out the rows that a scan can't read and all but one of those that are there twice.

        The recordings of what could not be read have to be embedded again. What only can't be read just now (a disk, a
        network, a permission) stops it, and nothing is touched.

        Raises: StoreBusy, StoreUnavailable, StoreFull.
        """
        table = await self.connection.table(space)
        return MendResult(0, 0) if table is None else await self._unstoppable(self._upkeep_of(table).mend())

    async def everything(self, space: Space) -> AsyncIterator[tuple[list[Clip], list[int]]]:
        """All rows with their vectors and the checksums they were written with, in batches, in no order."""
        table = await self.connection.table(space)
        if table is not None:
            async for rows in table.batches():
                yield await asyncio.to_thread(full_clips, rows), rows.column("checksum").to_pylist()

    @_traced
    async def optimise(self, space: Space) -> bool:
        """Compact and index a table now; False when another process is at it or there is no such table.

        Writes start this by themselves, in the background, when enough of them have gathered and there is a pause.

        Raises: StoreFull when there is no room for it.
        """
        table = await self.connection.table(space)
        if table is None:
            return False
        return await self._unstoppable(self._upkeep_of(table).run())

    @_traced
    async def purge(self) -> None:
        """Leave nothing of rows that were deleted or replaced in the files of a local store.

        Of a store that is elsewhere nothing is purged: others may be reading its earlier versions.

        Raises: StoreBusy, StoreFull.
        """
        for table in await self._all_tables():
            if table.folder:
                await self._unstoppable(self._upkeep_of(table).purge())

    async def measure(self, space: Space) -> VectorIndex | None:
        """Measure a vector index that was built by others, and keep what was found with it for every search.

        None where there is no such table.
        """
        table = await self.connection.table(space)
        return None if table is None else await self._unstoppable(self._upkeep_of(table).measure_index())

    async def wait_for_upkeep(self) -> None:
        """Wait for a pause in writing, and until the tidying that is due then is done."""
        await asyncio.gather(*(upkeep.wait() for upkeep in self._upkeep.values()))

    async def _look_after_all(self) -> None:
        await asyncio.sleep(_FIRST_LOOK_S)
        with contextlib.suppress(StoreError):  # whoever needs the table hears of it
            for table in await self._all_tables():
                self._upkeep_of(table).note_write()

    def _upkeep_of(self, table: ClipTable) -> Upkeep:
        return self._upkeep.setdefault(table.space, Upkeep(table))

    async def _all_tables(self) -> list[ClipTable]:
        tables = [await self.connection.table(space) for space in await self.connection.spaces()]
        return [table for table in tables if table is not None]

    async def _unstoppable(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        # LanceDB finishes a commit whose caller was cancelled; the fsync after it and the lock around it must
        # live as long.
        task = asyncio.create_task(work)
        self._writes.add(task)
        task.add_done_callback(self._write_done)
        return await asyncio.shield(task)

    def _write_done(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.debug("A write to the clip store failed: %s", task.exception())


def _local_dir(uri: str) -> Path | None:
    if uri.startswith("file://"):
        return Path(url2pathname(urlsplit(uri).path))
    return None if "://" in uri else Path(uri).expanduser().absolute()


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreUnavailable(
                f"The store folder {folder} cannot be made: {exc.strerror}. Check SOUNDBITE_STORE."
            ) from exc
