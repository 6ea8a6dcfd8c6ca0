"""Multipart uploads over HTTP (contract 2.7)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soundbite_engine.platform.requests import (
    CompletedChunks,
    Page,
    PartUrlsRequest,
    UploadRequest,
    read_model,
    rfc3339,
    stream,
)
from soundbite_engine.platform.routes.services import Services, base_url
from soundbite_engine.platform.uploads import URL_S, Chunk, UploadRecord

FIRST_URLS = 50
PARTS = "/parts/"


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
