"""get_clip: what is said in a clip, and its sound as a small file."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_api import SourceFile
from soundbite_store import ClipFilter, StoredClip, one_a_span, within
from soundbite_tools.embed.params import track_of, uncertainty_of
from soundbite_tools.errors import QuestionProblem, RecordingRemoved, UnknownId, raises_problems, sentence
from soundbite_tools.requests import SoundFormat
from soundbite_tools.results import ClipDetail
from soundbite_tools.sources.files import is_silent_copy, silent_flac, sound_file, write_whole
from soundbite_tools.sources.local_media import MIME_TYPES, MediaProblem
from soundbite_tools.sources.recordings import file_states
from soundbite_tools.sources.sources import source_label
from soundbite_tools.speakers import SpeakerLabels, speaker_labels
from soundbite_tools.text import (
    SAME_SEC,
    clock_range,
    dialogue,
    distinct,
    distinct_sounds,
    file_label,
    language_label,
    number,
    plain_text,
    range_id,
    range_of,
    rounded_sec,
    shorten,
)
from soundbite_tools.words.terms import unsure_words
from soundbite_tools.words.timed_words import TimedWords

if TYPE_CHECKING:
    from soundbite_store import Asset, Space
    from soundbite_tools.library import Library
    from soundbite_tools.requests import ClipRequest


log = logging.getLogger(__name__)
LONGEST_CLIP_SEC = 120.0
SHORTEST_CLIP_SEC = 0.01
_LONGEST_TEXT = 4000
_LONGEST_SOUNDS = 120
_MOST_ROWS = 1000
_HASH_SHOWN = 8
# No segment is longer than this, so a clip that reaches into a range begins at most this long before it.
_LONGEST_SEGMENT_SEC = 60.0


@dataclass(frozen=True)
class PlayableClip:
    """A clip and its sound; `sound` is empty where the notes of `detail` say why."""

    detail: ClipDetail
    sound: bytes
    mime_type: str


@dataclass(frozen=True)
class _Span:
    asset: Asset
    start_sec: float
    end_sec: float
    rows: tuple[StoredClip, ...]
    note: str = ""


@raises_problems
async def get_clip(library: Library, request: ClipRequest) -> PlayableClip:
    """Return a clip, named by its id or by a range of a recording (at most 120 seconds; `end_sec` 0 is its end).

    Where the recording is gone or changed, the words are still returned, and a note says so.

    Raises:
        ToolProblem: no such clip or recording, or the range is not in it.
    """
    named, recording = request.clip_id, request.asset_id
    if bool(named) == bool(recording):
        raise QuestionProblem(
            "clip_id and asset_id were both given." if named else "No clip was named.",
            "Give a clip_id, or an asset_id with start_sec and end_sec.",
        )
    if named and (times := range_of(named)):
        if await (await library.ledger()).get_asset(times[0]) is None:
            raise _unknown_clip(named)
        span = await _of_range(library, *times)
    elif named:
        span = await _of_clip(library, named, is_range_given=bool(request.start_sec or request.end_sec))
    else:
        span = await _of_range(library, recording, request.start_sec, request.end_sec)
    labels = await speaker_labels(library, [span.asset.asset_id])
    text = plain_text(await _text(library, span, labels), _LONGEST_TEXT)
    place = (span.asset.asset_id, span.start_sec, span.end_sec)
    [doubts] = await (await library.ledger()).doubtful_words_at(library.config.platform, [place])
    cut = await cut_sound(library, span.asset, span.start_sec, span.end_sec, request.audio_format)
    detail = ClipDetail(
        asset_id=span.asset.asset_id,
        title=span.asset.title,
        start_sec=rounded_sec(span.start_sec),
        end_sec=rounded_sec(span.end_sec),
        time_range=clock_range(span.start_sec, span.end_sec),
        clip_id=_id_of(span),
        text=text,
        speaker=", ".join(distinct(map(labels.of_clip, _inside(span) or span.rows))),
        unsure=unsure_words(doubts, text),
        sounds=shorten(distinct_sounds(row.sound_words for row in span.rows), _LONGEST_SOUNDS),
        language=language_label(next((row.language for row in span.rows if row.language), None)),
        tags=list(span.asset.tags),
        source=source_label(span.asset),
        path=str(cut.path) if cut.path else "",
        audio_format=request.audio_format if cut.sound else "",
        audio_bytes=len(cut.sound),
        notes=[note for note in (span.note, _erased_note(span), cut.note, _uncertainty_note(span)) if note],
    )
    return PlayableClip(detail, cut.sound, cut.mime_type)


def _uncertainty_note(span: _Span) -> str:
    values = [value for value in map(uncertainty_of, span.rows) if value is not None]
    return f"The platform gives its vector an uncertainty of {number(round(max(values), 4))}." if values else ""


def _erased_note(span: _Span) -> str:
    silent = within(span.asset.erased, (span.start_sec, span.end_sec))
    return f"Erased, and silent: {', '.join(clock_range(*part) for part in silent)}." if silent else ""


async def _of_clip(library: Library, clip_id: str, *, is_range_given: bool) -> _Span:
    asset = await _asset_of(library, clip_id)
    rows = await _rows(library, asset, ClipFilter(clip_ids=(clip_id,))) if asset else []
    if asset is None or not rows:
        raise _unknown_clip(clip_id)
    note = ""
    if is_range_given:
        note = f'This is the whole clip: start_sec and end_sec go with asset_id="{asset.asset_id}" instead of clip_id.'
    return _Span(asset, rows[0].start_sec, rows[0].end_sec, tuple(rows), note)


def _unknown_clip(clip_id: str) -> UnknownId:
    return UnknownId(
        f"There is no clip {clip_id!r}.",
        "Take a clip_id from search_clips, or name a range by asset_id, start_sec and end_sec.",
        code="unknown_clip",
    )


async def _of_range(library: Library, asset_id: str, start_sec: float, end_sec: float) -> _Span:
    asset = await (await library.ledger()).get_asset(asset_id)
    if asset is None:
        raise UnknownId(f"There is no recording {asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset")
    length_sec = asset.duration_sec
    if not length_sec and not end_sec:
        raise QuestionProblem(
            "How long the recording is will be known once it is embedded.",
            "Wait until its task is ready (get_task), or give end_sec.",
            code="range_invalid",
        )
    end_sec = min(end_sec, length_sec) if end_sec and length_sec else end_sec or length_sec
    if not 0.0 <= start_sec <= end_sec - SHORTEST_CLIP_SEC:
        known = f": the recording is {length_sec:.2f} seconds long" if length_sec else ""
        raise QuestionProblem(
            f"There is no sound from {start_sec:g} to {end_sec:g} s{known}.",
            "Give start_sec below end_sec, both within the recording.",
            code="range_invalid",
        )
    note = ""
    if end_sec - start_sec > LONGEST_CLIP_SEC:
        end_sec = start_sec + LONGEST_CLIP_SEC
        note = f"A clip is at most {LONGEST_CLIP_SEC:g} seconds long; this is the first part of what was asked for."
    where = ClipFilter(
        asset_ids=(asset_id,),
        embedding_scope="clip",
        start_after_sec=start_sec - _LONGEST_SEGMENT_SEC,
        end_before_sec=end_sec + _LONGEST_SEGMENT_SEC,
    )
    rows = [row for row in await _rows(library, asset, where) if row.start_sec < end_sec and row.end_sec > start_sec]
    return _Span(asset, start_sec, end_sec, tuple(rows), note)


async def _asset_of(library: Library, clip_id: str) -> Asset | None:
    store, ledger = await library.store(), await library.ledger()
    for info in await store.spaces():
        if rows := await store.clips(info.space, ClipFilter(clip_ids=(clip_id,)), limit=1):
            return await ledger.get_asset(rows[0].asset_id)
    return None


async def _rows(library: Library, asset: Asset, where: ClipFilter) -> list[StoredClip]:
    store = await library.store()
    for space in await spaces_of(library, asset.asset_id):
        if rows := await store.clips(space, where, limit=_MOST_ROWS):
            return rows
    return []


async def spaces_of(library: Library, asset_id: str) -> list[Space]:
    """Return the spaces that may hold a recording, beginning with the one that it was embedded into last.

    Looking something up needs no platform, so it may be in any space; the words of the last one are the best.

    Raises:
        StoreError: the store or the ledger can't be read.
    """
    ready = await (await library.ledger()).list_tasks(asset_id=asset_id, status="ready")
    last = {space: place for place, space in enumerate(dict.fromkeys(task.space for task in ready))}
    spaces = [info.space for info in await (await library.store()).spaces()]
    return sorted(spaces, key=lambda space: last.get(space.id, len(last)))


def _id_of(span: _Span) -> str:
    """Return the id that search gives the same range: that of a clip where it is one."""
    own = (row.clip_id for row in span.rows if _is_same((row.start_sec, row.end_sec), span))
    return next(own, "") or range_id(span.asset.asset_id, span.start_sec, span.end_sec)


async def _text(library: Library, span: _Span, labels: SpeakerLabels) -> str:
    inside = _inside(span)
    is_of_clips = inside and _is_same((inside[0].start_sec, max(row.end_sec for row in inside)), span)
    pieces = ((row.start_sec, row.end_sec, row.transcript, labels.of_clip(row)) for row in inside)
    shown = dialogue(pieces) if is_of_clips else ""
    if shown:  # the words that search shows of the same clips
        return shown
    ledger = await library.ledger()
    transcript = await ledger.get_transcript(span.asset.asset_id, library.config.platform)
    # Word times follow the range exactly; clips that only touch it say a little too much.
    return TimedWords(transcript, span.asset.erased).between(span.start_sec, span.end_sec) or " ".join(
        row.transcript for row in sorted(span.rows, key=lambda row: row.start_sec) if row.transcript
    )


def _inside(span: _Span) -> list[StoredClip]:
    """Its clips that lie in it whole, in time order."""
    rows = (row for row in one_a_span(span.rows) if _lies_in(row, span))
    return sorted(rows, key=lambda row: (row.start_sec, row.end_sec))


def _is_same(times: tuple[float, float], span: _Span) -> bool:
    return abs(times[0] - span.start_sec) <= SAME_SEC and abs(times[1] - span.end_sec) <= SAME_SEC


def _lies_in(row: StoredClip, span: _Span) -> bool:
    return row.start_sec >= span.start_sec - SAME_SEC and row.end_sec <= span.end_sec + SAME_SEC


@dataclass(frozen=True)
class CutSound:
    """A file with the sound and its bytes; a note says why there is no file, or neither."""

    path: Path | None
    sound: bytes
    mime_type: str
    note: str = ""


async def cut_sound(
    library: Library, asset: Asset, start_sec: float, end_sec: float, sound_format: SoundFormat
) -> CutSound:
    """Return the sound of a range of a recording; the same range is cut once.

    Raises:
        UnknownId: the recording was removed meanwhile.
        StoreError: the ledger can't be read.
    """
    mime_type = MIME_TYPES[sound_format]
    source = await sound_file(library, asset)
    if source is None:
        return CutSound(None, b"", mime_type, await why_silent(asset))
    path = library.config.clips_folder / _name(asset, start_sec, end_sec, sound_format)
    if sound := await anyio.to_thread.run_sync(_cached_sound, path):
        return CutSound(path, sound, mime_type)
    try:
        sound = await library.media_reader.cut(source, start_sec, end_sec, sound_format, track_of(asset))
    except MediaProblem as exc:
        return CutSound(None, b"", mime_type, f"The sound can't be cut: {sentence(exc.about(source.name))}")
    if len(sound) > library.config.largest_clip_bytes:
        size = f"{len(sound) / 2**20:.1f} MB of sound is more than fits a clip; "
        return CutSound(None, b"", mime_type, size + "ask for a shorter range or audio_format mp3.")
    try:
        await anyio.to_thread.run_sync(write_whole, path, sound)
        known = await (await library.ledger()).get_asset(asset.asset_id)
        if known is None or known.erased != asset.erased:  # removed, or a span of it erased, while it was cut
            await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))
            if known is None:
                raise RecordingRemoved()
            return await cut_sound(library, known, start_sec, end_sec, sound_format)
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        note = f"The sound can't be written to a file: {why}. include_audio=true returns it all the same."
        return CutSound(None, sound, mime_type, note)
    return CutSound(path, sound, mime_type)


async def playable_file(library: Library, asset: Asset) -> SourceFile | None:
    """Return a file of the whole sound of a recording that may be played as it is; None where `sound_file` has none.

    Of a recording of which a span is erased it is a copy with silence there, made at the first call.

    Raises:
        UnknownId: the recording was removed meanwhile.
        StoreError: the ledger can't be read.
    """
    source, ledger = await sound_file(library, asset), await library.ledger()
    if source is None or not asset.erased:
        return source
    is_scrubbed = all(one.asset_id != asset.asset_id for one in await ledger.unscrubbed())
    if asset.copy_hash and is_scrubbed and await anyio.to_thread.run_sync(is_silent_copy, asset):
        return source
    path = library.config.clips_folder / _name(asset, 0.0, asset.duration_sec, "flac")
    if not await anyio.Path(path).is_file():
        await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
                made = await silent_flac(library, asset, source, Path(scratch))
                await anyio.Path(made).replace(path)
        except (MediaProblem, OSError) as exc:
            log.warning("A copy of %s with silence can't be made: %s", asset.asset_id, exc)
            return None
        known = await ledger.get_asset(asset.asset_id)
        if known is None or known.erased != asset.erased:
            await anyio.Path(path).unlink(missing_ok=True)
            return await playable_file(library, known) if known else None
    return SourceFile.at(path)


async def why_silent(asset: Asset) -> str:
    """Return why the sound of a recording can't be played, where `sound_file` has none."""
    if asset.source_kind in ("file", "base64"):
        name = file_label(Path(asset.source_uri).name)
        # For an agent and for a person, also where this server has no tool for it.
        is_gone = (await file_states([asset])).get(asset.asset_id) == "gone"
        until = "`soundbite relink FOLDER` finds the file" if is_gone else "it is added again"
        return f"{name} changed or is gone since it was embedded; its sound can't be played until {until}."
    came_from = "a link" if asset.source_kind == "url" else "the platform"
    note = f"The recording came from {came_from} and its sound is not kept on this machine, so it can't be played; "
    return note + "embed a file of it to play its clips."


def _name(asset: Asset, start_sec: float, end_sec: float, sound_format: SoundFormat) -> str:
    # Ids of the platform hold letters, digits, - and _ only, ours hexadecimal digits: safe in a file name.
    # With the content and the track: those of a recording may be renewed.
    span = f"{round(start_sec * 1000)}-{round(end_sec * 1000)}"
    track = f"-t{track_of(asset)}" if track_of(asset) else ""
    return f"{asset.asset_id}-{asset.content_hash[:_HASH_SHOWN]}{track}-{span}.{sound_format}"


def _cached_sound(path: Path) -> bytes:
    sound = b""
    with contextlib.suppress(OSError):  # not there, or deleted just now: it is cut again
        sound = path.read_bytes()
        path.touch()  # housekeeping deletes what was not used for longest
    return sound
