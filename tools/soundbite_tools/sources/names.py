"""The recording that a person names: by its id, its title, its file, or a part of these; and namesakes told apart."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from soundbite_tools.errors import UnknownId
from soundbite_tools.text import folded, plain_text, quoted

if TYPE_CHECKING:
    from soundbite_store import Asset, Ledger

_ASSETS_READ = 100_000
_SHOWN = 5
_LONGEST = 60


@dataclass(frozen=True)
class NamedRecording:
    """The recording that words name."""

    asset: Asset
    note: str = ""
    """A sentence on what the words matched, where that is neither the id nor words of the title."""


async def recording_named(ledger: Ledger, words: str, *, is_whole: bool = False) -> NamedRecording:
    """Return the one recording with this id, whole title or file; unless `is_whole`, a part of title or path will do.

    Case and accents of titles do not count. What matches more exactly comes first.

    Raises:
        UnknownId: there is none, or several.
    """
    if asset := await ledger.get_asset(words):
        return NamedRecording(asset)
    name = folded(words.strip())
    assets = await ledger.list_assets(limit=_ASSETS_READ) if name else []
    parts = _kinds_of_parts(name)
    for kind in _kinds_of_wholes(name, words.strip()) + (() if is_whole else parts):
        matches = [asset for asset in assets if kind.fits(asset)]
        if len(matches) > 1:
            shown = await _listed(ledger, matches)
            raise UnknownId(
                f"{len(matches)} recordings {kind.many.format(repr(words))}: {shown}.", "Name one by its id."
            )
        if matches:
            note = kind.one.format(repr(words), quoted(matches[0].title)) if kind.one else ""
            return NamedRecording(matches[0], note)
    if near := [asset for asset in assets if any(kind.fits(asset) for kind in parts)]:
        raise UnknownId(
            f"No recording has the whole title or the file {words!r}; a part of it has {await _listed(ledger, near)}.",
            "Give the whole title, the file, or the id.",
        )
    raise UnknownId(f"No recording is called {words!r}.", "`soundbite list` shows what there is.")


@dataclass(frozen=True)
class _Kind:
    """One way in which words name a recording, with what is said of one and of many."""

    fits: Callable[[Asset], bool]
    many: str
    one: str = ""


def _kinds_of_wholes(name: str, words: str) -> tuple[_Kind, ...]:
    paths = {words, os.path.realpath(os.path.expanduser(words))}  # noqa: PTH111 - a path of pathlib drops what a title may have
    return (
        _Kind(lambda asset: name == folded(asset.title), "are called {}"),
        _Kind(lambda asset: asset.source_uri in paths, "come from {}", "{} is the file of {}."),
        _Kind(lambda asset: name == folded(_file_name(asset)), "have a file called {}", "{} is the file of {}."),
    )


def _kinds_of_parts(name: str) -> tuple[_Kind, ...]:
    return (
        _Kind(lambda asset: name in folded(asset.title), "have {} in their title"),
        _Kind(
            lambda asset: name in folded(asset.source_uri),
            "have {} in the path of their file",
            "{} is taken as {} (from the path of its file).",
        ),
    )


def _file_name(asset: Asset) -> str:
    return PurePath(asset.source_uri).name if asset.source_kind == "file" else ""


async def _listed(ledger: Ledger, assets: list[Asset]) -> str:
    shown = assets[:_SHOWN]
    told = await origins(ledger, shown)
    names = [f"{one.title} ({', '.join(filter(None, (told.get(one.asset_id), one.asset_id)))})" for one in shown]
    return "; ".join([*names, *([f"and {len(assets) - _SHOWN} more"] if len(assets) > _SHOWN else [])])


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
