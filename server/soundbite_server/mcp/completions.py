"""Completions: the ids and tags of the library, while someone types them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from soundbite_server.lifespan import Services
    from soundbite_store import Asset
    from soundbite_tools.library import Library

_MOST_VALUES = 100  # as many as the protocol takes
_ASSETS_READ = 10_000
_CLIPS_READ = 10_000
_ASSET_ARGUMENTS = frozenset({"asset_id", "first_asset_id", "second_asset_id"})


def register_completions(server: MCPServer[Services], running: Callable[[], Services | None]) -> None:
    """Offer completions out of the library that `running` returns."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator] # the SDK leaves it without types
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        services = running()
        if services is None or argument.name not in (*_ASSET_ARGUMENTS, "tag", "clip_id"):
            return None
        library, typed = await services.library(), argument.value.strip().lower()
        assets = await (await library.ledger()).list_assets(limit=_ASSETS_READ)
        if argument.name == "clip_id":
            found = await _clip_ids(library, assets, typed)
        else:
            found = _tags(assets, typed) if argument.name == "tag" else _ids(assets, typed)
        return Completion(values=found[:_MOST_VALUES], total=len(found), has_more=len(found) > _MOST_VALUES)


def _ids(assets: list[Asset], typed: str) -> list[str]:
    # A person knows titles, not ids: both are looked through.
    return [each.asset_id for each in assets if each.asset_id.startswith(typed) or typed in each.title.lower()]


async def _clip_ids(library: Library, assets: list[Asset], typed: str) -> list[str]:
    """Clips by the beginning of their id, or those of the recordings that are named, in the order of time."""
    from soundbite_store import ClipFilter

    is_id = typed.startswith("c_")
    where = ClipFilter(asset_ids=None if is_id else tuple(_ids(assets, typed)), embedding_scope="clip")
    store = await library.store()
    rows = [row for info in await store.spaces() for row in await store.clips(info.space, where, limit=_CLIPS_READ)]
    return list(dict.fromkeys(row.clip_id for row in rows if not is_id or row.clip_id.startswith(typed)))


def _tags(assets: list[Asset], typed: str) -> list[str]:
    used = Counter(tag for each in assets for tag in each.tags if tag.startswith(typed))
    return [tag for tag, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
