"""Embedding requests, results and tasks on the wire (contract section 3), with times as seconds of the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Base64Bytes, Field, FiniteFloat, field_validator, model_validator

from soundbite_api.wire import PageInfo, Request, Response, Transcription

EmbeddingOption = Literal["audio", "transcription"]
EmbeddingScope = Literal["clip", "asset"]
EmbeddingType = Literal["separate_embedding", "fused_embedding"]

DEFAULT_SEGMENT_SEC = 6
SHORTEST_SEGMENT_SEC = 2
LONGEST_SEGMENT_SEC = 10
LONGEST_SYNC_SEC = 600.0
LONGEST_TASK_SEC = 4 * 3600.0
LARGEST_DIRECT_BYTES = 200 * 1024 * 1024
MOST_CLIPS = 200
"""Whose words are embedded in one call."""
_SLACK_SEC = 0.5
TaskStatus = Literal["processing", "ready", "failed"]


class MediaSource(Request):
    """Where the sound comes from: exactly one of an asset, a direct URL, or base64 data."""

    asset_id: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, min_length=1)
    base64_string: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("asset_id", "url", "base64_string") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "media_source needs exactly one of asset_id, url and base64_string; "
                + (f"got {', '.join(given)}" if given else "got none")
            )
        return self


class FixedSegmentation(Request):
    """Segments of one length, in whole seconds; the last may be shorter."""

    duration_sec: int = Field(ge=SHORTEST_SEGMENT_SEC, le=LONGEST_SEGMENT_SEC)


class Segmentation(Request):
    """How the sound is cut: `fixed`, or the engine's extension `natural` (at pauses and where the sound changes).

    A missing strategy means fixed: the guide's own code omits it (contract 0.1).
    """

    strategy: Literal["fixed", "natural"] = "fixed"
    fixed: FixedSegmentation | None = None

    @model_validator(mode="after")
    def _fits_strategy(self) -> Self:
        if self.strategy == "natural" and self.fixed is not None:
            raise ValueError("segmentation.fixed does not go with the strategy natural")
        return self

    @property
    def duration_sec(self) -> int:
        """Seconds of a fixed segment."""
        return self.fixed.duration_sec if self.fixed else DEFAULT_SEGMENT_SEC


class SpokenText(Request):
    """Words that are said from one second of a recording to another; an extension of the embedded engine."""

    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(ge=0, allow_inf_nan=False)
    value: str = Field(max_length=20_000)
    speaker: str = Field(default="", max_length=60)


class AudioInput(Request):
    """The `audio` object of an embedding request, with the platform's defaults (contract 3.2, 3.9)."""

    media_source: MediaSource
    start_sec: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    end_sec: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    segmentation: Segmentation | None = None
    embedding_option: list[EmbeddingOption] = Field(
        default_factory=lambda: list[EmbeddingOption](("audio", "transcription")), min_length=1
    )
    embedding_scope: list[EmbeddingScope] = Field(
        default_factory=lambda: list[EmbeddingScope](("clip", "asset")), min_length=1
    )
    embedding_type: list[EmbeddingType] = Field(
        default_factory=lambda: list[EmbeddingType](("separate_embedding",)), min_length=1
    )
    track: Annotated[int, Field(ge=1)] | Literal["all"] | None = None
    """An extension of the embedded engine: the number of an audio track from 1, or all; None is what a player takes."""

    spoken: list[SpokenText] | None = Field(default=None, min_length=1)
    """An extension of the embedded engine: the words that are said, in order of time, instead of recognising them."""

    @field_validator("embedding_option", "embedding_scope", "embedding_type")
    @classmethod
    def _unique(cls, values: list[str]) -> list[str]:
        if len(set(values)) != len(values):
            raise ValueError("values may not repeat")
        return values

    @model_validator(mode="after")
    def _combines(self) -> Self:
        if self.end_sec is not None and self.end_sec <= self.start_sec:
            raise ValueError("end_sec must be greater than start_sec")
        if "fused_embedding" in self.embedding_type and len(self.embedding_option) < 2:
            raise ValueError("embedding_type fused_embedding needs at least two values in embedding_option")
        return self

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object to send; `embedding_type` goes only with two options, as the contract asks."""
        body = self.model_dump(exclude_none=True)
        if len(self.embedding_option) < 2:
            del body["embedding_type"]
        return body


class TextInput(Request):
    """The `text` object of an embedding request; the platform takes at most 500 tokens."""

    input_text: str = Field(min_length=1)


class EmbeddingData(Response):
    """One vector and what it stands for; option, scope and times are null for text.

    Times are seconds. The order of items means nothing: key on (option, scope, start, end).
    """

    embedding: list[FiniteFloat]
    embedding_option: str | None = None
    embedding_scope: str | None = None
    start_sec: FiniteFloat | None = None
    end_sec: FiniteFloat | None = None
    transcript: str | None = None
    probability: FiniteFloat | None = None
    """How likely the words of the transcript are, 0 to 1, on average."""
    language: str | None = None
    """Code of ISO 639-1 of the transcript's language."""
    embedding_uncertainty: list[FiniteFloat] | None = None
    """How unsure each number of the vector is, as long as it; only Marengo 3.5 says so."""
    sounds: list[str] = Field(default_factory=list)
    """Names of what is heard, the surest first; only our engine says so, and only when asked."""


class EmbeddingUsage(Response):
    """What an answer cost in tokens; only Marengo 3.5 says so."""

    input_tokens: dict[str, int] = Field(default_factory=dict)
    """By kind of content: audio, text…"""
    truncated: bool = False


class EmbeddingMetadata(Response):
    """What the platform says of the media it embedded; all durations in seconds."""

    input_type: str | None = None
    input_url: str | None = None
    input_filename: str | None = None
    duration: FiniteFloat | None = None
    start_offset_sec: FiniteFloat | None = None
    end_offset_sec: FiniteFloat | None = None
    embedding_options: list[str] | None = None
    embedding_scopes: list[str] | None = None
    embedding_dimension: int | None = None
    """Only Marengo 3.5 says so."""
    language: str | None = None
    """Code of ISO 639-1 of most of what is said, where our engine knows it, and only when asked."""
    warnings: list[str] = Field(default_factory=list)
    """What a listener should know, a sentence each; only our engine says so, and only when asked."""
    peaks: Base64Bytes = b""
    """How loud the whole recording is: the highest level in equal parts, to 255; from our engine, when asked."""
    window_transcript: Transcription | None = None
    """What is said in a window of a recording; only our engine says so, and only when asked."""


class EmbeddingResponse(Response):
    """The answer of POST /embed-v2."""

    data: list[EmbeddingData]
    metadata: EmbeddingMetadata | None = None
    usage: EmbeddingUsage | None = None


def absolute_times(data: Sequence[EmbeddingData], start_sec: float) -> list[EmbeddingData]:
    """Return the items with times that count from the beginning of the source.

    Whether the platform counts from there or from the window's start is not written down (contract 3.9). A time
    clearly before the window's start can only be relative; the slack leaves room for rounding.
    """
    starts = [item.start_sec for item in data if item.start_sec is not None]
    if not starts or min(starts) >= start_sec - min(_SLACK_SEC, start_sec / 2):
        return list(data)
    return [_shifted(item, start_sec) for item in data]


def _shifted(item: EmbeddingData, by_sec: float) -> EmbeddingData:
    if item.start_sec is None or item.end_sec is None:
        return item
    return item.model_copy(update={"start_sec": item.start_sec + by_sec, "end_sec": item.end_sec + by_sec})


class TaskProblem(Response):
    """Why a task failed."""

    message: str = ""


class TaskProgress(Response):
    """How far a task is; only the embedded engine says so, and only when asked."""

    stage: str = ""
    fraction: FiniteFloat = 0.0
    parts: int = 0
    """So many parts of a long recording are done."""
    until_sec: FiniteFloat = 0.0
    """Where they end in the source."""


class ListedMetadata(Response):
    """What a list of tasks says of the media; the published forms of the contract spell the options differently."""

    input_filename: str | None = None
    input_url: str | None = None
    duration: FiniteFloat | None = None
    start_offset_sec: FiniteFloat | None = None
    end_offset_sec: FiniteFloat | None = None
    audio_embedding_option: list[str] | None = None
    audio_embedding_options: list[str] | None = None

    @property
    def options(self) -> frozenset[str]:
        """The embedding options, empty where they are not said."""
        return frozenset(self.audio_embedding_option or self.audio_embedding_options or ())


class ListedAudio(Response):
    """The audio part of a task in a list."""

    metadata: ListedMetadata | None = None


class EmbeddingTask(Response):
    """An embedding task: `data` is there when the status is ready, `error` when it is failed."""

    id: str = Field(alias="_id")
    status: str
    created_at: str | None = None
    updated_at: str | None = None
    data: list[EmbeddingData] | None = None
    metadata: EmbeddingMetadata | None = None
    usage: EmbeddingUsage | None = None
    error: TaskProblem | None = None
    progress: TaskProgress | None = None
    audio_embedding: ListedAudio | None = None


class TaskPage(Response):
    """One page of tasks, newest first, without vectors."""

    data: list[EmbeddingTask] = Field(default_factory=list)
    page_info: PageInfo = Field(default_factory=PageInfo)


class TaskPart(Response):
    """What a task that is still processed has made of a part of the recording; an extension of the embedded engine."""

    number: int
    until_sec: FiniteFloat
    data: list[EmbeddingData]
    transcription: Transcription | None = None
    is_provisional: bool = False
    """Whether it gives way to the next part, which begins where it does."""
