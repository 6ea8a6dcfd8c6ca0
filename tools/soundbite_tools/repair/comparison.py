"""What the ledger calls ready, compared with what the store holds and the engine was given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_api import NotFound
from soundbite_store import Asset, ClipFilter, Holding, Space, StoreRescue, Task
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.spending import TaskFigures
from soundbite_tools.library import EMBEDDED
from soundbite_tools.sources.sources import source_label

if TYPE_CHECKING:
    from soundbite_store import Ledger
    from soundbite_tools.library import Library

_PAGE = 1_000
_TITLES_READ = 1


@dataclass(frozen=True)
class Loss:
    """A recording that the ledger calls ready and of which the store lacks vectors."""

    asset: Asset
    task: Task
    """The task that made them."""
    space: Space
    recorded: int
    """Vectors that the ledger has noted."""
    missing: int
    """Of them; 0 where as many others are in their place."""

    @property
    def source(self) -> str:
        """Where the recording came from."""
        return source_label(self.asset)


@dataclass(frozen=True)
class Stray:
    """A recording, or a task of it, that the ledger does not know and whose vectors the store holds."""

    asset_id: str
    title: str
    source_uri: str
    space: Space
    vectors: int
    task_ids: frozenset[str]


@dataclass(frozen=True)
class Unheard:
    """A recording that the engine was given and has not any more."""

    asset: Asset
    task: Task
    is_known: bool
    """Whether the engine knows of it, and lacks only the sound."""


@dataclass(frozen=True)
class Comparison:
    """How the ledger and the store differ."""

    losses: tuple[Loss, ...]
    strays: tuple[Stray, ...]
    wordless: tuple[Asset, ...]
    """Recordings in which words were recognised, and whose transcripts the ledger has not."""
    unheard: tuple[Unheard, ...]
    """Recordings that the engine of this machine was given and has not any more."""

    @property
    def is_equal(self) -> bool:
        """Whether each has what the other says."""
        return not (self.losses or self.strays or self.wordless or self.unheard)


@dataclass(frozen=True)
class _Holdings:
    """What all spaces hold."""

    of_assets: Mapping[tuple[str, str], Sequence[Holding]]
    """By space and asset."""
    spaces: Mapping[str, Space]


async def compare(library: Library, *, is_deep: bool) -> Comparison:
    """Compare the ledger with the store; deep, with the ids of rows, and ask the engine for what it was given.

    A recording that is embedded or removed meanwhile is no difference.

    Raises:
        StoreError: one of them can't be read.
    """
    ledger = await library.ledger()
    before = await _tasks(ledger)
    holdings = await _holdings(library, is_deep=is_deep)
    tasks, assets = await _tasks(ledger), await _assets(ledger)
    # The clips of a recording that is being renewed give way before its earlier tasks do.
    in_renewal = {task.asset_id for task in tasks.values() if task.status == "processing" and task.renewal_json}
    ready = [
        task
        for task in before.values()
        if task.status == "ready" and task.task_id in tasks and task.asset_id not in in_renewal
    ]
    worded = await ledger.assets_with_transcripts()
    has_copies = library.config.is_embedded and library.config.keep_assets
    return Comparison(
        losses=tuple(_losses(ready, assets, holdings)),
        strays=tuple(await _strays(library, holdings, before | tasks, assets)),
        wordless=tuple(_wordless(ready, assets, worded)),
        unheard=tuple(await _unheard(library, ready, assets)) if is_deep and has_copies else (),
    )


async def _tasks(ledger: Ledger) -> dict[str, Task]:
    return {task.task_id: task for task in await ledger.list_tasks(None)}


async def _assets(ledger: Ledger) -> dict[str, Asset]:
    pages = range(0, await ledger.count_assets(), _PAGE)
    return {asset.asset_id: asset for offset in pages for asset in await ledger.list_assets(_PAGE, offset)}


async def _holdings(library: Library, *, is_deep: bool) -> _Holdings:
    rescue = StoreRescue(await library.store())
    spaces, _ = await rescue.spaces()
    of_assets: dict[tuple[str, str], list[Holding]] = defaultdict(list)
    for space in spaces:
        for holding in await rescue.holdings(space, with_ids=is_deep):
            of_assets[space.id, holding.asset_id].append(holding)
    return _Holdings(of_assets, {space.id: space for space in spaces})


def _losses(ready: Sequence[Task], assets: Mapping[str, Asset], holdings: _Holdings) -> Iterable[Loss]:
    newest_first = sorted(ready, key=lambda task: (task.created_at, task.task_id), reverse=True)
    looked_at: dict[tuple[str, str], list[EmbedParams]] = defaultdict(list)
    for task in newest_first:
        figures, asset = TaskFigures.of(task), assets.get(task.asset_id)
        if asset is None or not task.space or not figures.embedding_count or not figures.dimension:
            continue
        params = EmbedParams.model_validate_json(task.params_json)
        later = looked_at[task.space, task.asset_id]
        # What was embedded again counts as it is now, whatever the first time gave.
        if any(other.covers(params) for other in later):
            continue
        later.append(params)
        held = holdings.of_assets.get((task.space, task.asset_id), ())
        missing = _missing(task, params.segmentation_label, figures, held)
        if missing is not None:
            yield Loss(asset, task, Space(task.space, figures.dimension), figures.embedding_count, missing)


def _missing(task: Task, segmentation: str, figures: TaskFigures, held: Sequence[Holding]) -> int | None:
    """How many of a task's rows are not there; None where all are, 0 where others are in their place."""
    kinds = {(kind.embedding_option, kind.embedding_scope) for kind in figures.counts}
    # Counted by kind, not by task: a later task may have written some of the same rows again.
    alike = [
        holding
        for holding in held
        if holding.segmentation == segmentation and (holding.embedding_option, holding.embedding_scope) in kinds
    ]
    rows = sum(holding.rows for holding in alike)
    if rows < figures.embedding_count:
        return figures.embedding_count - rows
    own = [holding for holding in alike if holding.task_id == task.task_id]
    digests = {f"{sum(holding.digest for holding in holdings):x}" for holdings in (own, alike)}
    is_known = figures.digest and any(holding.digest for holding in alike)
    # Where other tasks wrote rows of the same kind, nobody can say whose is whose.
    if not is_known or figures.digest in digests or len(own) < len(alike):
        return None
    return 0


async def _strays(
    library: Library,
    holdings: _Holdings,
    tasks: Mapping[str, Task],
    assets: Mapping[str, Asset],
) -> list[Stray]:
    known = {(task.space, task.asset_id) for task in tasks.values() if task.status == "ready"}
    store, strays = await library.store(), []
    for (space_id, asset_id), held in holdings.of_assets.items():
        space = holdings.spaces[space_id]
        unknown = {holding.task_id for holding in held if holding.task_id not in tasks}
        if asset_id in assets:
            unknown = unknown if (space_id, asset_id) not in known and len(unknown) == len(_task_ids(held)) else set()
        else:
            unknown = _task_ids(held)
        if unknown:
            rows = await store.clips(space, ClipFilter(asset_ids=(asset_id,)), limit=_TITLES_READ)
            title, uri = (rows[0].title, rows[0].source_uri) if rows else (asset_id, "")
            vectors = sum(holding.rows for holding in held if holding.task_id in unknown)
            strays.append(Stray(asset_id, title, uri, space, vectors, frozenset(unknown)))
    return strays


def _task_ids(held: Iterable[Holding]) -> set[str]:
    return {holding.task_id for holding in held}


def _wordless(ready: Iterable[Task], assets: Mapping[str, Asset], worded: set[str]) -> Iterable[Asset]:
    told = set(worded)
    for task in ready:
        # Another platform may give no transcript.
        has_words = any(kind.embedding_option == "transcription" for kind in TaskFigures.of(task).counts)
        if task.platform == EMBEDDED and has_words and task.asset_id in assets and task.asset_id not in told:
            told.add(task.asset_id)
            yield assets[task.asset_id]


async def _unheard(library: Library, ready: Iterable[Task], assets: Mapping[str, Asset]) -> list[Unheard]:
    """The recordings of which the engine of this machine should have the sound, and has not."""
    newest: dict[str, Task] = {}
    for task in sorted(ready, key=lambda task: task.created_at):
        if task.platform == EMBEDDED and task.platform_asset_id and task.asset_id in assets:
            newest[task.asset_id] = task
    unheard = []
    for asset_id, task in newest.items():
        asset = assets[asset_id]
        try:
            await library.client.get_asset(task.platform_asset_id)
        except NotFound:
            unheard.append(Unheard(asset, task, is_known=False))
            continue
        if asset.source_kind != "file" and await library.media_reader.asset_file(task.platform_asset_id) is None:
            unheard.append(Unheard(asset, task, is_known=True))
    return unheard
