"""Assets and their multipart uploads over HTTP (contract 2.1 to 2.7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soundbite_engine.platform.asset_records import AssetFilter, AssetRecord
from soundbite_engine.platform.errors import Refused, invalid, missing
from soundbite_engine.platform.media_files import clean_name, remove
from soundbite_engine.platform.requests import (
    AssetForm,
    CompletedChunks,
    Page,
    PartUrlsRequest,
    UploadRequest,
    UserMetadata,
    UserMetadataRequest,
    given_metadata,
    merged_metadata,
    new_id,
    read_asset_form,
    read_model,
    rfc3339,
    stream,
)
from soundbite_engine.platform.routes.services import Services, base_url
from soundbite_engine.platform.transcription import TranscriptionRecord
from soundbite_engine.platform.uploads import URL_S, Chunk, UploadRecord

_FIELDS = frozenset({"method", "url", "file", "filename", "enable_hls", "enable_thumbnail", "user_metadata"})
_TYPES = ("image", "video", "audio", "document")
_PARTS = ("words", "sentences", "utterances")
_METADATA = TypeAdapter(UserMetadata)
FIRST_URLS = 50
PARTS = "/parts/"


def asset_routes(services: Services) -> list[Route]:
    """The routes of assets."""
    handlers = AssetRoutes(services)
    one = "/assets/{asset_id}"
    return [
        Route("/assets", handlers.create, methods=["POST"]),
        Route("/assets", handlers.page, methods=["GET"]),
        Route(one, handlers.get, methods=["GET"]),
        Route(one, handlers.delete, methods=["DELETE"]),
        Route(f"{one}/transcription", handlers.transcription, methods=["GET"]),
        Route(f"{one}/user-metadata", handlers.update_metadata, methods=["PATCH"]),
        Route(f"{one}/user-metadata", handlers.replace_metadata, methods=["PUT"]),
        Route(f"{one}/user-metadata", handlers.delete_metadata, methods=["DELETE"]),
    ]


class AssetRoutes:
    """Handlers; each validates, acts and describes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._assets = services.assets

    async def create(self, request: Request) -> Response:
        arriving = self._assets.folder.incoming(f"{new_id()}.direct")
        form = await read_asset_form(request, arriving, self._services.config.largest_direct_bytes)
        try:
            metadata = _check_form(form)
        except Refused:
            await asyncio.to_thread(remove, arriving)
            raise
        name = form.fields.get("filename", "")
        if form.fields["method"] == "url":
            record = await self._assets.create_from_url(form.fields["url"], filename=name, user_metadata=metadata)
        else:
            assert form.media is not None
            media = replace(form.media, filename=clean_name(name)) if name else form.media
            record = await self._assets.create_from_upload(media, user_metadata=metadata)
        return JSONResponse(asset_json(record), status_code=201)

    async def page(self, request: Request) -> Response:
        page = Page.of_query(request.query_params)
        records, total = await self._assets.page(_filter(request), page)
        return JSONResponse({"data": [asset_json(record) for record in records], "page_info": page.info(total)})

    async def get(self, request: Request) -> Response:
        return JSONResponse(asset_json(await self._assets.get(request.path_params["asset_id"])))

    async def delete(self, request: Request) -> Response:
        asset_id = request.path_params["asset_id"]
        is_forced = request.query_params.get("force", "").lower() == "true"
        if not is_forced and await self._services.tasks.is_in_use(asset_id):
            raise Refused(
                409,
                "resource_in_use",
                f"The asset {asset_id} is needed by an embedding task; add force=true to delete it.",
            )
        if is_forced:
            await self._assets.get(asset_id)
            await self._services.tasks.forget(asset_id)
        await self._assets.delete(asset_id)
        return Response(status_code=204)

    async def transcription(self, request: Request) -> Response:
        parts = _included(request)
        record = await self._services.transcriptions.get(request.path_params["asset_id"])
        return JSONResponse(_transcription_json(record, parts))

    async def update_metadata(self, request: Request) -> Response:
        body = await read_model(request, UserMetadataRequest)
        return await self._change_metadata(request, lambda current: merged_metadata(current, body.user_metadata))

    async def replace_metadata(self, request: Request) -> Response:
        body = await read_model(request, UserMetadataRequest)
        return await self._change_metadata(request, lambda _: given_metadata(body.user_metadata))

    async def delete_metadata(self, request: Request) -> Response:
        return await self._change_metadata(request, lambda _: {})

    async def _change_metadata(
        self, request: Request, change: Callable[[dict[str, Any]], Mapping[str, Any]]
    ) -> Response:
        await self._assets.change_user_metadata(request.path_params["asset_id"], change)
        return Response(status_code=204)


def asset_json(record: AssetRecord) -> dict[str, Any]:
    """An asset as the wire shows it."""
    wire: dict[str, Any] = {
        "_id": record.id,
        "method": record.method,
        "status": record.status,
        "filename": record.filename,
        "file_type": record.file_type,
        "created_at": rfc3339(record.created_at),
    }
    if record.status == "ready":
        wire |= {"size": record.size, "duration": record.duration, "technical_metadata": record.technical_metadata}
    if record.user_metadata:
        wire["user_metadata"] = record.user_metadata
    if record.status == "failed":
        wire["error"] = {"message": record.error or "The file could not be processed."}
    return wire


def _check_form(form: AssetForm) -> dict[str, Any] | None:
    fields = form.fields
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise Refused(400, "parameter_unknown", f"The {unknown[0]} parameter is not known.")
    method = fields.get("method") or ""
    if not method:
        raise missing("method")
    if method not in ("url", "direct"):
        raise invalid("method", "Must be one of: url, direct.")
    if method == "url" and not fields.get("url", "").strip():
        raise missing("url")
    if method == "direct" and form.media is None:
        raise missing("file")
    if (method == "url" and form.media is not None) or (method == "direct" and fields.get("url")):
        raise invalid("method", "Give either a url or a file, as the method says.")
    for name in ("enable_hls", "enable_thumbnail"):
        if fields.get(name, "true") not in ("true", "false"):
            raise invalid(name, "Must be true or false.")
    if len(fields.get("filename", "")) > 255:
        raise invalid("filename", "Must be at most 255 characters long.")
    return _metadata_field(fields.get("user_metadata"))


def _metadata_field(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return dict(given_metadata(_METADATA.validate_json(text, strict=True))) or None
    except ValidationError as exc:
        reason = "Must be a JSON object of strings, numbers, booleans and lists of strings."
        raise invalid("user_metadata", reason) from exc


def _filter(request: Request) -> AssetFilter:
    query = request.query_params
    types = _listed(query.getlist("asset_types"))
    for kind in types:
        if kind not in _TYPES:
            raise invalid("asset_types", f"Must be one of: {', '.join(_TYPES)}.")
    return AssetFilter(_listed(query.getlist("asset_ids")), types, query.get("filename", ""))


def _included(request: Request) -> list[str]:
    parts = _listed(request.query_params.getlist("include")) or ["words"]
    for part in parts:
        if part not in _PARTS:
            raise invalid("include", f"Must be one of: {', '.join(_PARTS)}.")
    return parts


def _listed(values: list[str]) -> list[str]:
    return [entry for value in values for entry in value.split(",") if entry]


def _transcription_json(record: TranscriptionRecord, parts: list[str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"status": record.status}
    if record.status == "failed":
        wire["error"] = {"message": record.error or "The asset could not be transcribed."}
    if record.status == "ready":
        # A sentence has one speaker: so is an utterance.
        entries = {"words": record.words, "sentences": record.sentences, "utterances": record.sentences}
        wire |= {part: entries[part] for part in _PARTS if part in parts}
    return wire


def upload_routes(services: Services) -> list[Route]:
    """The routes of upload sessions; they come before those of assets, whose ids they would match."""
    handlers = UploadRoutes(services)
    sessions = "/assets/multipart-uploads"
    one = f"{sessions}/{{upload_id}}"
    return [
        Route(sessions, handlers.create, methods=["POST"]),
        Route(sessions, handlers.incomplete, methods=["GET"]),
        Route(one, handlers.report, methods=["POST"]),
        Route(one, handlers.get, methods=["GET"]),
        Route(f"{one}/presigned-urls", handlers.part_urls, methods=["POST"]),
        Route(f"{one}{PARTS}{{chunk_index:int}}", handlers.receive, methods=["PUT"]),
    ]


class UploadRoutes:
    """Handlers; each validates, acts and describes."""

    def __init__(self, services: Services) -> None:
        self._uploads = services.uploads

    async def create(self, request: Request) -> Response:
        record = await self._uploads.create(await read_model(request, UploadRequest))
        first = range(1, min(record.total_chunks, FIRST_URLS) + 1)
        answer = {
            "upload_id": record.id,
            "asset_id": record.asset_id,
            "upload_urls": await self._urls(request, record, first),
            "upload_headers": {},
            "chunk_size": record.chunk_size,
            "total_chunks": record.total_chunks,
            "expires_at": rfc3339(record.expires_at),
        }
        return JSONResponse(answer, status_code=201)

    async def receive(self, request: Request) -> Response:
        upload_id, index = request.path_params["upload_id"], request.path_params["chunk_index"]
        await self._uploads.check_signature(upload_id, index, request.query_params)
        etag = await self._uploads.receive(upload_id, index, stream(request))
        return Response(headers={"ETag": f'"{etag}"'})

    async def report(self, request: Request) -> Response:
        body = await read_model(request, CompletedChunks)
        record = await self._uploads.get(request.path_params["upload_id"])
        reported = await self._uploads.report(record.id, body.completed_chunks)
        answer: dict[str, Any] = {
            "asset_id": record.asset_id,
            "processed_chunks": reported.processed,
            "duplicate_chunks": reported.duplicate,
            "total_completed": reported.total_completed,
        }
        if reported.is_completed:
            answer["url"] = f"{base_url(request)}/assets/{record.asset_id}"
        return JSONResponse(answer)

    async def get(self, request: Request) -> Response:
        page = Page.of_query(request.query_params)
        record = await self._uploads.get(request.path_params["upload_id"])
        return JSONResponse(_status_json(record, await self._uploads.chunks(record.id), page))

    async def incomplete(self, request: Request) -> Response:
        page = Page.of_query(request.query_params)
        records, total = await self._uploads.incomplete(page)
        return JSONResponse({"data": [_summary_json(record) for record in records], "page_info": page.info(total)})

    async def part_urls(self, request: Request) -> Response:
        body = await read_model(request, PartUrlsRequest)
        record = await self._uploads.get(request.path_params["upload_id"])
        record.size_of(body.start)  # refuses an index beyond the last
        indexes = range(body.start, min(body.start + body.count, record.total_chunks + 1))
        now = time.time()
        answer = {
            "upload_id": record.id,
            "start_index": body.start,
            "count": len(indexes),
            "upload_urls": await self._urls(request, record, indexes),
            "generated_at": rfc3339(now),
            "expires_at": rfc3339(now + URL_S),
        }
        return JSONResponse(answer)

    async def _urls(self, request: Request, record: UploadRecord, indexes: Sequence[int]) -> list[dict[str, Any]]:
        expires_at = min(time.time() + URL_S, record.expires_at)
        base = f"{base_url(request)}/assets/multipart-uploads/{record.id}{PARTS}"
        queries = await self._uploads.sign(record.id, indexes, expires_at)
        return [
            {"chunk_index": index, "url": f"{base}{index}?{query}", "expires_at": rfc3339(expires_at)}
            for index, query in queries.items()
        ]


def _status_json(record: UploadRecord, chunks: Mapping[int, Chunk], page: Page) -> dict[str, Any]:
    completed = [chunk for chunk in chunks.values() if chunk.reported_at is not None]
    shown = range(page.offset + 1, min(page.offset + page.limit, record.total_chunks) + 1)
    return _summary_json(record) | {
        "updated_at": rfc3339(record.updated_at),
        "uploaded_chunks": [_chunk_json(index, chunks.get(index)) for index in shown],
        "chunks_completed": len(completed),
        "chunks_failed": 0,
        "chunks_pending": record.total_chunks - len(completed),
        "uploaded_size": sum(chunk.size for chunk in completed),
        "page_info": page.info(record.total_chunks),
    }


def _chunk_json(index: int, chunk: Chunk | None) -> dict[str, Any]:
    wire: dict[str, Any] = {"index": index, "status": "pending", "uploaded_at": None}
    if chunk is not None:
        wire["updated_at"] = rfc3339(chunk.updated_at)
        if chunk.reported_at is not None:
            wire |= {"status": "completed", "uploaded_at": rfc3339(chunk.reported_at)}
    return wire


def _summary_json(record: UploadRecord) -> dict[str, Any]:
    return {
        "upload_id": record.id,
        "status": record.status(time.time()),
        "total_size": record.total_size,
        "chunk_size": record.chunk_size,
        "total_chunks": record.total_chunks,
        "created_at": rfc3339(record.created_at),
        "expires_at": rfc3339(record.expires_at),
    }
