"""Upload sessions on the wire (contract 2.7)."""

from __future__ import annotations

from pydantic import Field

from soundbite_api.wire import PageInfo, Response


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
