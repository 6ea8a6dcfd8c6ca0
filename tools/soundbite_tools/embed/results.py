"""What embed_audio, get_task and remove_audio answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from soundbite_tools.results import UNLISTED, UNTOLD, Result, closing, span
from soundbite_tools.text import count_of, listed, number, quoted, time_reached


class EmbeddingCount(BaseModel):
    """How many vectors of one kind a task made."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    embedding_option: str
    embedding_scope: str
    count: int


class EmbeddingPreview(BaseModel):
    """One embedding as the guide prints it: its time range, its length and its first values."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    embedding_option: str
    embedding_scope: str
    start_sec: float
    end_sec: float
    time_range: str
    first_values: list[float] = Field(description="The first 10 numbers of the vector")


def clips_in(counts: Iterable[EmbeddingCount]) -> int:
    """Return how many clips embeddings stand for: one may have several, and a recording has its own."""
    return max((kind.count for kind in counts if kind.embedding_scope == "clip"), default=0)


class TaskResult(Result):
    """An embedding task as it stands."""

    task_id: str
    status: str = Field(description="processing, ready or failed")
    asset_id: str = Field(default="", description="The recording; search_clips and get_clip take it")
    title: str = ""
    source: str = Field(default="", description="Where the sound came from")
    tags: list[str] = Field(default_factory=list)
    stage: str = Field(default="", description="What is being done while the status is processing")
    progress: float = Field(default=0.0, description="0 to 1")
    searchable_until_sec: Annotated[float, UNLISTED] = 0.0
    audio_seconds: float = Field(default=0.0, description="Seconds of audio the task covers")
    start_sec: float = 0.0
    end_sec: float = 0.0
    time_range: str = ""
    segmentation: str = Field(default="", description="natural, or fixed and the seconds of a segment")
    embedding_count: int = 0
    embedding_counts: Annotated[list[EmbeddingCount], UNTOLD] = Field(
        default_factory=list, description="Per option and scope"
    )
    dimension: int = Field(default=0, description="Numbers in each vector")
    space: str = Field(default="", description="Vectors of one space can be compared with each other")
    is_reused: bool = Field(default=False, description="Answered from the store; nothing was computed")
    seconds_embedded: float = Field(default=0.0, description="Seconds of audio the platform worked on")
    seconds_saved: float = Field(default=0.0, description="Seconds of audio that did not have to be embedded again")
    embeddings: Annotated[list[EmbeddingPreview], UNLISTED] = Field(
        default_factory=list, description="Only with detail=embeddings"
    )
    notes: list[str] = Field(default_factory=list)
    error: str = Field(default="", description="Why the task failed")
    error_code: str = ""
    next_step: str = ""

    @property
    def clip_count(self) -> int:
        """How many clips it made."""
        return clips_in(self.embedding_counts)

    def to_text(self) -> str:
        """Return the task in words."""
        lines = [f"Task {self.task_id} is {self.status}."]
        if self.error:
            lines.append(f"Error{f' ({self.error_code})' if self.error_code else ''}: {self.error}")
        if self.stage:
            lines.append(f"Stage: {self.stage}. Progress: {number(self.progress)}")
        if self.searchable_until_sec:
            reached = time_reached(self.searchable_until_sec, self.end_sec)
            lines.append(f"Searchable until {reached} ({number(self.searchable_until_sec)} s).")
        lines += self._recording() + self._embeddings()
        if self.is_reused:
            lines.append("Reused: answered from the store, nothing was computed.")
        if self.seconds_embedded:
            lines.append(f"Seconds embedded: {number(self.seconds_embedded)}")
        if self.seconds_saved:
            lines.append(f"Seconds saved: {number(self.seconds_saved)}")
        lines += _preview_lines(self.embeddings)
        return "\n".join(closing(lines, self.notes, self.next_step))

    def _recording(self) -> list[str]:
        lines = []
        if self.asset_id:
            lines.append(f"Recording: {quoted(self.title or 'untitled')} (asset_id {self.asset_id})")
        if self.source:
            lines.append(f"Source: {quoted(self.source)}")
        if self.tags:
            lines.append(f"Tags: {listed(self.tags)}")
        if self.audio_seconds:
            lines.append(f"Seconds of audio: {number(self.audio_seconds)}")
        if self.time_range:
            lines.append(f"Time range: {self.time_range} ({span(self)})")
        if self.segmentation:
            lines.append(f"Segmentation: {self.segmentation}")
        return lines

    def _embeddings(self) -> list[str]:
        if not self.space:
            return []
        lines = []
        if self.embedding_count:
            counts = "; ".join(
                f"{kind.embedding_option} {kind.embedding_scope}: {kind.count}" for kind in self.embedding_counts
            )
            lines.append(f"Embeddings: {self.embedding_count} ({counts})")
        dimension = f", {self.dimension} dimensions" if self.dimension else ""
        return [*lines, f"Space: {self.space}{dimension}"]


class RemovalResult(Result):
    """What was removed of a recording."""

    asset_id: str
    is_removed: bool = Field(description="False where there was nothing to remove")
    title: str = ""
    embeddings_removed: int = 0
    transcripts_removed: int = 0
    tasks_removed: int = 0
    files_removed: int = Field(default=0, description="Cached sound files")
    uploads_removed: int = Field(default=0, description="Uploads on the platform")
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return what was removed in words."""
        if not self.is_removed:
            lines = [f"There is no recording {self.asset_id}: nothing was removed."]
            return "\n".join(closing(lines, self.notes, self.next_step))
        counts = {
            "embedding": self.embeddings_removed,
            "transcript": self.transcripts_removed,
            "task": self.tasks_removed,
            "sound file": self.files_removed,
            "upload": self.uploads_removed,
        }
        parts = ", ".join(count_of(count, name) for name, count in counts.items() if count)
        lines = [
            f"Removed {quoted(self.title) if self.title else 'the recording'} (asset_id {self.asset_id})"
            + (f": {parts}." if parts else ".")
        ]
        return "\n".join(closing(lines, self.notes, self.next_step))


def _preview_lines(previews: list[EmbeddingPreview]) -> list[str]:
    return [
        f"{preview.embedding_option} {preview.embedding_scope} {preview.time_range} "
        f"({span(preview)}): {', '.join(f'{value:g}' for value in preview.first_values)}"
        for preview in previews
    ]
