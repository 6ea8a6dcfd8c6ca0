"""What is said in a recording: asked from the platform once, kept in the ledger, cut to ranges."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio

from soundbite_api import PlatformError
from soundbite_store import StoredTranscript, TimedText

if TYPE_CHECKING:
    from soundbite_api import PlatformClient, Transcription
    from soundbite_api import TimedText as WireText

_TRIES = 20
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0

log = logging.getLogger(__name__)


async def fetch_transcript(
    client: PlatformClient, platform_asset_id: str, *, asset_id: str, source: str
) -> StoredTranscript | None:
    """Return what the platform understood, None where it has no transcript.

    A missing transcript costs the words of the clips, never their vectors, so nothing is raised for it.
    """
    pause_s = _FIRST_PAUSE_S
    for _ in range(_TRIES):
        try:
            answer = await client.get_transcription(platform_asset_id)
        except PlatformError as exc:
            log.info("No transcript of %s: %s", asset_id, exc.message)
            return None
        if answer.status == "ready":
            return _stored(answer, asset_id, source)
        if answer.status == "failed":
            return None
        await anyio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    return None


def text_between(transcript: StoredTranscript | None, start_sec: float, end_sec: float) -> str:
    """Return the words said between two times; a word belongs where its middle is."""
    if transcript is None:
        return ""
    timed = transcript.words or transcript.sentences
    return " ".join(each.value for each in timed if start_sec <= (each.start_sec + each.end_sec) / 2 < end_sec)


def _stored(answer: Transcription, asset_id: str, source: str) -> StoredTranscript:
    words, sentences = _timed(answer.words), _timed(answer.sentences or answer.utterances)
    all_texts = words + sentences
    return StoredTranscript(
        asset_id=asset_id,
        source=source,
        start_sec=min((each.start_sec for each in all_texts), default=0.0),
        end_sec=max((each.end_sec for each in all_texts), default=0.0),
        words=words,
        sentences=sentences,
    )


def _timed(texts: Iterable[WireText]) -> tuple[TimedText, ...]:
    return tuple(TimedText(value=each.value, start_sec=each.start, end_sec=each.end) for each in texts)
