"""Embeddings over HTTP, at once (contract 3.1 to 3.4) and as tasks (3.5 to 3.7)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soundbite_api.embeddings import LONGEST_TASK_SEC, AudioInput
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.embedding import (
    Embedded,
    check_window,
    expected_metadata,
    window_seconds,
    wire_metadata,
)
from soundbite_engine.platform.errors import GONE, Refused, invalid, missing
from soundbite_engine.platform.requests import (
    ClipsRequest,
    EmbedRequest,
    Page,
    TaskRequest,
    parse_rfc3339,
    read_model,
    rfc3339,
)
from soundbite_engine.platform.routes.services import (
    Services,
    base_url,
    check_model,
    embeddings_response,
    included,
    largest_body,
    space_headers,
    take_source,
)
from soundbite_engine.platform.task_records import TaskFilter, TaskRecord
from soundbite_engine.platform.transcription import timed_values

_NO_PART = "The task has no such part: it is not done yet, or the whole answer is there."
LISTED_S = 7 * 24 * 3600.0
_STATUSES = ("processing", "ready", "failed")


def embedding_routes(services: Services) -> list[Route]:
    """The routes of synchronous embedding."""
    routes = EmbeddingRoutes(services)
    return [
        Route("/embed-v2", routes.create, methods=["POST"]),
        Route("/embed-v2/clips", routes.create_of_clips, methods=["POST"]),
    ]


class EmbeddingRoutes:
    """The handlers of POST /embed-v2 and, beside the contract, of the words of clips."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, request: Request) -> Response:
        services = self._services
        body = await read_model(request, EmbedRequest, largest_body(services))
        check_model(body.model_name, services.embedder.profile)
        if body.input_type == "text":
            if body.text is None:
                raise missing("text")
            if body.audio is not None:
                raise invalid("audio", "It does not go with the input_type text.")
            embedded = await services.embedder.embed_text(body.text.input_text)
            # One vector needs none of what a stream of them does, which takes longer than writing it.
            wire = b"".join([piece async for piece in embedded.to_wire({}, ())])
            headers = space_headers(services.embedder.profile)
            return Response(wire, media_type="application/json", headers=headers)
        if body.audio is None:
            raise missing("audio")
        if body.text is not None:
            raise invalid("text", "It does not go with the input_type audio.")
        return await self._embed_audio(request, body.audio)

    async def create_of_clips(self, request: Request) -> Response:
        body = await read_model(request, ClipsRequest)
        profile = self._services.embedder.profile
        check_model(body.model_name, profile)
        embedded = await self._services.embedder.embed_clips(body.clips)
        return embeddings_response(embedded, {}, space_headers(profile))

    async def _embed_audio(self, request: Request, audio: AudioInput) -> Response:
        services = self._services
        asset = await take_source(services, audio)
        try:
            asset = await services.assets.ready(asset.id)
            seconds = window_seconds(asset, audio)
            services.limiter.admit_media(seconds)
            outcome = await services.embedder.embed_now(asset, audio)
            services.limiter.settle_media(seconds or 0.0, outcome.seconds)
        finally:
            if asset.is_inline:
                await services.assets.discard(asset.id)
        extensions = included(request)
        head = {"metadata": wire_metadata(outcome.metadata, extensions)}
        return embeddings_response(outcome.embedded, head, space_headers(services.embedder.profile), extensions)


def task_routes(services: Services) -> list[Route]:
    """The routes of embedding tasks."""
    handlers = TaskRoutes(services)
    return [
        Route("/embed-v2/tasks", handlers.create, methods=["POST"]),
        Route("/embed-v2/tasks", handlers.page, methods=["GET"]),
        Route("/embed-v2/tasks/{task_id}", handlers.get, methods=["GET"]),
        Route("/embed-v2/tasks/{task_id}/parts/{number:int}", handlers.part, methods=["GET"]),
    ]


class TaskRoutes:
    """Handlers; each validates, acts and describes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, request: Request) -> Response:
        services = self._services
        body = await read_model(request, TaskRequest, largest_body(services))
        check_model(body.model_name, services.embedder.profile)
        if body.audio is None:
            raise missing("audio")
        asset = await take_source(services, body.audio)
        try:
            admitted_sec = await self._admit(asset, body.audio)
        except BaseException:
            if asset.is_inline:
                await services.assets.discard(asset.id)
            raise
        record = await services.tasks.create(asset.id, body.audio, body.model_name, admitted_sec)
        headers = {"Location": f"{base_url(request)}/embed-v2/tasks/{record.id}"}
        return JSONResponse({"_id": record.id, "status": "processing", "data": None}, status_code=202, headers=headers)

    async def _admit(self, asset: AssetRecord, audio: AudioInput) -> float | None:
        """Refuse what can already be seen to fail; a start past the end is left to the task, as on the platform.

        Returns the seconds of media that were counted; while it is fetched nobody knows how long it is.
        """
        if asset.status == "failed":
            asset = await self._services.assets.ready(asset.id)
        if asset.status == "ready" and not (asset.duration and audio.start_sec >= asset.duration):
            check_window(asset, audio, LONGEST_TASK_SEC)
        seconds = window_seconds(asset, audio)
        self._services.limiter.admit_media(seconds)
        return seconds

    async def get(self, request: Request) -> Response:
        services = self._services
        record = await services.tasks.get(request.path_params["task_id"])
        head, extensions = _task_json(record), included(request)
        if record.status == "ready":
            embedded = await services.tasks.result(record.id)
            if embedded is None:
                raise Refused(404, "resource_not_exist", GONE)
            head["metadata"] = wire_metadata(record.metadata or {}, extensions)
            headers = space_headers(services.embedder.profile, record.space)
            return embeddings_response(embedded, head, headers, extensions)
        if record.status == "processing" and "progress" in extensions:
            reached = await services.tasks.reached(record.id)
            head["progress"] = {
                "stage": record.stage or "queued",
                "fraction": record.fraction,
                "parts": reached.parts,
                "until_sec": reached.until_sec,
            }
        return JSONResponse(head | {"data": None}, headers=space_headers(services.embedder.profile))

    async def part(self, request: Request) -> Response:
        """An extension of ours: what a task that is still processed has made of a part of the recording.

        Parts count from 1; the contract's own answer holds all of them once the task is ready.
        """
        services, extensions = self._services, included(request)
        record = await services.tasks.get(request.path_params["task_id"])
        part = await services.tasks.part(record, request.path_params["number"])
        if part is None:
            raise Refused(404, "resource_not_exist", _NO_PART)
        profile, audio = services.embedder.profile, AudioInput.model_validate_json(record.audio)
        embedded = await asyncio.to_thread(Embedded.of_part, part, audio, profile)
        transcript = part.facts.transcript
        head = {
            "number": part.number,
            "until_sec": part.facts.until_sec,
            "is_provisional": part.facts.is_provisional,
            "transcription": {
                "status": "ready",
                "words": timed_values(transcript.words),
                "sentences": timed_values(transcript.sentences),
                "utterances": timed_values(transcript.sentences),
            },
        }
        return embeddings_response(embedded, head, space_headers(profile), extensions)

    async def page(self, request: Request) -> Response:
        page = Page.of_query(request.query_params)
        records, total = await self._services.tasks.page(_filter(request), page)
        listed = [_listed_json(record, await self._metadata(record)) for record in records]
        return JSONResponse({"data": listed, "page_info": page.info(total)})

    async def _metadata(self, record: TaskRecord) -> dict[str, Any] | None:
        """What a task's answer says of its media, before it is there what is known: whose answer got lost needs it."""
        if record.metadata is not None:
            return wire_metadata(record.metadata)
        try:
            asset = await self._services.assets.get(record.asset_id)
        except Refused:
            return None  # deleted meanwhile
        return expected_metadata(asset, AudioInput.model_validate_json(record.audio))


def _task_json(record: TaskRecord) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "_id": record.id,
        "status": record.status,
        "created_at": rfc3339(record.created_at),
        "updated_at": rfc3339(record.updated_at),
    }
    if record.status == "failed":
        wire["error"] = {"message": record.error or "The embedding task failed. Please try again later."}
    return wire


def _listed_json(record: TaskRecord, about: dict[str, Any] | None) -> dict[str, Any]:
    wire = _task_json(record) | {"model_name": record.model_name}
    if about is not None:
        metadata = {key: value for key, value in about.items() if not key.startswith("embedding_")}
        options, scopes = about["embedding_options"], about["embedding_scopes"]
        # The SDK and the published specification spell these differently (contract 3.7).
        metadata |= {"audio_embedding_option": options, "audio_embedding_options": options}
        metadata |= {"audio_embedding_scope": scopes, "audio_embedding_scopes": scopes}
        wire["audio_embedding"] = {"metadata": metadata}
    return wire


def _filter(request: Request) -> TaskFilter:
    query = request.query_params
    status = query.get("status", "")
    if status and status not in _STATUSES:
        raise invalid("status", f"Must be one of: {', '.join(_STATUSES)}.")
    started = _moment(query.get("started_at"), "started_at")
    ended = _moment(query.get("ended_at"), "ended_at")
    now = time.time()
    if ended is None:
        ended = float("inf")
    if started is None:
        started = min(now, ended) - LISTED_S
    return TaskFilter(started, ended, status)


def _moment(text: str | None, name: str) -> float | None:
    if not text:
        return None
    try:
        return parse_rfc3339(text.replace(" ", "+"))  # a + that was not percent-encoded
    except (ValueError, OverflowError) as exc:
        raise invalid(name, "Must be an RFC 3339 time.") from exc
