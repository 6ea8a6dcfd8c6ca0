"""Computing embeddings of an asset or a text, and their forms in the database and on the wire."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from soundbite_api.embeddings import LONGEST_SYNC_SEC, LONGEST_TASK_SEC, AudioInput, SpokenText
from soundbite_api.turns import Turns
from soundbite_engine.analysis.analyse import (
    ROUNDING_SEC,
    Analysis,
    AnalysisRequest,
    Part,
    PartRecords,
    Progress,
    analyse,
)
from soundbite_engine.analysis.parts import Embedding, PartFacts, embeddings
from soundbite_engine.errors import EngineError, MediaError, duration_exceeded
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.errors import invalid
from soundbite_engine.platform.task_records import StoredPart, StoredResult
from soundbite_engine.platform.transcription import Transcriptions, timed_values
from soundbite_engine.profiles import Profile
from soundbite_engine.speech.transcripts import Sentence, Word
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.pool import WorkerPool

# Sixteen vectors are some ten milliseconds of JSON: short enough not to hold up the event loop.
ITEMS_AT_ONCE = 16
# Where there are no more, handing them to a thread takes longer than the JSON.
_FEW_ITEMS = 2
DECIMALS = 8
WARNINGS = "warnings"
WINDOW_TRANSCRIPT = "window_transcript"
LANGUAGE = "language"
PEAKS = "peaks"
# What the metadata of an answer holds beyond the contract, by the word that asks for it.
_EXTENSIONS = {WARNINGS: "warnings", WINDOW_TRANSCRIPT: "transcript", LANGUAGE: "transcript", PEAKS: "peaks"}
MOST_TOKENS = 500
# Letters without a gap are one token however many there are, and cutting millions of them would hold everyone up.
MOST_CHARACTERS = 20_000
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Item:
    """What one vector stands for; times are seconds in the source. All but the transcript are None for text."""

    option: str | None = None
    scope: str | None = None
    start_sec: float | None = None
    end_sec: float | None = None
    transcript: str = ""
    sounds: tuple[str, ...] = ()
    probability: float | None = None
    language: str = ""

    @classmethod
    def of(cls, embedding: Embedding) -> Item:
        """What the vector of a recording's span stands for."""
        span = (embedding.option, embedding.scope, embedding.start_sec, embedding.end_sec)
        return cls(*span, embedding.transcript, embedding.sounds, embedding.probability, embedding.language)


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors, float32 of shape (items, dimension), and the items they belong to."""

    items: Sequence[Item]
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of_analysis(cls, analysis: Analysis, dimension: int) -> Embedded:
        """The embeddings of a recording."""
        return cls._of(analysis.embeddings, dimension)

    @classmethod
    def of_part(cls, part: Part, audio: AudioInput, profile: Profile) -> Embedded:
        """The embeddings of the segments of a part, with those of scope asset left to the end."""
        facts, request = part.facts, analysis_request("", audio, profile)
        scopes = [scope for scope in request.scopes if scope == "clip"]
        blocks = (part.sounds, part.speech_blocks, request.wanted_options, scopes, profile.blocks)
        items = embeddings(facts.segments, facts.sayings, Sentence("", 0.0, 0.0), *blocks) if facts.segments else ()
        return cls._of(items, profile.dimension)

    @classmethod
    def _of(cls, embeddings: Sequence[Embedding], dimension: int) -> Embedded:
        items = [Item.of(embedding) for embedding in embeddings]
        rows = [np.asarray(e.vector, dtype=np.float32) for e in embeddings]
        return cls(items, np.stack(rows) if rows else np.zeros((0, dimension), dtype=np.float32))

    @classmethod
    def of_stored(cls, stored: StoredResult) -> Embedded:
        """The embeddings of a task, as the database holds them."""
        vectors = np.frombuffer(stored.vectors, dtype="<f4").reshape(-1, stored.dimension)
        return cls([Item(**item) for item in json.loads(stored.items)], vectors)

    def to_stored(self) -> StoredResult:
        """The same for the database."""
        items = json.dumps([asdict(item) for item in self.items])
        return StoredResult(int(self.vectors.shape[1]), items, self.vectors.astype("<f4").tobytes())

    async def to_wire(self, head: Mapping[str, Any], extensions: Collection[str]) -> AsyncIterator[bytes]:
        """The JSON object `head` with the embeddings as its `data`, in pieces; many are made off the event loop."""
        yield (json.dumps(head)[:-1] + (", " if head else "") + '"data": [').encode()
        for start in range(0, len(self.items), ITEMS_AT_ONCE):
            is_short = len(self.items) <= _FEW_ITEMS
            if is_short:
                piece = self._encode(start, extensions)
            else:
                piece = await asyncio.to_thread(self._encode, start, extensions)
            yield (b"," if start else b"") + piece
        yield b"]}"

    def _encode(self, start: int, extensions: Collection[str]) -> bytes:
        # Eight decimals say all a float32 of a unit vector holds, in half the characters of its exact value.
        rows = np.round(self.vectors[start : start + ITEMS_AT_ONCE].astype(np.float64), DECIMALS).tolist()
        items = self.items[start : start + ITEMS_AT_ONCE]
        wire = [_wire_item(item, row, extensions) for item, row in zip(items, rows, strict=True)]
        return json.dumps(wire)[1:-1].encode()


def stored_part(part: Part) -> StoredPart:
    """A part for the database."""
    blocks = [
        None if rows is None else rows.astype("<f4").tobytes() for rows in (part.sound_blocks, part.speech_blocks)
    ]
    return StoredPart(part.number, part.facts.until_sec, part.facts.to_json(), *blocks)


def part_of(stored: StoredPart) -> Part:
    """A part as the database holds it."""
    facts = PartFacts.of_json(stored.facts)
    count = len(facts.segments)
    blocks = [
        None if rows is None or not count else np.frombuffer(rows, "<f4").reshape(count, -1)
        for rows in (stored.sounds, stored.speech)
    ]
    return Part(stored.number, facts, *blocks)


def analysis_request(media: MediaFile, audio: AudioInput, profile: Profile) -> AnalysisRequest:
    """What to compute for an audio request."""
    cut = audio.segmentation
    return AnalysisRequest(
        media=media,
        profile=profile,
        start_sec=audio.start_sec,
        end_sec=audio.end_sec,
        strategy="fixed" if cut is None else cut.strategy,
        duration_sec=6 if cut is None else cut.duration_sec,
        options=tuple(audio.embedding_option),
        scopes=tuple(audio.embedding_scope),
        types=tuple(audio.embedding_type),
        track=audio.track,
        spoken=tuple(_word(text) for text in audio.spoken) if audio.spoken else None,
    )


def _word(text: SpokenText) -> Word:
    return Word(text.value, text.start, max(text.start, text.end), speaker=text.speaker)


def metadata(record: AssetRecord, audio: AudioInput, analysis: Analysis) -> dict[str, Any]:
    """The wire's metadata of an audio answer; the SDK can't read one without options, scopes and duration."""
    wire = _metadata(record, audio, analysis.duration_sec, analysis.start_offset_sec, analysis.end_offset_sec)
    if analysis.warnings:
        wire[WARNINGS] = list(analysis.warnings)
    if analysis.start_offset_sec <= 0 and analysis.end_offset_sec >= analysis.duration_sec:
        wire[PEAKS] = base64.b64encode(analysis.peaks).decode()
    if analysis.transcript is not None and analysis.transcript.language:
        wire[LANGUAGE] = analysis.transcript.language
    if analysis.transcript is not None and not _is_of_asset(audio, analysis):
        # That of the whole recording is the asset's own; nobody should have to wait for it to read a window.
        transcript = analysis.transcript
        wire[WINDOW_TRANSCRIPT] = {
            "status": "ready",
            "words": timed_values(transcript.words),
            "sentences": timed_values(transcript.sentences),
        }
    return wire


def expected_metadata(record: AssetRecord, audio: AudioInput) -> dict[str, Any]:
    """What is known of an answer that is still to come."""
    end_sec = record.duration if audio.end_sec is None else audio.end_sec
    return _metadata(record, audio, record.duration, audio.start_sec, end_sec)


def _metadata(
    record: AssetRecord, audio: AudioInput, duration_sec: float | None, start_sec: float, end_sec: float | None
) -> dict[str, Any]:
    wire = {
        "input_type": "audio",
        "input_filename": record.filename,
        "input_url": record.source_url,
        "embedding_options": list(audio.embedding_option),
        "embedding_scopes": list(audio.embedding_scope),
        "duration": duration_sec,
        "start_offset_sec": start_sec,
        "end_offset_sec": end_sec,
    }
    return {name: value for name, value in wire.items() if value is not None}


def _is_of_asset(audio: AudioInput, analysis: Analysis) -> bool:
    """Whether an analysis is of all of the asset as it is heard by itself: not of a window, nor of another track."""
    return audio.track is None and analysis.start_offset_sec <= 0 and analysis.end_offset_sec >= analysis.duration_sec


def wire_metadata(stored: Mapping[str, Any], extensions: Collection[str] = ()) -> dict[str, Any]:
    """The metadata to show: what we add to the contract appears only when it is asked for."""
    return {key: value for key, value in stored.items() if key not in _EXTENSIONS or _EXTENSIONS[key] in extensions}


def _wire_item(item: Item, vector: list[float], extensions: Collection[str]) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "embedding": vector,
        "embedding_option": item.option,
        "embedding_scope": item.scope,
        "start_sec": item.start_sec,
        "end_sec": item.end_sec,
    }
    if "transcript" in extensions and item.option == "transcription":
        wire["transcript"] = item.transcript
        wire |= {"probability": item.probability} if item.probability is not None else {}
        wire |= {"language": item.language} if item.language else {}
    if "sounds" in extensions and item.sounds:
        wire["sounds"] = list(item.sounds)
    return wire


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
        self._turns = Turns(2)

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
        vector = await asyncio.to_thread(self.profile.embed_text, text)
        return Embedded([Item()], np.asarray(vector, dtype=np.float32)[None])

    async def embed_clips(self, clips: Sequence[SpokenText]) -> Embedded:
        """The vectors of what is said in clips of a recording, in order of time: each with what is said around it."""
        spoken = [Sentence(clip.value, clip.start, clip.end) for clip in clips]
        vectors = await asyncio.to_thread(self.profile.embed_clips, spoken)
        return Embedded([Item("transcription", "clip", clip.start, clip.end) for clip in clips], vectors)

    async def embed_now(self, record: AssetRecord, audio: AudioInput) -> Outcome:
        """The embeddings of at most ten minutes of a ready asset.

        Raises:
            EngineError: too long, the window starts past the end, or the analysis failed.
        """
        check_window(record, audio, LONGEST_SYNC_SEC)
        longest_sec = LONGEST_SYNC_SEC if window_seconds(record, audio) is None else None
        async with self._turns.turn():
            return await self.embed(record, audio, longest_sec=longest_sec)

    async def embed(
        self,
        record: AssetRecord,
        audio: AudioInput,
        on_progress: Callable[[Progress], None] | None = None,
        longest_sec: float | None = None,
        records: PartRecords | None = None,
    ) -> Outcome:
        """The embeddings of a ready asset, of up to four hours, or of `longest_sec` where its length is not known.

        With `records` those of a long one are made part by part, which are kept there.

        Raises:
            EngineError: as `embed_now`.
        """
        check_window(record, audio, LONGEST_TASK_SEC)
        media = await self._assets.media_file(record)
        request = replace(analysis_request(media, audio, self.profile), longest_sec=longest_sec)
        try:
            analysis = await analyse(request, self._pool, on_progress, records)
        except MediaError as exc:
            raise MediaError(exc.code, exc.message.replace(media.name, record.filename)) from exc
        if analysis.transcript is not None and _is_of_asset(audio, analysis) and not record.is_inline:
            await self._transcriptions.keep(record.id, analysis.transcript)
        embedded = Embedded.of_analysis(analysis, self.profile.dimension)
        seconds = analysis.end_offset_sec - analysis.start_offset_sec
        return Outcome(embedded, metadata(record, audio, analysis), seconds)


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
