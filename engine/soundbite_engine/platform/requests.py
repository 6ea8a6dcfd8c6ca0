"""The bodies of requests that only a server reads; unknown fields are errors (contract 3.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from soundbite_api.embeddings import AudioInput, TextInput
from soundbite_api.wire import Request

# Finite numbers only: JSON has no others, so an asset with one could never be shown again, nor a list that holds it.
UserMetadata = dict[Annotated[str, Field(min_length=1)], str | int | FiniteFloat | bool | list[str] | None]
_LARGEST_SIZE = 2**63 - 1


class EmbedRequest(Request):
    """The body of POST /embed-v2. Other fields that some model knows do not go with ours: they are unknown."""

    input_type: Literal["audio", "text"]
    model_name: str
    audio: AudioInput | None = None
    text: TextInput | None = None


class TaskRequest(Request):
    """The body of POST /embed-v2/tasks."""

    input_type: Literal["audio"]
    model_name: str
    audio: AudioInput | None = None


class UploadRequest(Request):
    """The body of POST /assets/multipart-uploads; total_size is in bytes."""

    filename: str = Field(min_length=1, max_length=255)
    type: Literal["audio", "video"]
    total_size: int = Field(gt=0, le=_LARGEST_SIZE)
    enable_hls: bool | None = None
    enable_thumbnail: bool | None = None
    user_metadata: UserMetadata | None = None


class CompletedChunk(Request):
    """A chunk a client says it has uploaded, with the ETag it got for it."""

    chunk_index: int = Field(ge=1)
    proof: str
    proof_type: Literal["etag"]
    chunk_size: int = Field(gt=0)


class CompletedChunks(Request):
    """The body of POST /assets/multipart-uploads/{upload_id}."""

    completed_chunks: list[CompletedChunk] = Field(min_length=1)


class PartUrlsRequest(Request):
    """The body of POST /assets/multipart-uploads/{upload_id}/presigned-urls."""

    start: int = Field(ge=1)
    count: int = Field(ge=1, le=50)


class UserMetadataRequest(Request):
    """The body of PATCH and PUT /assets/{id}/user-metadata."""

    user_metadata: UserMetadata


def merged_metadata(current: UserMetadata, changes: UserMetadata) -> UserMetadata:
    """PATCH: null deletes a key, an empty text or list is ignored, other values replace."""
    kept = {key: value for key, value in current.items() if changes.get(key, "") is not None}
    return {**kept, **given_metadata(changes)}


def given_metadata(values: UserMetadata | None) -> UserMetadata:
    """What of a user's metadata is kept: null, an empty text and an empty list are ignored."""
    return {key: value for key, value in (values or {}).items() if value not in (None, "", [])}
