"""The wire models' base classes, and assets on the wire: their upload sessions and transcripts (contract section 2).

Requests refuse unknown fields, responses keep them.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat


class Request(BaseModel):
    """A body we send and the engine reads; unknown fields are an error (the contract's additionalProperties: false)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Response(BaseModel):
    """A body the platform sends; fields we do not know are kept, so a newer platform does not break us."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, frozen=True)


class PageInfo(Response):
    """Where a page stands in a list (contract 2.3)."""

    limit_per_page: int = 10
    page: int = 1
    total_page: int = 1
    total_results: int = 0


class AssetProblem(Response):
    """Why an asset failed; the text is for people and not part of the contract."""

    message: str = ""


class Asset(Response):
    """An uploaded or referenced file.

    `status` is processing, ready or failed; `duration` (seconds) and `size` (bytes) are there once it is ready.
    """

    id: str = Field(alias="_id")
    status: str = "ready"
    method: str | None = None
    filename: str | None = None
    file_type: str | None = None
    created_at: str | None = None
    duration: float | None = None
    size: int | None = None
    user_metadata: dict[str, Any] | None = None
    technical_metadata: dict[str, Any] | None = None
    error: AssetProblem | None = None


class AssetPage(Response):
    """One page of assets, newest first."""

    data: list[Asset] = Field(default_factory=list)
    page_info: PageInfo = Field(default_factory=PageInfo)


class TimedText(Response):
    """A word, sentence or utterance with its time range in seconds."""

    start: FiniteFloat
    end: FiniteFloat
    value: str
    speaker: str | None = None
    probability: FiniteFloat | None = None
    """How likely the recogniser holds it, 0 to 1; an embedded engine says so."""
    language: str | None = None
    """Code of ISO 639-1, where an embedded engine knows it."""


class TranscriptionProblem(Response):
    """Why there is no transcript."""

    message: str = ""


class Transcription(Response):
    """What is said in an asset; `status` is pending, processing, ready or failed."""

    status: str
    words: list[TimedText] = Field(default_factory=list)
    sentences: list[TimedText] = Field(default_factory=list)
    utterances: list[TimedText] = Field(default_factory=list)
    error: TranscriptionProblem | None = None


class PartUrl(Response):
    """A signed address for one part; parts are counted from 1."""

    chunk_index: int = Field(ge=1)
    url: str = Field(min_length=1)
    expires_at: str | None = None


class UploadTicket(Response):
    """What is needed to go on with an upload session, also in another process."""

    upload_id: str = Field(min_length=1)
    asset_id: str = Field(min_length=1)
    chunk_size: int = Field(gt=0)
    total_chunks: int = Field(gt=0)


class UploadSession(UploadTicket):
    """The answer that opens an upload session."""

    upload_urls: list[PartUrl] = Field(default_factory=list)
    upload_headers: dict[str, str] | None = None
    expires_at: str | None = None

    def ticket(self) -> UploadTicket:
        """Return what outlives the addresses."""
        return UploadTicket(
            upload_id=self.upload_id,
            asset_id=self.asset_id,
            chunk_size=self.chunk_size,
            total_chunks=self.total_chunks,
        )


class PartUrls(Response):
    """More addresses, asked for later."""

    upload_urls: list[PartUrl]


class UploadedPart(Response):
    """How one part stands: completed, pending or failed."""

    index: int
    status: str


class UploadStatus(Response):
    """How a session stands: active, completed, failed or expired; one page of its parts."""

    status: str
    uploaded_chunks: list[UploadedPart] = Field(default_factory=list)
    page_info: PageInfo = Field(default_factory=PageInfo)


class CompletedParts(Response):
    """The answer to a report of parts; `url` is there once all are."""

    asset_id: str | None = None
    total_completed: int = 0
    url: str | None = None
