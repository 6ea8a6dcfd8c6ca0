"""Embedding tasks on the wire (contract 3.5 to 3.7)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from soundbite_api.assets import Transcription
from soundbite_api.embeddings import EmbeddingData, EmbeddingMetadata, EmbeddingUsage
from soundbite_api.wire import PageInfo, Response

TaskStatus = Literal["processing", "ready", "failed"]


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
