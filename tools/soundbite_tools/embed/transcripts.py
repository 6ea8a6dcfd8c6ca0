"""What is said in a recording: a transcript that is brought, else from the platform or the recogniser here."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import PlatformError, PollPolicy
from soundbite_store import BROUGHT, StoredTranscript, TimedText
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.files import recorded_file
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.sources.spoken import Brought, given_transcript, is_given, transcripts_beside
from soundbite_tools.speakers import speaker_labels
from soundbite_tools.text import LONGEST_SPEAKER, clock, file_label, plain_text
from soundbite_tools.words.timed_words import without_spans

if TYPE_CHECKING:
    from soundbite_api import PlatformClient, Transcription
    from soundbite_api import TimedText as WireText
    from soundbite_store import Asset
    from soundbite_tools.embed.uploads import Upload
    from soundbite_tools.library import Library
    from soundbite_tools.requests import EmbedRequest
    from soundbite_tools.sources.spoken import Sidecar


_BROUGHT_THERE = (
    "The words are those of the transcript that was brought; the platform's vectors hold what it heard itself."
)
_AGAIN = "to have the speech recognised instead, remove the recording and add it again"
_TRIES = 20
_POLLS = PollPolicy(first_s=0.25, longest_s=10.0)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WordsChoice:
    """The transcript that a recording is embedded with, none where its speech is recognised, and what to say of it."""

    digest: str = ""
    name: str = ""
    brought: Brought | None = None
    """What the ledger has to be given first; None where it has it."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Before:
    """The transcript that a recording was embedded with at last; no digest where its speech was recognised."""

    digest: str = ""
    name: str = ""
    time_ns: int = 0


async def choose_words(library: Library, request: EmbedRequest, asset: Asset) -> WordsChoice:
    """Return the transcript that is given with a recording, else the one in a file beside it.

    Of several the latest counts: one that was put beside the file, or changed, after the last was taken. A file that
    says what is known already brings nothing, and words that were brought stay where their file went away.

    Raises:
        SourceProblem: the transcript given can't be read, holds no words, or is of another recording.
        StoreError: the ledger can't be read.
    """
    if "transcription" not in request.embedding_option:
        return WordsChoice()
    if is_given(request.transcript):
        brought = await anyio.to_thread.run_sync(given_transcript, request.transcript, library.config)
        if not brought.fits(asset.duration_sec):
            raise SourceProblem(
                f"Most times of the transcript are past the recording's end, {clock(asset.duration_sec)}.",
                "Give the transcript of this recording.",
                code="transcript_unreadable",
            )
        if not brought.has_times and asset.duration_sec and not brought.could_last(asset.duration_sec):
            raise SourceProblem(
                f"Nobody says the words of the transcript in {clock(asset.duration_sec)}.",
                "Give all words of this recording, or WebVTT or SubRip, which have times.",
                code="transcript_unreadable",
            )
        return _taken(brought)
    if asset.source_kind != "file":
        return WordsChoice()
    path = Path(asset.source_uri)
    files = await anyio.to_thread.run_sync(transcripts_beside, path, asset.duration_sec, library.config)
    refusals = tuple(one.refusal for one in files if one.refusal)
    before = await _before(library, asset)
    file, note = _latest(path, files, before)
    notes = (*refusals, *([note] if note else []))
    if file and file.brought and not (file.name != before.name and await _is_known(library, asset, file.brought)):
        return _taken(file.brought, notes)
    return WordsChoice(before.digest, before.name, notes=notes)


def _taken(brought: Brought, notes: tuple[str, ...] = ()) -> WordsChoice:
    return WordsChoice(brought.digest, brought.name, brought, notes)


def _latest(path: Path, files: Sequence[Sidecar], before: _Before) -> tuple[Sidecar | None, str]:
    """The file whose words count, None for those that were taken before, and a note where a person may wonder."""
    usable = [one for one in files if one.brought]
    if not before.digest:
        return next(iter(usable), None), ""
    newer = max((one for one in usable if one.time_ns > before.time_ns), key=lambda one: one.time_ns, default=None)
    same = next((one for one in usable if one.name == before.name), None)
    is_beside = Path(before.name).stem == path.stem
    file = newer or same or (next(iter(usable), None) if is_beside else None)
    if file:
        earlier = file_label(before.name) if before.name else "the transcript given before"
        is_other = file.name != before.name
        return file, f"{file_label(file.name)} beside it takes the place of {earlier}." if is_other else ""
    if is_beside:
        return None, f"Its words are still those of {file_label(before.name)}, which brings none any more; {_AGAIN}."
    if usable:
        name = file_label(usable[0].name)
        return None, f"{name} beside it is older than the transcript that was given, whose words stay: give {name} too."
    return None, ""


async def _before(library: Library, asset: Asset) -> _Before:
    ledger = await library.ledger()
    known = await ledger.get_asset(asset.asset_id)
    ready = await ledger.list_tasks(limit=1, asset_id=asset.asset_id, status="ready")
    # Words of an earlier content are not those of what the file holds now.
    if not ready or known is None or known.content_hash != asset.content_hash:
        return _Before()
    params = EmbedParams.model_validate_json(ready[0].params_json)
    if not params.transcript or not await ledger.get_transcript(asset.asset_id, BROUGHT + params.transcript):
        return _Before()
    return _Before(params.transcript, params.transcript_name, round(ready[0].created_at.timestamp() * 1e9))


async def _is_known(library: Library, asset: Asset, brought: Brought) -> bool:
    """Whether it is an export of what the recording says here, as some write it beside their recordings."""
    ledger = await library.ledger()
    known = await ledger.get_transcript(asset.asset_id, library.config.platform)
    names = (await speaker_labels(library, [asset.asset_id])).labels.values()
    return known is not None and brought.says_the_same(known, names)


@dataclass(frozen=True)
class WindowTranscript:
    """What is said in the embedded window, and a note for the task where that needs one."""

    transcript: StoredTranscript | None
    note: str = ""
    is_of_window: bool = False
    """Whether it knows nothing of the rest of the recording."""


async def find_transcript(
    library: Library,
    asset: Asset,
    params: EmbedParams,
    upload: Upload,
    *,
    has_speech: bool,
    window_transcript: Transcription | None = None,
) -> WindowTranscript:
    """Return what the platform understood, else what is recognised on this machine, where that is allowed.

    `window_transcript` came with the embeddings of a window: the rest of the recording is not transcribed for it. A
    missing transcript costs the words of the clips, never their vectors, so nothing is raised for it. What is erased is
    left out, whatever a platform makes of the silence there.
    """
    whole = await _whole_transcript(library, asset, params, upload, has_speech, window_transcript)
    if whole.transcript is None or not asset.erased:
        return whole
    return replace(whole, transcript=without_spans(whole.transcript, asset.erased))


async def _whole_transcript(
    library: Library,
    asset: Asset,
    params: EmbedParams,
    upload: Upload,
    has_speech: bool,
    window_transcript: Transcription | None,
) -> WindowTranscript:
    if params.transcript and not library.config.natural_segmentation:
        known = await (await library.ledger()).get_transcript(asset.asset_id, BROUGHT + params.transcript)
        if known is not None:
            return WindowTranscript(replace(known, source=library.config.platform), _BROUGHT_THERE)
    wire = window_transcript
    if wire is None and upload.id:
        wire = await _from_platform(library.client, upload.id)
    if wire is not None:
        transcript = transcript_of(wire, asset.asset_id, library.config.platform, upload.offset_sec)
        return WindowTranscript(transcript, is_of_window=window_transcript is not None or upload.is_cut)
    config = library.config
    is_local = asset.source_kind in ("file", "base64") and not config.is_embedded
    if not (has_speech and is_local and config.local_transcripts):
        return WindowTranscript(None)
    source = await anyio.to_thread.run_sync(recorded_file, asset)
    if source is None:
        log.info("No transcript of %s: its file changed or went away", asset.asset_id)
        return WindowTranscript(None)
    try:
        recognised = await library.media_reader.transcribe(
            source, params.start_sec, params.end_sec or None, params.track
        )
    except MediaProblem as exc:
        log.info("No transcript of %s: %s", asset.asset_id, exc)
        return WindowTranscript(None)
    transcript = _with_range(asset.asset_id, config.platform, recognised.words, recognised.sentences)
    note = "The platform gave no transcript; the words were recognised on this machine."
    return WindowTranscript(transcript, note, is_of_window=bool(params.start_sec or params.end_sec))


async def _from_platform(client: PlatformClient, platform_asset_id: str) -> Transcription | None:
    for pause_s in islice(_POLLS.pauses(), _TRIES):
        try:
            answer = await client.get_transcription(platform_asset_id)
        except PlatformError as exc:
            log.info("No transcript of asset %s: %s", platform_asset_id, exc.message)
            return None
        if answer.status == "ready":
            return answer
        if answer.status == "failed":
            return None
        await anyio.sleep(pause_s)
    return None


def transcript_of(answer: Transcription, asset_id: str, source: str, offset_sec: float = 0.0) -> StoredTranscript:
    """Return what a platform understood, as the ledger keeps it, `offset_sec` later."""
    turns = [turn for turn in answer.utterances if turn.speaker]
    words, sentences = (_timed_texts(texts, offset_sec, turns) for texts in (answer.words, answer.sentences or turns))
    return _with_range(asset_id, source, words, sentences)


def _with_range(
    asset_id: str, source: str, words: tuple[TimedText, ...], sentences: tuple[TimedText, ...]
) -> StoredTranscript:
    return StoredTranscript(
        asset_id=asset_id,
        source=source,
        start_sec=min((text.start_sec for text in words + sentences), default=0.0),
        end_sec=max((text.end_sec for text in words + sentences), default=0.0),
        words=words,
        sentences=sentences,
    )


def _timed_texts(texts: Sequence[WireText], offset_sec: float, turns: Sequence[WireText]) -> tuple[TimedText, ...]:
    return tuple(
        TimedText(
            value=text.value,
            start_sec=text.start + offset_sec,
            end_sec=text.end + offset_sec,
            speaker=speaker,
            probability=1.0 if text.probability is None else min(max(text.probability, 0.0), 1.0),
        )
        for text, speaker in zip(texts, _speakers(texts, turns), strict=True)
    )


def _speakers(texts: Sequence[WireText], turns: Sequence[WireText]) -> list[str]:
    """Return who says each text: by itself, else of the turn that its middle lies in."""
    ordered = sorted(turns, key=lambda turn: turn.start)
    begins = [turn.start for turn in ordered]
    speakers = []
    for text in texts:
        middle = (text.start + text.end) / 2
        turn = ordered[at - 1] if (at := bisect_right(begins, middle)) else None
        inside = turn.speaker if turn and middle < turn.end else ""
        speakers.append(plain_text(text.speaker or inside or "", LONGEST_SPEAKER))
    return speakers
