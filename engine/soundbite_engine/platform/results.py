"""Embeddings between the analysis, the database and the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundbite_api.embeddings import AudioInput
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.task_records import StoredResult
from soundbite_engine.profiles import Profile
from soundbite_engine.speech.transcripts import Sentence, Word
from soundbite_engine.workers.analysis import Analysis, AnalysisRequest

# Sixteen vectors are some ten milliseconds of JSON: short enough not to hold up the event loop.
ITEMS_AT_ONCE = 16
# Where there are no more, handing them to a thread takes longer than the JSON.
_FEW_ITEMS = 2
DECIMALS = 8
WARNINGS = "warnings"
WINDOW_TRANSCRIPT = "window_transcript"
# What the metadata of an answer holds beyond the contract, by the word that asks for it.
_EXTENSIONS = {WARNINGS: "warnings", WINDOW_TRANSCRIPT: "transcript"}


@dataclass(frozen=True)
class Item:
    """What one vector stands for; times are seconds in the source. All but the transcript are None for text."""

    option: str | None = None
    scope: str | None = None
    start_sec: float | None = None
    end_sec: float | None = None
    transcript: str = ""
    sounds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors, float32 of shape (items, dimension), and the items they belong to."""

    items: Sequence[Item]
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of_analysis(cls, analysis: Analysis, dimension: int) -> Embedded:
        """The embeddings of a recording."""
        items = [Item(e.option, e.scope, e.start_sec, e.end_sec, e.transcript, e.sounds) for e in analysis.embeddings]
        rows = [np.asarray(e.vector, dtype=np.float32) for e in analysis.embeddings]
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

    async def to_wire(self, head: Mapping[str, Any], asked: Collection[str]) -> AsyncIterator[bytes]:
        """The JSON object `head` with the embeddings as its `data`, in pieces; many are made off the event loop."""
        yield (json.dumps(head)[:-1] + (", " if head else "") + '"data": [').encode()
        for start in range(0, len(self.items), ITEMS_AT_ONCE):
            is_short = len(self.items) <= _FEW_ITEMS
            piece = self._encode(start, asked) if is_short else await asyncio.to_thread(self._encode, start, asked)
            yield (b"," if start else b"") + piece
        yield b"]}"

    def _encode(self, start: int, asked: Collection[str]) -> bytes:
        # Eight decimals say all a float32 of a unit vector holds, in half the characters of its exact value.
        rows = np.round(self.vectors[start : start + ITEMS_AT_ONCE].astype(np.float64), DECIMALS).tolist()
        items = self.items[start : start + ITEMS_AT_ONCE]
        wire = [_wire_item(item, row, asked) for item, row in zip(items, rows, strict=True)]
        return json.dumps(wire)[1:-1].encode()


def analysis_request(path: str, audio: AudioInput, profile: Profile) -> AnalysisRequest:
    """What to compute for an audio request."""
    cut = audio.segmentation
    return AnalysisRequest(
        path=path,
        profile=profile,
        start_sec=audio.start_sec,
        end_sec=audio.end_sec,
        strategy="fixed" if cut is None else cut.strategy,
        duration_sec=6 if cut is None else cut.duration_sec,
        options=tuple(audio.embedding_option),
        scopes=tuple(audio.embedding_scope),
        types=tuple(audio.embedding_type),
    )


def metadata(record: AssetRecord, audio: AudioInput, analysis: Analysis) -> dict[str, Any]:
    """The wire's metadata of an audio answer; the SDK can't read one without options, scopes and duration."""
    found = _metadata(record, audio, analysis.duration_sec, analysis.start_offset_sec, analysis.end_offset_sec)
    if analysis.warnings:
        found[WARNINGS] = list(analysis.warnings)
    if analysis.transcript is not None and not covers_recording(analysis):
        # That of the whole recording is the asset's own; nobody should have to wait for it to read a window.
        said = analysis.transcript
        found[WINDOW_TRANSCRIPT] = {
            "status": "ready",
            "words": timed_values(said.words),
            "sentences": timed_values(said.sentences),
        }
    return found


def expected_metadata(record: AssetRecord, audio: AudioInput) -> dict[str, Any]:
    """What is known of an answer that is still to come."""
    end_sec = record.duration if audio.end_sec is None else audio.end_sec
    return _metadata(record, audio, record.duration, audio.start_sec, end_sec)


def _metadata(
    record: AssetRecord, audio: AudioInput, duration_sec: float | None, start_sec: float, end_sec: float | None
) -> dict[str, Any]:
    found = {
        "input_type": "audio",
        "input_filename": record.filename,
        "input_url": record.source_url,
        "embedding_options": list(audio.embedding_option),
        "embedding_scopes": list(audio.embedding_scope),
        "duration": duration_sec,
        "start_offset_sec": start_sec,
        "end_offset_sec": end_sec,
    }
    return {name: value for name, value in found.items() if value is not None}


def covers_recording(analysis: Analysis) -> bool:
    """Whether all of a recording was analysed, not a window of it."""
    return analysis.start_offset_sec <= 0 and analysis.end_offset_sec >= analysis.duration_sec


def timed_values(entries: Sequence[Word | Sentence]) -> list[dict[str, Any]]:
    """Words or sentences as the wire shows them; times in seconds of the source."""
    return [{"start": each.start_sec, "end": each.end_sec, "value": each.value} for each in entries]


def wire_metadata(kept: Mapping[str, Any], asked: Collection[str] = ()) -> dict[str, Any]:
    """The metadata to show: what we add to the contract appears only when it is asked for."""
    return {key: value for key, value in kept.items() if key not in _EXTENSIONS or _EXTENSIONS[key] in asked}


def _wire_item(item: Item, vector: list[float], asked: Collection[str]) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "embedding": vector,
        "embedding_option": item.option,
        "embedding_scope": item.scope,
        "start_sec": item.start_sec,
        "end_sec": item.end_sec,
    }
    if "transcript" in asked and item.option == "transcription":
        wire["transcript"] = item.transcript
    if "sounds" in asked and item.sounds:
        wire["sounds"] = list(item.sounds)
    return wire
