"""What is said in a recording: from the platform or the recogniser here, kept in the ledger, cut to ranges."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_api import PlatformError, PollPolicy
from soundbite_store import BROUGHT, StoredTranscript, TimedText
from soundbite_tools.sources.files import recorded_file
from soundbite_tools.sources.local_media import MediaProblem
from soundbite_tools.text import LONGEST_SPEAKER, plain_text
from soundbite_tools.words.timed_words import without_spans

if TYPE_CHECKING:
    from soundbite_api import PlatformClient, Transcription
    from soundbite_api import TimedText as WireText
    from soundbite_store import Asset
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.embed.uploads import Upload
    from soundbite_tools.library import Library


_BROUGHT_THERE = (
    "The words are those of the transcript that was brought; the platform's vectors hold what it heard itself."
)
_TRIES = 20
_POLLS = PollPolicy(first_s=0.25, longest_s=10.0)

log = logging.getLogger(__name__)


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
