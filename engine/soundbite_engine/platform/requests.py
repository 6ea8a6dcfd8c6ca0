"""What comes in a request, as models that only a server reads (unknown fields are errors, contract 3.1).

JSON is read up to a size, a form with its file through the disk; pages, ids and times are as the platform writes them.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, FiniteFloat
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from soundbite_api.embeddings import MOST_CLIPS, AudioInput, SpokenText, TextInput
from soundbite_api.wire import Request as RequestBody
from soundbite_engine.errors import DiskError
from soundbite_engine.platform.errors import Refused, invalid, too_large
from soundbite_engine.platform.media_files import FileSink, IncomingMedia, clean_name

# Finite numbers only: JSON has no others, so an asset with one could never be shown again, nor a list that holds it.
UserMetadata = dict[Annotated[str, Field(min_length=1)], str | int | FiniteFloat | bool | list[str] | None]
_LARGEST_SIZE = 2**63 - 1
DEFAULT_LIMIT = 10
LARGEST_LIMIT = 50
JSON_BYTES = 1024 * 1024
FIELD_BYTES = 64 * 1024
MOST_FIELDS = 32
# A client that is cut off while it sends may never read the answer, so a little too much is read to its end.
DRAIN_BYTES = 256 * 1024 * 1024
_SLICE = 4 * 256 * 1024
_LARGE = 256 * 1024
ModelT = TypeVar("ModelT", bound=BaseModel)


class EmbedRequest(RequestBody):
    """The body of POST /embed-v2. Other fields that some model knows do not go with ours: they are unknown."""

    input_type: Literal["audio", "text"]
    model_name: str
    audio: AudioInput | None = None
    text: TextInput | None = None


class ClipsRequest(RequestBody):
    """The body of POST /embed-v2/clips, which is ours: what is said in clips of one recording, in order of time."""

    model_name: str
    clips: list[SpokenText] = Field(min_length=1, max_length=MOST_CLIPS)


class TaskRequest(RequestBody):
    """The body of POST /embed-v2/tasks."""

    input_type: Literal["audio"]
    model_name: str
    audio: AudioInput | None = None


class UploadRequest(RequestBody):
    """The body of POST /assets/multipart-uploads; total_size is in bytes."""

    filename: str = Field(min_length=1, max_length=255)
    type: Literal["audio", "video"]
    total_size: int = Field(gt=0, le=_LARGEST_SIZE)
    enable_hls: bool | None = None
    enable_thumbnail: bool | None = None
    user_metadata: UserMetadata | None = None


class CompletedChunk(RequestBody):
    """A chunk a client says it has uploaded, with the ETag it got for it."""

    chunk_index: int = Field(ge=1)
    proof: str
    proof_type: Literal["etag"]
    chunk_size: int = Field(gt=0)


class CompletedChunks(RequestBody):
    """The body of POST /assets/multipart-uploads/{upload_id}."""

    completed_chunks: list[CompletedChunk] = Field(min_length=1)


class PartUrlsRequest(RequestBody):
    """The body of POST /assets/multipart-uploads/{upload_id}/presigned-urls."""

    start: int = Field(ge=1)
    count: int = Field(ge=1, le=50)


class UserMetadataRequest(RequestBody):
    """The body of PATCH and PUT /assets/{id}/user-metadata."""

    user_metadata: UserMetadata


def merged_metadata(current: UserMetadata, changes: UserMetadata) -> UserMetadata:
    """PATCH: null deletes a key, an empty text or list is ignored, other values replace."""
    unchanged = {key: value for key, value in current.items() if changes.get(key, "") is not None}
    return {**unchanged, **given_metadata(changes)}


def given_metadata(values: UserMetadata | None) -> UserMetadata:
    """What of a user's metadata is kept: null, an empty text and an empty list are ignored."""
    return {key: value for key, value in (values or {}).items() if value not in (None, "", [])}


@dataclass(frozen=True)
class Page:
    """The `number`th page, from 1, of `limit` items each."""

    number: int = 1
    limit: int = DEFAULT_LIMIT

    @classmethod
    def of_query(cls, query: QueryParams) -> Page:
        """Read `page` and `page_limit`.

        Raises:
            Refused: one is not a number, or out of range.
        """
        return cls(
            _whole(query.get("page", "1"), "page", 2**31),
            _whole(query.get("page_limit", "10"), "page_limit", LARGEST_LIMIT),
        )

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.number - 1) * self.limit

    def info(self, total: int) -> dict[str, Any]:
        """The wire's `page_info` for a list of `total` items."""
        return {
            "limit_per_page": self.limit,
            "page": self.number,
            "total_page": max(1, -(-total // self.limit)),
            "total_results": total,
        }


def _whole(text: str, name: str, largest: int) -> int:
    try:
        value = int(text)
    except ValueError as exc:
        raise invalid(name, "Must be a whole number.") from exc
    if not 1 <= value <= largest:
        raise invalid(name, f"Must be from 1 to {largest}.")
    return value


async def read_model(request: Request, model: type[ModelT], largest_bytes: int = JSON_BYTES) -> ModelT:
    """The request's JSON body as a model.

    Raises:
        Refused: 413, the body is too large.
        ValidationError: it does not follow the model.
    """
    body, pieces = bytearray(), stream(request)
    async for piece in pieces:
        body += piece
        if len(body) > largest_bytes:
            await _drain(request, pieces)
            raise too_large(f"The request body exceeds maximum limit of {largest_bytes // 2**20} MB.")
    if len(body) > _LARGE:
        return await asyncio.to_thread(model.model_validate_json, body)
    return model.model_validate_json(body)


async def decode_base64(text: str, to: Path, largest_bytes: int) -> IncomingMedia:
    """Write the bytes that base64 text stands for to a file.

    Raises:
        Refused: 413 when they are too many, 400 when the text is not base64.
    """
    if any(space in text for space in "\n\r \t"):
        text = await asyncio.to_thread(lambda: "".join(text.split()))
    size = len(text) * 3 // 4 - text[-2:].count("=")
    if size > largest_bytes:
        raise too_large(f"File size ({size / 2**20:.1f} MB) exceeds maximum limit of {largest_bytes // 2**20} MB")
    async with FileSink(to) as sink:
        for start in range(0, len(text), _SLICE):
            try:
                piece = await asyncio.to_thread(binascii.a2b_base64, text[start : start + _SLICE], strict_mode=True)
            except (binascii.Error, ValueError) as exc:
                raise invalid("audio.media_source.base64_string", f"It is not base64: {exc}.") from exc
            await sink.write(piece)
    return IncomingMedia(to, sink.size, "upload")


@dataclass
class AssetForm:
    """The fields of a POST /assets, and its file, which is in `media.path`."""

    fields: dict[str, str] = field(default_factory=dict)
    media: IncomingMedia | None = None


async def read_asset_form(request: Request, to: Path, largest_bytes: int) -> AssetForm:
    """Read a multipart form; the file in it goes to `to`, by way of a temporary file, in constant memory.

    Raises:
        Refused: not such a form, or 413 when the file is larger than `largest_bytes`.
        DiskError: there is no room for it.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise invalid("request body", "It must be multipart/form-data.")
    pieces = stream(request)
    body = _up_to(pieces, largest_bytes + MOST_FIELDS * FIELD_BYTES, largest_bytes)
    parser = _WholeFormParser(request.headers, body, max_files=1, max_fields=MOST_FIELDS, max_part_size=FIELD_BYTES)
    try:
        async with _closing(await parser.parse()) as form:
            if not parser.is_complete:
                raise invalid("request body", "The multipart form ends before its last part does.")
            fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                return AssetForm(fields)
            if (upload.size or 0) > largest_bytes:
                raise _file_too_large(largest_bytes)
            return AssetForm(fields, await _store(upload, to))
    except MultiPartException as exc:
        raise invalid("request body", f"It is not a form that can be taken: {exc.message}") from exc
    except OSError as exc:
        raise DiskError.of(exc) from exc
    except Refused as exc:
        if exc.status == 413:
            await _drain(request, pieces)
        raise


class _WholeFormParser(MultiPartParser):
    """Starlette's parser, which takes a form that breaks off for a whole one."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True


@contextlib.asynccontextmanager
async def _closing(form: FormData) -> AsyncIterator[FormData]:
    try:
        yield form
    finally:
        await form.close()


async def _up_to(pieces: AsyncIterator[bytes], most_bytes: int, largest_file: int) -> AsyncGenerator[bytes, None]:
    taken = 0
    async for piece in pieces:
        taken += len(piece)
        if taken > most_bytes:
            raise _file_too_large(largest_file)
        yield piece


async def _store(upload: UploadFile, to: Path) -> IncomingMedia:
    async with FileSink(to) as sink:
        while piece := await upload.read(_SLICE):
            await sink.write(piece)
    return IncomingMedia(to, sink.size, clean_name(upload.filename or ""))


def _file_too_large(largest_bytes: int) -> Refused:
    return too_large(
        f"The file exceeds maximum limit of {largest_bytes // 2**20} MB for a direct upload; use a multipart upload."
    )


async def stream(request: Request) -> AsyncIterator[bytes]:
    """The request's body, piece by piece.

    Raises:
        Refused: the client went away.
    """
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as exc:
        raise Refused(400, "request_canceled_or_timed_out", "The request broke off before its end.") from exc


async def _drain(request: Request, pieces: AsyncIterator[bytes]) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > DRAIN_BYTES:
        return
    drained = 0
    async for piece in pieces:
        drained += len(piece)
        if drained > DRAIN_BYTES:
            return


def new_id() -> str:
    """24 hexadecimal digits: seconds since 1970, then 64 random bits."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def rfc3339(epoch_s: float) -> str:
    """A time as `2026-07-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_rfc3339(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time; one without an offset is UTC.

    Raises:
        ValueError: not such a time.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
