"""A recording of the library as a person names it: by its id, or by a part of its title or path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_tools.errors import UnknownId

if TYPE_CHECKING:
    from soundbite_store import Asset, Ledger

_ASSETS_READ = 100_000
_NAMED = 5


async def find_recording(ledger: Ledger, words: str) -> Asset:
    """Return the one recording with this id, or the only one with these words in its title or path.

    Raises:
        UnknownId: there is none, or several.
    """
    if asset := await ledger.get_asset(words):
        return asset
    wanted = words.casefold()
    known = await ledger.list_assets(limit=_ASSETS_READ)
    found = [each for each in known if wanted == each.title.casefold()]
    found = found or [each for each in known if wanted in f"{each.title}\n{each.source_uri}".casefold()]
    if not found:
        raise UnknownId(f"No recording is called {words!r}.", "`soundbite list` shows what there is.")
    if len(found) > 1:
        names = "; ".join(f"{each.title} ({each.asset_id})" for each in found[:_NAMED])
        raise UnknownId(f"{len(found)} recordings are called {words!r}: {names}.", "Name one by its id.")
    return found[0]
