"""Work that does not have to be done: tasks that already hold, or are making, what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from soundbite_store import ClipFilter, Space, Task
from soundbite_tools.embed.figures import TaskFigures
from soundbite_tools.embed.params import EmbedParams

if TYPE_CHECKING:
    from soundbite_store import Asset
    from soundbite_tools.embed.allowances import Allowance
    from soundbite_tools.library import Library

_TASKS_LOOKED_AT = 50


async def finished_before(library: Library, asset: Asset, params: EmbedParams) -> Task | None:
    """Return a ready task whose clips, still in the store, are those the parameters ask for.

    Same content, same space, and the same window and segments; more options or scopes than asked for do no harm.

    Raises:
        PlatformError, StoreError: they could not be asked.
    """
    ledger = await library.ledger()
    ready = await ledger.list_tasks(limit=_TASKS_LOOKED_AT, asset_id=asset.asset_id, status="ready")
    fitting = [task for task in ready if _params(task).covers(params)]
    if not fitting:
        return None
    current = (await library.spaces.current()).space
    for task in fitting:
        if task.space == current.id and await _is_kept(library, task, asset):
            return task
    return None


async def under_way(library: Library, asset: Asset, params: EmbedParams) -> Task | None:
    """Return the unfinished task that does exactly this.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    for task in await ledger.list_tasks(limit=_TASKS_LOOKED_AT, asset_id=asset.asset_id, status="processing"):
        if task.platform == library.config.platform and _params(task) == params:
            return task
    return None


async def begun(library: Library, asset: Asset, params: EmbedParams, allowance: Allowance | None = None) -> Task:
    """Return the unfinished task that does exactly this, or a new one, which counts towards the caller's `allowance`.

    Raises:
        StoreError: the ledger can't be read or written.
    """
    ledger = await library.ledger()
    # Two calls at once for one recording share a task.
    async with library.jobs.beginning:
        if same := await under_way(library, asset, params):
            return same
        task = None
        with anyio.CancelScope(shield=True):  # what a cancelled call leaves has counted: the next one is given it
            task = await ledger.create_task(
                asset_id=asset.asset_id,
                space="",
                platform=library.config.platform,
                params_json=params.model_dump_json(),
                stage="queued",
            )
            if allowance and asset.duration_sec:
                start_sec, end_sec = params.window(asset.duration_sec)
                allowance.count(end_sec - start_sec)
            elif allowance:
                library.jobs.uncounted[task.task_id] = allowance
        assert task
        return task


def _params(task: Task) -> EmbedParams:
    return EmbedParams.model_validate_json(task.params_json)


async def _is_kept(library: Library, task: Task, asset: Asset) -> bool:
    figures, store = TaskFigures.of(task), await library.store()
    # Counted by asset, not by task: a later task with other options may have written some of the same rows again.
    where = ClipFilter(asset_ids=(asset.asset_id,), segmentation=_params(task).segmentation_label)
    kept = await store.count(Space(task.space, figures.dimension), where) if figures.dimension else 0
    return 0 < figures.embedding_count <= kept
