"""Which clips a question is put to: those of the platform's space that the filters let through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, Space
from soundbite_tools.errors import EmptyLibrary, QuestionProblem, UnknownId
from soundbite_tools.untrusted import plain_tags

if TYPE_CHECKING:
    from soundbite_tools.library import Library

_ASSETS_READ = 10_000
_TAGS_NAMED = 15


@dataclass(frozen=True)
class Searched:
    """The clips a question is put to: at least one."""

    space: Space
    where: ClipFilter
    count: int


async def searched_clips(library: Library, asset_ids: Sequence[str], tags: Sequence[str]) -> Searched:
    """Return what the filters leave to search.

    Raises:
        EmptyLibrary: nothing has been embedded.
        QuestionProblem, UnknownId: the filters leave nothing.
        PlatformError, StoreError: they could not be asked.
    """
    store, space = await library.store(), (await library.spaces.current()).space
    wanted = tuple(each.strip() for each in asset_ids if each.strip())
    where = ClipFilter(asset_ids=wanted or None, tags_any=plain_tags(tuple(tags)) or None)
    for option in ("audio", "transcription"):
        count = await store.count(space, replace(where, embedding_option=option, embedding_scope="clip"))
        if count:
            return Searched(space, where, count)
    if count := await store.count(space, where):
        return Searched(space, where, count)
    if not await store.count(space):
        await _say_empty(library, space)
    raise await _no_match(library, where)


async def _say_empty(library: Library, space: Space) -> None:
    store, ledger = await library.store(), await library.ledger()
    others = [info for info in await store.spaces() if info.clips and info.space != space]
    if others:
        held = ", ".join(f"{info.assets} in {info.space.id}" for info in others)
        raise QuestionProblem(
            f"No recording has vectors of {space.id}, which the platform makes now; there are {held}. "
            "Vectors of different spaces can't be compared.",
            "`soundbite reembed` on the command line embeds them all again, embed_audio one of them; or go back to the "
            "engine or profile that made them.",
            code="space_empty",
        )
    if pending := await ledger.unfinished_tasks():
        raise QuestionProblem(
            "The first recordings are still being embedded, so there is nothing to search yet.",
            f'Call get_task(task_id="{pending[0].task_id}", wait_seconds=20) and search when it is ready.',
            code="library_pending",
        )
    raise EmptyLibrary


async def _no_match(library: Library, where: ClipFilter) -> QuestionProblem | UnknownId:
    ledger = await library.ledger()
    for asset_id in where.asset_ids or ():
        if await ledger.get_asset(asset_id) is None:
            return UnknownId(
                f"There is no recording {asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset"
            )
    if where.tags_any:
        common = Counter(tag for asset in await ledger.list_assets(limit=_ASSETS_READ) for tag in asset.tags)
        known = ", ".join(tag for tag, _ in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:_TAGS_NAMED])
        return QuestionProblem(
            f"No recording {'in this selection ' if where.asset_ids else ''}has the tag {' or '.join(where.tags_any)}.",
            f"Tags in the library: {known}." if known else "The library has no tags; search without them.",
            code="unknown_tag",
        )
    return QuestionProblem(
        "The recordings named have no embeddings yet.", "Call get_task for their tasks, or search without asset_ids."
    )
