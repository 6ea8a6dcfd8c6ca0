"""Which recording a source is: the one of its file renewed, one that moved, or a new one."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_api import SourceFile
from soundbite_store import Asset, asset_from
from soundbite_tools.embed.params import is_same_sound, track_of, with_track
from soundbite_tools.errors import SourceProblem, WorkFailed, raises_problems
from soundbite_tools.sources.files import is_unchanged, read_facts, recorded_file
from soundbite_tools.sources.recordings import NO_FILE_NS, file_states
from soundbite_tools.sources.sources import asset_id_for, title_for
from soundbite_tools.text import LONGEST_TITLE, clock_range, listed, plain_text
from soundbite_tools.words.timed_words import TimedWords, letters

if TYPE_CHECKING:
    from soundbite_store import StoredTranscript, Task
    from soundbite_tools.library import Library
    from soundbite_tools.sources.sources import Source

_ASSETS_READ = 100_000
# Of the words, so that a file of which only its tags or its encoding changed keeps the names.
_SAME_SHARE = 0.5
_LEFT_OUT = "Left out and silent, since it was erased"
_BY_TIMES = (
    "What was erased is left out by the times of the transcript that was brought: if those are off, words that were "
    "erased may stand before or after; read_transcript shows them."
)


async def known_recording(library: Library, source: Source) -> Asset | None:
    """Return the recording of the library that a source is, or will be once it is renewed; None for a new one.

    Equal content is the same recording, also where its file moved; a file with other content than before is the same
    recording renewed.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    if source.kind == "asset":
        return await ledger.get_asset(source.asset_id)
    same = await ledger.assets_of_content(source.content_hash)
    if source.kind != "file":
        return same[0] if same else None
    at_path = [
        asset
        for asset in await ledger.assets_of_source(source.uri)
        if asset.source_kind == "file" and asset.mtime_ns != NO_FILE_NS
    ]
    for asset in same:
        if asset in at_path or await is_gone(asset):
            return asset
    if at_path:
        return at_path[0]
    return same[0] if same else None


async def is_gone(asset: Asset) -> bool:
    """Return whether the file of a recording went away or holds something else by now."""
    if asset.source_kind != "file":
        return False
    path = Path(asset.source_uri)
    if await anyio.to_thread.run_sync(is_unchanged, path, asset.size_bytes, asset.mtime_ns):
        return False
    # A file that was only touched is what it was.
    return await anyio.to_thread.run_sync(recorded_file, asset) is None


async def free_asset_id(library: Library, source: Source) -> str:
    """Return the id of a new recording: that of its content, unless a recording has it that was renewed since.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    key, asset_id = source.content_hash, source.asset_id
    while (known := await ledger.get_asset(asset_id)) and known.content_hash != source.content_hash:
        key = hashlib.sha256(f"{key}\n{source.uri}".encode()).hexdigest()
        asset_id = asset_id_for(key)
    return asset_id


async def present(library: Library, known: Asset, described: Asset) -> Asset:
    """Return what is known of a recording together with what its source says of it now."""
    if known.content_hash != described.content_hash:
        title, made = known.title, known.created_at
        return replace(described, title=title, tags=known.tags, created_at=made, language=None)
    known = with_track(known, track_of(described))
    if known.source_uri == described.source_uri:
        return replace(known, size_bytes=described.size_bytes, mtime_ns=described.mtime_ns)
    if known.copy_hash and described.source_kind == "base64":
        return known  # the copy in the library has silence where something is erased, and what was sent again has not
    # A copy is no move: the recording stays at the file that it has, unless that may be another machine's.
    is_shared = await library.sharing() is not None
    is_here = known.source_kind == "file" and (not is_shared or library.config.may_read(Path(known.source_uri)))
    return known if is_here and not await is_gone(known) else moved(known, described)


async def supersede(library: Library, known: Asset, renewed: Asset) -> bool:
    """Stop what embeds earlier contents of a recording; returns whether one of them is ready in the library.

    Raises:
        StoreError: the ledger can't be read or written.
    """
    ledger = await library.ledger()
    tasks = await ledger.list_tasks(None, asset_id=known.asset_id)
    is_ready = any(task.status == "ready" for task in tasks)
    for task in tasks:
        embedded = recording_of(task, known)
        is_same = embedded is not None and is_same_sound(embedded, renewed)
        if (task.status == "processing" and not is_same) or not is_ready:
            await ledger.drop_task(task.task_id)
    return is_ready


async def release_path(library: Library, asset: Asset) -> None:
    """Leave a path to the recording that is there now: another one that came from it has no file any more.

    Raises:
        StoreError: the ledger can't be read or written.
    """
    ledger = await library.ledger()
    for other in await ledger.assets_of_source(asset.source_uri):
        is_other = other.content_hash != asset.content_hash and other.source_kind == "file"
        if is_other and other.mtime_ns != NO_FILE_NS:
            await ledger.put_asset(replace(other, mtime_ns=NO_FILE_NS))


def moved(known: Asset, described: Asset) -> Asset:
    """Return a recording at the place where it is now, under the new file's name unless it was named by hand."""
    is_named_by_file = known.source_kind == "file" and known.title == _title_of(known)
    return replace(
        known,
        title=_title_of(described) if is_named_by_file else known.title,
        source_uri=described.source_uri,
        source_kind=described.source_kind,
        size_bytes=described.size_bytes,
        mtime_ns=described.mtime_ns,
    )


def _title_of(asset: Asset) -> str:
    return plain_text(title_for(Path(asset.source_uri).name), LONGEST_TITLE) or asset.asset_id


def recording_of(task: Task, known: Asset | None) -> Asset | None:
    """Return the recording as a task embeds it: of one that is renewed, with its later content and track."""
    if known is None or not task.renewal_json:
        return known
    renewed = asset_from(task.renewal_json)
    return replace(renewed, title=known.title, tags=known.tags)


async def check_erased(library: Library, asset: Asset) -> None:
    """Make sure that nothing was erased of a recording since its embedding began.

    Raises:
        WorkFailed: something was.
    """
    if await (await library.ledger()).erased_of(asset.content_hash) != asset.erased:
        raise WorkFailed(
            "A span of the recording was erased while it was embedded.",
            "Call embed_audio again: what is erased is left out.",
            code="erased_meanwhile",
        )


def erased_notes(asset: Asset, known: Asset | None, *, is_brought: bool = False) -> list[str]:
    """Return what is to be told of a recording that was embedded and of which something is, or was, erased.

    `is_brought` says that somebody brought its words.
    """
    if asset.erased:
        return [f"{_LEFT_OUT}: {listed_spans(asset)}.", *([_BY_TIMES] if is_brought else [])]
    if known and known.erased:
        return [
            f"Its file changed: what was erased of the earlier content ({listed_spans(known)}) is not erased in this "
            "one; erase_span does it again, at the times it has now."
        ]
    return []


def is_erased_note(note: str) -> bool:
    """Return whether a note says what is left out of a recording, as far as it was erased by then."""
    return note.startswith(_LEFT_OUT)


def listed_spans(asset: Asset) -> str:
    """Return what is erased of a recording, as `00:12-00:16, 01:02-01:05`."""
    return ", ".join(clock_range(*span) for span in asset.erased)


async def drop_foreign_names(library: Library, renewed: Asset, transcript: StoredTranscript | None) -> list[str]:
    """Take away the names of speakers at whose times other words are said in the content that a recording has now.

    Equal times of another content say nothing of who speaks. Returns what is to be told of it.

    Raises:
        StoreError: the ledger can't be read or written.
    """
    ledger = await library.ledger()
    known, names = await ledger.get_asset(renewed.asset_id), await ledger.speaker_names(renewed.asset_id)
    if not names or known is None or known.content_hash == renewed.content_hash:
        return []
    before, after = {}, TimedWords(transcript)
    for source in {name.source for name in names}:
        before[source] = TimedWords(await ledger.get_transcript(renewed.asset_id, source))
    own = [name for name in names if _likeness(before[name.source], after, name.spans) >= _SAME_SHARE]
    lost = sorted({name.name for name in names} - {name.name for name in own})
    await ledger.put_speaker_names(renewed.asset_id, own)
    if not lost:
        return []
    return [
        f"The file changed, and other words are said now where {listed(lost)} spoke: "
        "list_speakers shows who there is, name_speaker names them again."
    ]


def _likeness(before: TimedWords, after: TimedWords, spans: Iterable[tuple[float, float]]) -> float:
    """The share of words that two transcripts have in common in some spans."""
    one, other = list[str](), list[str]()
    for span in spans:
        one += map(letters, before.between(*span).split())
        other += map(letters, after.between(*span).split())
    return SequenceMatcher(None, one, other, False).ratio() if one else 0.0


@dataclass(frozen=True)
class Relinked:
    """A recording whose file was missing and was found by its content, as it is now; `path` is where it was before."""

    asset: Asset
    path: str


@raises_problems
async def missing_files(library: Library) -> list[Asset]:
    """Return the recordings whose files are not what and where they were.

    Raises:
        ToolProblem: the ledger can't be read.
    """
    assets = await (await library.ledger()).list_assets(limit=_ASSETS_READ)
    states = await file_states(assets)
    return [asset for asset in assets if asset.asset_id in states]


@raises_problems
async def relink(library: Library, paths: Iterable[Path]) -> list[Relinked]:
    """Lead recordings whose files are missing to those of the paths that hold their content, and return them.

    Only files of a size that is looked for are read.

    Raises:
        ToolProblem: the ledger or the store can't be read or written.
    """
    wanted: dict[int, dict[str, list[Asset]]] = defaultdict(lambda: defaultdict(list))
    for asset in await missing_files(library):
        wanted[asset.size_bytes][asset.content_hash].append(asset)
    relinked: list[Relinked] = []
    for path in paths:
        try:
            same_size = wanted.get(path.stat().st_size)
            if not same_size:
                continue
            facts = await anyio.to_thread.run_sync(read_facts, SourceFile(path.resolve()), library.config)
        except (OSError, SourceProblem):
            continue
        same = same_size.pop(facts.content_hash, [])
        relinked += [await _lead_to(library, asset, str(path.resolve()), facts.mtime_ns) for asset in same]
    return relinked


async def _lead_to(library: Library, known: Asset, path: str, mtime_ns: int) -> Relinked:
    asset = moved(known, replace(known, source_uri=path, mtime_ns=mtime_ns))
    await (await library.ledger()).put_asset(asset)
    if (asset.title, asset.source_uri) != (known.title, known.source_uri):
        await (await library.store()).update_asset(asset.asset_id, title=asset.title, source_uri=asset.source_uri)
        if sharing := await library.sharing():
            await sharing.publish(asset.asset_id)
    return Relinked(asset, known.source_uri)
