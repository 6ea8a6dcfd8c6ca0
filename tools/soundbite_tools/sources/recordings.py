"""Recordings as people know them: by id, title, file or a part of these, namesakes told apart; and their files.

A file may be gone, changed, or be written still.
"""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import anyio.to_thread

from soundbite_tools.errors import UnknownId
from soundbite_tools.text import folded, plain_text, quoted, shorten

if TYPE_CHECKING:
    from soundbite_store import Asset, Ledger, Task
    from soundbite_tools.library import Library

FileState = Literal["", "gone", "changed"]
NO_FILE_NS = -1
"""The modification time of a recording whose file is another recording's by now."""
LIVE_PREFIX = "live:"
"""Begins what stands for the content of a recording while that is being written."""
_LONGEST_TITLE = 60
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


def is_live(asset: Asset) -> bool:
    """Return whether a recording is still being written."""
    return asset.content_hash.startswith(LIVE_PREFIX) and asset.mtime_ns != NO_FILE_NS


async def live_task(library: Library, source_uri: str) -> Task | None:
    """Return the task of the recording that is being written to a place.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    for asset in await ledger.assets_of_source(source_uri):
        if is_live(asset):
            for task in await ledger.list_tasks(1, asset_id=asset.asset_id, status="processing"):
                return task
    return None


async def file_states(assets: Iterable[Asset]) -> dict[str, FileState]:
    """Return, by id, what became of the files of recordings; those that are as they were are left out."""
    files = [asset for asset in assets if asset.source_kind == "file"]
    if not files:
        return {}
    states: dict[str, FileState] = await anyio.to_thread.run_sync(lambda: dict(map(_named_state, files)))
    return {asset_id: state for asset_id, state in states.items() if state}


def file_notes(assets: Iterable[Asset], states: dict[str, FileState]) -> list[str]:
    """Return a sentence for each of these recordings whose file is not what it was."""
    notes = {
        "gone": "is gone: its sound can't be played until `soundbite relink FOLDER` finds the file.",
        "changed": "changed since it was embedded: add it again to renew its clips.",
    }
    return [
        f"The file of {quoted(shorten(asset.title, _LONGEST_TITLE))} {notes[state]}"
        for asset in assets
        if (state := states.get(asset.asset_id))
    ]


def _named_state(asset: Asset) -> tuple[str, FileState]:
    return asset.asset_id, _state(asset)


def _state(asset: Asset) -> FileState:
    try:
        facts = Path(asset.source_uri).lstat()  # a link in its place is not followed
    except (OSError, UnicodeEncodeError):  # the latter: a name that this locale can't write
        return "gone"
    if asset.mtime_ns == NO_FILE_NS or not stat.S_ISREG(facts.st_mode):
        return "gone"
    return (
        "" if is_live(asset) or (facts.st_size, facts.st_mtime_ns) == (asset.size_bytes, asset.mtime_ns) else "changed"
    )
