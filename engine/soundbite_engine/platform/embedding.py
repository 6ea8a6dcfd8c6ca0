"""Computing embeddings of an asset or a text, for synchronous answers and for tasks alike."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from soundbite_api.embeddings import LONGEST_SYNC_SEC, LONGEST_TASK_SEC, AudioInput
from soundbite_engine.errors import EngineError, MediaError
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.errors import invalid
from soundbite_engine.platform.failures import duration_exceeded
from soundbite_engine.platform.results import Embedded, Item, analysis_request, covers_recording, metadata
from soundbite_engine.platform.transcription import Transcriptions
from soundbite_engine.profiles import Profile
from soundbite_engine.workers.analysis import ROUNDING_SEC, Analysis, Progress, analyse
from soundbite_engine.workers.pool import WorkerPool

MOST_TOKENS = 500
# Letters without a gap are one token however many there are, and cutting millions of them would hold everyone up.
MOST_CHARACTERS = 20_000
# Looking so few words up takes less time than handing them to a thread and back.
_LOOKED_UP_AT_ONCE = 64
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, eq=False)
class Outcome:
    """The embeddings of a recording, the wire's metadata of them, and how much sound was embedded."""

    embedded: Embedded
    metadata: dict[str, object]
    seconds: float


class Embedder:
    """Embeds in the space of one profile; the analyses themselves run in the worker pool."""

    def __init__(self, profile: Profile, pool: WorkerPool, assets: Assets, transcriptions: Transcriptions) -> None:
        self.profile = profile
        self._pool = pool
        self._assets = assets
        self._transcriptions = transcriptions
        # A synchronous call waits for others like it, never behind the queue of tasks.
        self._turn = asyncio.Semaphore(2)
        self._has_tables = False

    async def embed_text(self, text: str) -> Embedded:
        """The vector of a text.

        Raises:
            Refused: longer than the model takes.
        """
        if len(text) > MOST_CHARACTERS:
            raise invalid("text.input_text", f"It has {len(text)} characters; at most {MOST_CHARACTERS} are taken.")
        tokens = sum(1 for _ in _TOKEN.finditer(text))
        if tokens > MOST_TOKENS:
            raise invalid("text.input_text", f"It has {tokens} tokens; the model takes at most {MOST_TOKENS}.")
        if self._has_tables and self.profile.looks_texts_up and tokens <= _LOOKED_UP_AT_ONCE:
            vector = self.profile.embed_text(text)
        else:
            vector = await asyncio.to_thread(self.profile.embed_text, text)
            self._has_tables = True
        return Embedded([Item()], np.asarray(vector, dtype=np.float32)[None])

    async def embed_now(self, record: AssetRecord, audio: AudioInput) -> Outcome:
        """The embeddings of at most ten minutes of a ready asset.

        Raises:
            EngineError: too long, the window starts past the end, or the analysis failed.
        """
        check_window(record, audio, LONGEST_SYNC_SEC)
        longest_sec = LONGEST_SYNC_SEC if window_seconds(record, audio) is None else None
        async with self._turn:
            return await self.embed(record, audio, longest_sec=longest_sec)

    async def embed(
        self,
        record: AssetRecord,
        audio: AudioInput,
        on_progress: Callable[[Progress], None] | None = None,
        longest_sec: float | None = None,
    ) -> Outcome:
        """The embeddings of a ready asset, of up to four hours, or of `longest_sec` where its length is not known.

        Raises:
            EngineError: as `embed_now`.
        """
        check_window(record, audio, LONGEST_TASK_SEC)
        path = await self._assets.media_path(record)
        request = replace(analysis_request(str(path), audio, self.profile), longest_sec=longest_sec)
        try:
            analysis = await analyse(request, self._pool, on_progress)
        except MediaError as exc:
            raise MediaError(exc.code, exc.message.replace(path.name, record.filename)) from exc
        await self._keep_transcript(record, analysis)
        embedded = Embedded.of_analysis(analysis, self.profile.dimension)
        seconds = analysis.end_offset_sec - analysis.start_offset_sec
        return Outcome(embedded, metadata(record, audio, analysis), seconds)

    async def _keep_transcript(self, record: AssetRecord, analysis: Analysis) -> None:
        if analysis.transcript is not None and covers_recording(analysis) and not record.is_inline:
            await self._transcriptions.keep(record.id, analysis.transcript)


def window_seconds(record: AssetRecord, audio: AudioInput) -> float | None:
    """Seconds of sound a request embeds, as far as the container's header tells."""
    end = audio.end_sec
    if record.duration is not None:
        end = record.duration if end is None else min(end, record.duration)
    return None if end is None else max(0.0, end - audio.start_sec)


def check_window(record: AssetRecord, audio: AudioInput, limit_s: float) -> None:
    """Refuse a window that is too long or lies past the end.

    Raises:
        MediaError: it does.
    """
    if record.duration is not None and audio.start_sec >= record.duration > 0:
        raise MediaError(
            "window_past_end",
            f"start_sec {audio.start_sec:g} is past the end of {record.filename} ({record.duration:.1f} s)",
        )
    seconds = window_seconds(record, audio)
    if seconds is not None and seconds > limit_s + ROUNDING_SEC:
        raise duration_exceeded(seconds, limit_s)


def unexpected(exc: Exception) -> EngineError:
    """What a task says that met an error nobody foresaw; the log has the rest."""
    return EngineError("unexpected", f"unexpected {type(exc).__name__}")
