"""What a platform answered, written: as clips into the store, then as `ready` into the ledger, by two calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from soundbite_api import ABOUT_TRACKS, EmbeddedSpace, EmbeddingData, EmbeddingMetadata, EmbeddingUsage
from soundbite_store import (
    Asset,
    Clip,
    ClipFilter,
    Correction,
    Envelope,
    LedgerChange,
    Space,
    Task,
    clip_id_for,
    digest_of,
    is_touched,
    to_json,
)
from soundbite_tools.embed.params import EmbedParams, with_uncertainty
from soundbite_tools.embed.renewal import check_erased, drop_foreign_names, erased_notes, recording_of
from soundbite_tools.embed.spending import TaskFigures, count_kinds, usage_notes
from soundbite_tools.embed.transcripts import WindowTranscript, find_transcript
from soundbite_tools.errors import RecordingRemoved, WorkFailed, sentence
from soundbite_tools.library import current_space
from soundbite_tools.speakers import keep_voices
from soundbite_tools.text import BETWEEN_SOUNDS, SILENCE, file_label, listed, plain_text
from soundbite_tools.words.corrections import corrected
from soundbite_tools.words.rewording import reworded_clips
from soundbite_tools.words.timed_words import LONGEST_TRANSCRIPT, TimedWords

if TYPE_CHECKING:
    from soundbite_store import ClipStore, StoredTranscript, TimedText
    from soundbite_tools.embed.uploads import Upload
    from soundbite_tools.library import Library


LONGEST_SOUND_WORDS = 500
_MOST_ROWS = 1_000_000
# What decoding loses at the end of a sound file that is whole is far less than this.
_MISSING_SEC = 1.0
_OTHER_TRACKS = (
    "To hear another track, add the file again with its number as track (`--track 2`), or with all (`--track all`)."
)


@dataclass(frozen=True)
class Recording:
    """What every clip of a task says about where it comes from."""

    asset: Asset
    task: Task
    params: EmbedParams
    words: TimedWords
    language: str | None = None
    """Of most of what is said in it."""


def clips_of(recording: Recording, data: Sequence[EmbeddingData], dimension: int) -> list[Clip]:
    """Return the clips that hold these embeddings; vectors of zeros are left out, since they can't be found.

    Raises:
        WorkFailed: vectors of different lengths, or items without option, scope or times.
    """
    made_at = datetime.now(UTC)
    # What is said in a clip is known of the row with its words; a filter has to let the other rows of it through too.
    languages = {(item.start_sec, item.end_sec): item.language for item in data if item.language}
    return [
        _clip(recording, item, dimension, made_at, languages.get((item.start_sec, item.end_sec)))
        for item in data
        if any(item.embedding)
    ]


def _clip(recording: Recording, item: EmbeddingData, dimension: int, made_at: datetime, language: str | None) -> Clip:
    import numpy as np

    if len(item.embedding) != dimension:
        raise _malformed(f"a vector of {len(item.embedding)} numbers among vectors of {dimension}")
    if not item.embedding_option or not item.embedding_scope or item.start_sec is None or item.end_sec is None:
        raise _malformed("an embedding without option, scope or times")
    asset, start_sec, end_sec = recording.asset, item.start_sec, item.end_sec
    return Clip(
        clip_id=clip_id_for(asset.asset_id, start_sec, end_sec),
        asset_id=asset.asset_id,
        content_hash=asset.content_hash,
        task_id=recording.task.task_id,
        title=asset.title,
        source_uri=asset.source_uri,
        embedding_option=item.embedding_option,
        embedding_scope=item.embedding_scope,
        start_sec=start_sec,
        end_sec=end_sec,
        transcript=_text(recording, item, start_sec, end_sec),
        sound_words=_sound_words(recording, item),
        tags=asset.tags,
        metadata_json=with_uncertainty(asset, item.embedding_uncertainty),
        segmentation=recording.params.segmentation_label,
        created_at=made_at,
        language=recording.language if item.embedding_scope == "asset" else language,
        speaker=None if item.embedding_scope == "asset" else recording.words.speaker(start_sec, end_sec),
        vector=np.asarray(item.embedding, dtype=np.float32),
    )


def _text(recording: Recording, item: EmbeddingData, start_sec: float, end_sec: float) -> str:
    # One row a clip carries the words, or a full-text search would count them once for every option; a recording's
    # whole text belongs to its clips where it has some.
    params = recording.params
    is_of_clips = item.embedding_scope == "asset" and "clip" in params.embedding_scope
    if item.embedding_option != params.words_option or is_of_clips:
        return ""
    text = item.transcript
    if text is None or is_touched(start_sec, end_sec, recording.asset.erased):
        text = recording.words.between(start_sec, end_sec)
    return plain_text(text, LONGEST_TRANSCRIPT)


def _sound_words(recording: Recording, item: EmbeddingData) -> str:
    # Every row of a clip has them, so that a filter by sounds holds for what is said there as well.
    if item.embedding_scope == "asset" and "clip" in recording.params.embedding_scope:
        return ""
    return plain_text(BETWEEN_SOUNDS.join(item.sounds), LONGEST_SOUND_WORDS)


def _malformed(what: str) -> WorkFailed:
    return WorkFailed(
        f"The platform answered with {what}.",
        "Check with `soundbite doctor` that the platform is one that Soundbite knows.",
        code="malformed_response",
    )


def is_removed(task: Task | None) -> bool:
    """Return whether the recording of a task was removed, or is being removed."""
    return task is None or task.error_code == RecordingRemoved.code


@dataclass(frozen=True)
class Answer:
    """What the platform made of a recording."""

    data: Sequence[EmbeddingData]
    metadata: EmbeddingMetadata | None
    space: EmbeddedSpace
    usage: EmbeddingUsage | None = None


async def write(
    library: Library, task: Task, asset: Asset, params: EmbedParams, answer: Answer, upload: Upload
) -> TaskFigures:
    """Write the clips of an answer in one commit, and return their figures.

    Raises:
        WorkFailed: the answer holds nothing that can be kept.
        StoreError: it can't be written.
    """
    spoken = WindowTranscript(None)
    if params.words_option:
        has_speech = params.words_option == "audio" or any(item.embedding_option != "audio" for item in answer.data)
        window_transcript = answer.metadata.window_transcript if answer.metadata else None
        spoken = await find_transcript(
            library, asset, params, upload, has_speech=has_speech, window_transcript=window_transcript
        )
    if not any(any(item.embedding) for item in answer.data):
        raise WorkFailed(
            "The recording gave no embeddings: no usable sound was found in it.",
            "Check that it plays and is not silent, or ask for embedding_option audio and transcription.",
            code="nothing_embedded",
        )
    current = current_space(answer.space, len(answer.data[0].embedding))
    language = answer.metadata.language if answer.metadata else None
    recording = Recording(asset, task, params, TimedWords(spoken.transcript, asset.erased), language)
    clips = clips_of(recording, answer.data, current.space.dimension)
    library.spaces.seen(current)
    async with library.rewriting():
        await check_erased(library, asset)
        return await _write(library, recording, clips, answer, upload, spoken, current.space)


async def _write(
    library: Library,
    recording: Recording,
    clips: Sequence[Clip],
    answer: Answer,
    upload: Upload,
    spoken: WindowTranscript,
    space: Space,
) -> TaskFigures:
    """Write clips and their transcript, with the corrections that were made in it, while nobody corrects it."""
    asset, task, params, language = recording.asset, recording.task, recording.params, recording.language
    ledger, store = await library.ledger(), await library.store()
    correction_notes, names = tuple[str, ...](), tuple[Correction, ...]()
    if spoken.transcript is not None:
        done = await corrected(library, asset, spoken.transcript, is_recognised=not params.transcript)
        spoken, correction_notes = replace(spoken, transcript=done.transcript), done.notes
        names = done.made
        if done.spans:
            clips = await reworded_clips(library, clips, space, done.transcript, done.spans, erased=asset.erased)
    before = await ledger.get_task(task.task_id) or task
    figures = _figures(space, clips, answer).model_copy(update={"parts": TaskFigures.of(before).parts})
    # Of a recording that was followed they say where that was interrupted.
    notes = [*json.loads(before.notes_json), *upload.notes, *_notes(asset, params, figures, answer.metadata, clips)]
    known = await ledger.get_asset(asset.asset_id)
    notes += [*usage_notes(answer.usage), *erased_notes(asset, known, is_brought=bool(params.transcript))]
    notes += [*_brought_note(library, params), *([spoken.note] if spoken.note else []), *correction_notes]
    duration_sec = _duration_sec(asset, answer, figures)
    language = language or asset.language  # an embedding of its sound alone says nothing of it
    noted = await ledger.update_task(
        task.task_id,
        space=space.id,
        counts_json=figures.model_dump_json(),
        notes_json=json.dumps(notes),
        renewal_json=task.renewal_json and to_json(replace(asset, duration_sec=duration_sec, language=language)),
    )
    if is_removed(noted):
        raise RecordingRemoved()
    if told := await _keep_words(library, task, asset, spoken, names):
        await ledger.update_task(task.task_id, notes_json=json.dumps([*notes, *told]))
    if answer.metadata and answer.metadata.peaks:
        await ledger.put_envelope(asset, Envelope(duration_sec=duration_sec, peaks=answer.metadata.peaks))
    # A commit that has begun can't be stopped: whoever stops the job to remove its recording has to wait for the end.
    with anyio.CancelScope(shield=True):
        # Of a renewed recording whatever other tasks made goes: it may be of the same content, of another track.
        if task.renewal_json:
            outdated = ClipFilter(asset_ids=(asset.asset_id,), not_task_id=task.task_id)
        else:
            outdated = ClipFilter(asset_ids=(asset.asset_id,), not_content_hash=asset.content_hash)
        is_outdated = await store.has_clips(space, outdated)
        await store.upsert(space, clips, replaced=outdated if is_outdated else None)
        if figures.parts:
            await forget_others(store, before, space, clips)
        if task.renewal_json:
            await store.delete_other_tasks(asset.asset_id, task.task_id)  # in other spaces
        elif (duration_sec, language) != (asset.duration_sec, asset.language):
            await ledger.describe_asset(asset.asset_id, duration_sec=duration_sec, language=language)
    await keep_voices(library, asset)
    return figures


async def _keep_words(
    library: Library, task: Task, asset: Asset, spoken: WindowTranscript, names: Sequence[Correction]
) -> Sequence[str]:
    """Keep what is said, and which names of the glossary were put there; returns what is to be told."""
    ledger, told = await library.ledger(), list[str]()
    if names:
        await ledger.apply_change(LedgerChange(asset_id=asset.asset_id, made=names))
    if task.renewal_json:
        told += await drop_foreign_names(library, asset, spoken.transcript)
        await ledger.drop_transcripts(asset.asset_id)  # of what was said before
    if spoken.transcript is None:
        return told
    earlier = await ledger.get_transcript(asset.asset_id, library.config.platform) if spoken.is_of_window else None
    lost = await ledger.put_transcript(joined_transcript(earlier, spoken.transcript))
    return [*told, _lost_names(lost)] if lost else told


async def forget_others(store: ClipStore, before: Task, space: Space, clips: Sequence[Clip]) -> None:
    """Delete clips of a task that these are not: another engine made them, or who spoke was not known yet."""
    if before.space and before.space != space.id:
        await store.delete_clips(
            Space(before.space, TaskFigures.of(before).dimension), ClipFilter(task_id=before.task_id)
        )
    own = ClipFilter(task_id=before.task_id)
    if await store.count(space, own) > len({clip.row_id(space) for clip in clips}):
        rows = await store.clips(space, own, limit=_MOST_ROWS)
        others = {row.clip_id for row in rows} - {clip.clip_id for clip in clips}
        if others:
            await store.delete_clips(space, replace(own, clip_ids=tuple(sorted(others))))


async def finish(library: Library, task: Task, figures: TaskFigures) -> None:
    """Mark a task ready whose clips are in the store, unless its recording was removed meanwhile.

    Raises:
        StoreError: the store or the ledger can't be written.
    """
    with anyio.CancelScope(shield=True):
        await mark_ready(library, task, figures)
        await _take_back_if_removed(library, task)


async def _take_back_if_removed(library: Library, task: Task) -> None:
    # Removed in the moment between the last look and the commit: what was written must not stay behind.
    ledger, store = await library.ledger(), await library.store()
    if await ledger.get_task(task.task_id) is None and await ledger.get_asset(task.asset_id) is None:
        await store.delete_asset(task.asset_id)
        if sharing := await library.sharing():
            await sharing.withdraw(task.asset_id)
        await ledger.forget_asset(task.asset_id)


async def mark_ready(library: Library, task: Task, figures: TaskFigures) -> None:
    """Mark a task ready whose clips are in the store, and count its seconds.

    Raises:
        StoreError: the ledger can't be written.
    """
    ledger, seconds_embedded = await library.ledger(), round(figures.seconds, 3)
    if known := await ledger.get_task(task.task_id):
        asset = recording_of(known, await ledger.get_asset(known.asset_id))
        if asset and known.renewal_json:
            await ledger.renew_asset(asset, known.task_id)
            known = replace(known, renewal_json="")
        # Machines that share the store are told first: killed in between, this is done again.
        finished = replace(known, status="ready", stage="", progress=1.0, seconds_embedded=seconds_embedded)
        if sharing := await library.sharing():
            await sharing.publish(known.asset_id, replace(finished, finished_at=datetime.now(UTC)))
    await ledger.update_task(task.task_id, status="ready", stage="", progress=1.0, seconds_embedded=seconds_embedded)
    await ledger.add_usage(library.config.platform, seconds_embedded=figures.seconds)


def joined_transcript(earlier: StoredTranscript | None, new: StoredTranscript) -> StoredTranscript:
    """Return a transcript of a window with what an earlier one knows of the rest."""
    if earlier is None:
        return new
    start_sec, end_sec = new.start_sec, new.end_sec

    def around(texts: tuple[TimedText, ...], added: tuple[TimedText, ...]) -> tuple[TimedText, ...]:
        before = tuple(text for text in texts if text.end_sec <= start_sec)
        return (*before, *added, *(text for text in texts if text.start_sec >= end_sec))

    return replace(
        new,
        start_sec=min(earlier.start_sec, start_sec),
        end_sec=max(earlier.end_sec, end_sec),
        words=around(earlier.words, new.words),
        sentences=around(earlier.sentences, new.sentences),
    )


def _figures(space: Space, clips: Sequence[Clip], answer: Answer) -> TaskFigures:
    start_sec, end_sec = min(clip.start_sec for clip in clips), max(clip.end_sec for clip in clips)
    about = answer.metadata
    if about and about.start_offset_sec is not None and about.end_offset_sec is not None:
        # The window that was embedded; clips without sound or speech at its ends may be missing.
        start_sec, end_sec = min(start_sec, about.start_offset_sec), max(end_sec, about.end_offset_sec)
    return TaskFigures(
        start_sec=start_sec,
        end_sec=end_sec,
        dimension=len(clips[0].vector),
        input_tokens=answer.usage.input_tokens if answer.usage else {},
        counts=count_kinds(clips),
        digest=f"{digest_of({clip.row_id(space) for clip in clips}):x}",
    )


def _duration_sec(asset: Asset, answer: Answer, figures: TaskFigures) -> float:
    # What was decoded beats what the file's header claims.
    return (answer.metadata and answer.metadata.duration) or asset.duration_sec or figures.end_sec


def _notes(
    asset: Asset,
    params: EmbedParams,
    figures: TaskFigures,
    about: EmbeddingMetadata | None,
    clips: Sequence[Clip],
) -> list[str]:
    notes = [_as_sentence(warning) for warning in about.warnings] if about else []
    if not params.track and any(ABOUT_TRACKS in note for note in notes):
        notes.append(_OTHER_TRACKS)
    expected_sec = min(params.end_sec or asset.duration_sec, asset.duration_sec)
    if figures.end_sec < expected_sec - _MISSING_SEC and not params.track:  # tracks may differ in length
        notes.append(
            f"Only the sound up to {figures.end_sec:.1f} of {expected_sec:.1f} seconds could be decoded; "
            "the rest of the file is damaged or missing. What was decoded is in the library."
        )
    has_speech = any(kind.embedding_option != "audio" for kind in figures.counts)
    if {clip.sound_words for clip in clips if clip.embedding_scope == "clip"} == {SILENCE}:
        notes.append("It is silent from its beginning to its end: there is nothing to be found in it.")
    elif "transcription" in params.embedding_option and not has_speech:
        notes.append("No speech was recognised; the recording can be found by its sound only.")
    return notes


def _lost_names(names: Sequence[str]) -> str:
    return (
        f"Nobody is told apart any more who speaks at most of the times of {listed(names)}: list_speakers shows who "
        "there is now, name_speaker names them again."
    )


def _brought_note(library: Library, params: EmbedParams) -> list[str]:
    if not (params.transcript and library.config.natural_segmentation):
        return []
    name = file_label(params.transcript_name) if params.transcript_name else "the transcript given"
    return [f"The words are those of {name}: the speech was not recognised."]


def _as_sentence(warning: str) -> str:
    return sentence(warning[:1].upper() + warning[1:])
