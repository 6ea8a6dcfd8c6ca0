"""erase_span: a part of a recording is erased: its words, vectors and sound never come back."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_store import (
    Erased,
    LedgerChange,
    RowChange,
    StoredTranscript,
    changed_rows,
    encoded_changes,
    encoded_vector,
    finish_rewrites,
    is_touched,
)
from soundbite_tools.embed.copies import is_ours
from soundbite_tools.embed.spending import changed_counts
from soundbite_tools.errors import QuestionProblem, UnknownId, WorkFailed, raises_problems
from soundbite_tools.housekeeping import SCRUBBING_WAIT_S, scrub_soon
from soundbite_tools.text import clock_range, count_of, number, plain_text, quoted
from soundbite_tools.transcript_requests import ErasureResult
from soundbite_tools.words.rewording import REACH_SEC, ClipChanges, Span, clip_changes, distance_sec
from soundbite_tools.words.timed_words import LONGEST_TRANSCRIPT, TimedWords, without_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from soundbite_store import Asset, Clip, Space, Task
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import EraseRequest

_MILLISECONDS = 1000
# Sound that was decoded may end a little after what a header says.
_SLACK_SEC = 1.0
Key = tuple[str, str, str, str]
# Clips that end where a span begins are not touched by it.
_GRAIN_SEC = 1e-4


@raises_problems
async def erasure_question(library: Library, request: EraseRequest) -> str:
    """Return what a user is asked before a span is erased.

    Raises:
        ToolProblem: no such recording, or no such span of it.
    """
    asset = await _recording(library, request)
    await _check_ready(library, asset)
    span = _span(asset, request)
    return (
        f"Erase {clock_range(*span)} of {quoted(asset.title)} for good? Its words, vectors and sound leave the library "
        "and do not come back; the file it came from is left alone."
    )


@raises_problems
async def erase_span(jobs: Jobs, request: EraseRequest, *, wait_s: float = SCRUBBING_WAIT_S) -> ErasureResult:
    """Erase a span of a recording: words that reach into it, vectors that hold it, and its sound, which is silence now.

    The ledger's transaction is the commit. From then on nothing of it is shown or found; a process that is killed after
    it is finished by the next one. What takes longer than `wait_s` seconds goes on in the background.

    Raises:
        ToolProblem: no such recording or span, or it is being embedded, or other machines share the store.
    """
    library = jobs.library
    asset = await _recording(library, request)
    await _check_ready(library, asset)
    span = _span(asset, request)
    if await library.sharing():
        raise WorkFailed(
            "Other machines share this store and have transcripts of their own, which can't be erased from here.",
            "Remove the recording, and add one without that part.",
            code="store_shared",
        )
    async with library.rewriting():
        ledger = await library.ledger()
        tasks = await _check_ready(library, asset)
        transcripts = await ledger.transcripts_of(asset.asset_id)
        silent = [without_spans(transcript, [span]) for transcript in transcripts]
        before, after = _shown(library, transcripts), _shown(library, silent)
        changes = await erased_clips(library, asset, before, after, span)
        change = LedgerChange(
            asset_id=asset.asset_id,
            transcripts=[new for new, old in zip(silent, transcripts, strict=True) if new != old],
            counts=changed_counts([task for task in tasks if task.status == "ready"], changes),
            rewrite=encoded_changes(changes.rows) if changes.rows else b"",
            erased=Erased(asset=asset, span=span, notes=_notes_without_words(tasks)),
        )
        await ledger.apply_change(change)
        await finish_rewrites(await library.store(), ledger)
    notes = await scrub_soon(jobs, wait_s)
    return ErasureResult(
        asset_id=asset.asset_id,
        title=asset.title,
        time_range=clock_range(*span),
        words_erased=len(before.words) - len(after.words) if before and after else 0,
        clips_changed=len({row.clip_id for row in changes.rows if row.embedding_scope == "clip"}),
        notes=[*changes.notes, *_beside(changes, span), *notes, *_about_file(library, asset)],
    )


async def _recording(library: Library, request: EraseRequest) -> Asset:
    if asset := await (await library.ledger()).get_asset(request.asset_id):
        return asset
    raise UnknownId(
        f"There is no recording {request.asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset"
    )


async def _check_ready(library: Library, asset: Asset) -> list[Task]:
    """The tasks of a recording; how long one is that is still written to, nobody knows yet.

    Raises:
        WorkFailed: it is being embedded.
    """
    tasks = await (await library.ledger()).list_tasks(None, asset_id=asset.asset_id)
    if any(task.status == "processing" for task in tasks):
        raise WorkFailed(
            f"{quoted(asset.title)} is being embedded.",
            "Call erase_span again once its task is ready (get_task).",
            code="still_embedding",
        )
    return tasks


def _span(asset: Asset, request: EraseRequest) -> Span:
    """The span in whole milliseconds that hold what was asked for."""
    start_sec, end_sec = request.start_sec, request.end_sec
    length_sec = asset.duration_sec
    if not start_sec < end_sec or (length_sec and end_sec > length_sec + _SLACK_SEC):
        known = f": it is {number(round(length_sec, 3))} seconds long" if length_sec else ""
        raise QuestionProblem(
            f"There is nothing from {number(start_sec)} to {number(end_sec)} s in {quoted(asset.title)}{known}.",
            "Give start_sec below end_sec, both within the recording.",
            code="span_invalid",
        )
    return math.floor(start_sec * _MILLISECONDS) / _MILLISECONDS, math.ceil(end_sec * _MILLISECONDS) / _MILLISECONDS


def _shown(library: Library, transcripts: Sequence[StoredTranscript]) -> StoredTranscript | None:
    """The transcript whose words the clips have."""
    own = [one for one in transcripts if one.source == library.config.platform]
    others = [one for one in transcripts if not one.is_brought]
    return next(iter([*own, *others]), None)


def _notes_without_words(tasks: Sequence[Task]) -> dict[str, str]:
    """The notes of tasks without those that quote corrections."""
    notes = {task.task_id: json.loads(task.notes_json or "[]") for task in tasks}
    return {
        task_id: json.dumps([note for note in told if "correction" not in note])
        for task_id, told in notes.items()
        if any("correction" in note for note in told)
    }


def _beside(changes: ClipChanges, span: Span) -> list[str]:
    count = sum(not is_touched(row.start_sec, row.end_sec, [span]) for _, row in changes.gone)
    if not count:
        return []
    vectors = count_of(count, "vector")
    return [
        f"{vectors} beside it went too, since they may hold words of it and another engine made them: "
        "`soundbite reembed` embeds the recording again, without what is erased."
    ]


def _about_file(library: Library, asset: Asset) -> list[str]:
    if asset.source_kind == "file" and not is_ours(library.config.home, Path(asset.source_uri)):
        return ["The file it came from was not touched: it still holds that part."]
    return []


async def erased_clips(
    library: Library, asset: Asset, before: StoredTranscript | None, after: StoredTranscript | None, span: Span
) -> ClipChanges:
    """Return how the clips of a recording follow when a span is erased; the transcript was and is then this.

    Sounds and mixed vectors of clips that touch the span go; words that remain have their vectors made anew, also of
    clips so near that their vectors hold what was said in the span. Where that can't be, the vectors go.

    Raises:
        PlatformError: it does not embed the words that remain.
        StoreError: the store or the ledger can't be read.
    """
    # A word that reaches into the span goes as a whole, and may belong to a clip before it.
    gone = [word for word in (before.words if before else ()) if is_touched(word.start_sec, word.end_sec, [span])]
    start_sec = min([span[0], *(word.start_sec for word in gone)]) + _GRAIN_SEC
    end_sec = max([span[1], *(word.end_sec for word in gone)]) - _GRAIN_SEC
    transcript = after or StoredTranscript(
        asset_id=asset.asset_id, source="", start_sec=0.0, end_sec=0.0, words=(), sentences=()
    )
    erased = sorted([*asset.erased, span])
    words = TimedWords(after, erased)

    def amend(space: Space, rows: Sequence[Clip], changes: list[RowChange], is_current: bool) -> list[RowChange]:
        of_clips = [row for row in rows if row.embedding_scope == "clip"]
        made = _of_clips(space, of_clips, changes, span, is_current=is_current)
        remaining = changed_rows(of_clips, made)
        vectors = {change.key: change.vector for change in changes if change.embedding_scope == "asset"}
        whole = (row for row in rows if row.embedding_scope == "asset")
        return made + [_of_whole(space, row, remaining, vectors, words) for row in whole]

    return await clip_changes(library, asset.asset_id, transcript, [(start_sec, end_sec)], erased=erased, amend=amend)


def _of_clips(
    space: Space, rows: Sequence[Clip], changes: Iterable[RowChange], span: Span, *, is_current: bool
) -> list[RowChange]:
    made: dict[Key, RowChange] = {change.key: change for change in changes if change.embedding_scope == "clip"}
    touched = {row.clip_id for row in rows if is_touched(row.start_sec, row.end_sec, [span])}
    by_key = {_key(row): row for row in rows}
    for key in [*by_key, *made]:
        row, change = by_key.get(key), made.get(key)
        clip_id, option = key[0], key[1]
        if clip_id in touched:
            if option == "transcription" and change and change.vector and not change.is_deleted:
                made[key] = replace(change, sound_words="")
            elif row:
                made[key] = _deleted(space, row)
            else:
                del made[key]
        elif (row and option != "audio" and not is_current and distance_sec(row, [span]) <= REACH_SEC) or (
            row and change and option != "audio" and not change.vector
        ):
            made[key] = _deleted(space, row)
    return list(made.values())


def _of_whole(space: Space, row: Clip, clips: Sequence[Clip], vectors: dict[Key, str], words: TimedWords) -> RowChange:
    """The change of a row that stands for the whole recording: the mean of the clips that remain."""
    alike = [clip for clip in clips if _kind(clip) == _kind(row)]
    mean = _mean(alike)
    if mean is None:
        return _deleted(space, row)
    text = plain_text(words.between(row.start_sec, row.end_sec), LONGEST_TRANSCRIPT) if row.transcript else ""
    is_spoken = row.embedding_option == "transcription"
    vector = (vectors.get(_key(row)) if is_spoken else "") or encoded_vector(mean)
    return replace(_deleted(space, row), transcript=text, vector=vector, sound_words="", is_deleted=False)


def _mean(clips: Sequence[Clip]) -> NDArray[np.float32] | None:
    import numpy as np

    lengths: defaultdict[str, float] = defaultdict(float)
    for clip in clips:
        lengths[clip.clip_id] = clip.end_sec - clip.start_sec
    mean = np.sum([clip.vector * lengths[clip.clip_id] for clip in clips], axis=0) if clips else None
    return None if mean is None or not mean.any() else (mean / np.linalg.norm(mean)).astype(np.float32)


def _kind(row: Clip) -> tuple[str, str]:
    return row.embedding_option, row.segmentation


def _key(row: Clip) -> Key:
    return row.clip_id, row.embedding_option, row.embedding_scope, row.segmentation


def _deleted(space: Space, row: Clip) -> RowChange:
    return RowChange(
        space_id=space.id,
        dimension=space.dimension,
        asset_id=row.asset_id,
        clip_id=row.clip_id,
        embedding_option=row.embedding_option,
        embedding_scope=row.embedding_scope,
        segmentation=row.segmentation,
        transcript="",
        is_deleted=True,
    )
