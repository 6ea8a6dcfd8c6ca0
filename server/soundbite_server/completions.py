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

_MOST_VALUES = 100  # as many as the protocol takes
_ASSETS_READ = 10_000
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
        if services is None or argument.name not in (*_ASSET_ARGUMENTS, "tag"):
            return None
        ledger = await (await services.library()).ledger()
        assets = await ledger.list_assets(limit=_ASSETS_READ)
        found = _tags(assets, argument.value) if argument.name == "tag" else _ids(assets, argument.value)
        return Completion(values=found[:_MOST_VALUES], total=len(found), has_more=len(found) > _MOST_VALUES)


def _ids(assets: list[Asset], typed: str) -> list[str]:
    # A person knows titles, not ids: both are looked through.
    wanted = typed.strip().lower()
    return [each.asset_id for each in assets if each.asset_id.startswith(wanted) or wanted in each.title.lower()]


def _tags(assets: list[Asset], typed: str) -> list[str]:
    used = Counter(tag for each in assets for tag in each.tags if tag.startswith(typed.strip().lower()))
    return [tag for tag, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
