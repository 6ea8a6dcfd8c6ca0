"""What tells recordings of one title apart: how the file's name ends, the name, or the nearest folder that differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from soundbite_tools.text import plain_text

if TYPE_CHECKING:
    from soundbite_store import Asset, Ledger

_LONGEST = 60


async def origins(ledger: Ledger, assets: Iterable[Asset]) -> dict[str, str]:
    """Return, by id, what tells each of these recordings from all others of its title; empty where it has none.

    Raises:
        StoreError: the ledger can't be read.
    """
    titled: dict[str, list[Asset]] = defaultdict(list)
    for asset in await ledger.assets_titled({asset.title for asset in assets}):
        titled[asset.title].append(asset)
    return {asset_id: label for namesakes in titled.values() for asset_id, label in _told_apart(namesakes)}


def _told_apart(namesakes: Sequence[Asset]) -> Iterable[tuple[str, str]]:
    if len(namesakes) == 1:
        return
    parts = {asset.asset_id: _parts(asset) for asset in namesakes}
    traits = Counter((at, trait) for names in parts.values() for at, trait in enumerate(_traits(names)))
    ends = Counter(end for names in parts.values() for end in _ends(names))
    for asset in namesakes:
        names = parts[asset.asset_id]
        own = (trait for at, trait in enumerate(_traits(names)) if trait and traits[at, trait] == 1)
        longer = (end for end in _ends(names) if ends[end] == 1)
        label = next(own, "") or next(longer, "") or f"added {asset.created_at:%Y-%m-%d %H:%M}"
        yield asset.asset_id, plain_text(label if len(label) <= _LONGEST else f"…{label[1 - _LONGEST :]}", _LONGEST)


def _parts(asset: Asset) -> tuple[str, ...]:
    """The name of the file, then its folders from the nearest on; nothing where there was none."""
    if asset.source_kind == "file":
        return PurePath(asset.source_uri).parts[:0:-1]
    if asset.source_kind == "url":
        address = urlsplit(asset.source_uri)  # without its query, which may hold a secret
        return (*reversed(unquote(address.path).strip("/").split("/")), address.netloc)
    return ()


def _traits(names: Sequence[str]) -> tuple[str, ...]:
    return (PurePath(names[0]).suffix, *names) if names else ()


def _ends(names: Sequence[str]) -> list[str]:
    return ["/".join(names[:count][::-1]) for count in range(2, len(names) + 1)]
