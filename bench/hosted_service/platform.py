"""Plays the hosted platform over the contract, with its asynchrony and its moods; nothing of it understands sound.

Vectors are drawn from the content, so equal sound has equal vectors. It is a Starlette application, reached over
`httpx.ASGITransport`; the tests and the fault run use it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import itertools
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import av
import httpx
from hosted_service.marengo import is_35, marks_of, usage, wrong_at_once, wrong_task
from hosted_service.records import (
    BASE_URL,
    DIMENSION,
    Asset,
    Task,
    Upload,
    etag,
    kinds_of,
    length_of_segments,
    missing,
    page_of,
    part_url,
    past_end,
    refuse,
    rfc3339,
    steps,
    vector,
    window,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "tlk_TESTKEY"
TAKEN = ("wav", "mp3", "flac")
SILENT_AFTER_SEC = 1e9
LONGEST_SINGLE_SEC = 30
NOTHING = dict.fromkeys(("embedding_option", "embedding_scope", "start_sec", "end_sec"))


@dataclass
class HostedPlatform:
    """The platform's state, and how it behaves."""

    asset_polls: int = 1
    task_polls: int = 2
    has_relative_times: bool = False
    has_transcripts: bool = True
    speech_until_sec: float = SILENT_AFTER_SEC
    failures: list[str] = field(default_factory=list)
    """Messages that the next tasks end with, one each."""
    asset_failure: str = ""
    """Why assets fail that could be read, while it is set."""
    chunk_bytes: int = 100_000
    calls: Counter[str] = field(default_factory=Counter)
    seconds_embedded: float = 0.0
    assets: dict[str, Asset] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    part_puts: Counter[tuple[str, int]] = field(default_factory=Counter)
    sync_calls: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """What was asked to be embedded."""
    is_asked_for_key: bool = True
    has_flat_errors: bool = False
    """Whether embed-v2 refuses with the flat envelope; both are published (contract 4.1)."""
    is_polled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a task has been looked at before it was ready."""

    def __post_init__(self) -> None:
        self._ids = (f"{number:024x}" for number in itertools.count(0xA00000))
        parts = "/v1.3/assets/multipart-uploads"
        self.app = Starlette(
            routes=[
                Route(parts, self._open_upload, methods=["POST"]),
                Route(parts + "/{id}", self._upload, methods=["GET", "POST"]),
                Route(parts + "/{id}/presigned-urls", self._part_urls, methods=["POST"]),
                Route("/store/{id}/{index:int}", self._put_part, methods=["PUT"]),
                Route("/v1.3/assets", self._create_asset, methods=["POST"]),
                Route("/v1.3/assets", self._list_assets, methods=["GET"]),
                Route("/v1.3/assets/{id}", self._asset, methods=["GET", "DELETE"]),
                Route("/v1.3/assets/{id}/transcription", self._transcription, methods=["GET"]),
                Route("/v1.3/embed-v2", self._embed, methods=["POST"]),
                Route("/v1.3/embed-v2/tasks", self._create_task, methods=["POST"]),
                Route("/v1.3/embed-v2/tasks", self._list_tasks, methods=["GET"]),
                Route("/v1.3/embed-v2/tasks/{id}", self._task, methods=["GET"]),
            ]
        )

    def http(self, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
        """A client of this platform, over a transport of one's own if wanted."""
        return httpx.AsyncClient(transport=transport or httpx.ASGITransport(app=self.app), base_url=BASE_URL)

    def forget(self) -> None:
        """As after the platform's seven days: no task and no asset is known any more."""
        self.assets.clear()
        self.tasks.clear()

    def make_task(self, filename: str, content: bytes, **audio: Any) -> str:
        """A task made by someone else, on an asset of theirs; returns its id."""
        asset = self._new_asset(filename, content, "direct")
        return self._new_task({"media_source": {"asset_id": asset.id}, **audio}, asset).id

    async def _create_asset(self, request: Request) -> Response:
        if refusal := self._refused(request, "POST assets"):
            return refusal
        async with request.form() as form:
            if form.get("method") == "url":
                name, content = str(form.get("filename") or str(form["url"]).rpartition("/")[2]), b""
            else:
                file = form["file"]
                assert not isinstance(file, str)
                name, content = file.filename or "upload", await file.read()
        asset = self._new_asset(name, content, "direct" if content else "url")
        return JSONResponse(self._asset_json(asset), 201)

    async def _list_assets(self, request: Request) -> Response:
        if refusal := self._refused(request, "GET assets"):
            return refusal
        wanted = request.query_params.get("filename", "").lower()
        found = [self._asset_json(each) for each in self.assets.values() if wanted in each.filename.lower()]
        return page_of(request, found[::-1])

    async def _asset(self, request: Request) -> Response:
        if refusal := self._refused(request, f"{request.method} assets/id"):
            return refusal
        asset = self.assets.get(request.path_params["id"])
        if asset is None:
            return missing()
        if request.method == "DELETE":
            del self.assets[asset.id]
            return Response(status_code=204)
        self._advance(asset)
        return JSONResponse(self._asset_json(asset))

    async def _transcription(self, request: Request) -> Response:
        if refusal := self._refused(request, "GET assets/id/transcription"):
            return refusal
        asset = self.assets.get(request.path_params["id"])
        if asset is None or not self.has_transcripts:
            return missing()
        words = [
            {"start": second + 0.1, "end": second + 0.6, "value": f"word{second}"}
            for second in range(int(min(asset.duration, self.speech_until_sec)))
        ]
        return JSONResponse({"status": "ready", "words": words, "sentences": words[:1]})

    async def _embed(self, request: Request) -> Response:
        if refusal := self._refused(request, "POST embed-v2"):
            return refusal
        body = await request.json()
        self.bodies.append(body)
        if is_35(body):
            return self._embed_35(body)
        if body.get("input_type") == "text":
            numbers = vector(f"text {body['text']['input_text']}")
            return JSONResponse({"data": [{"embedding": numbers, **NOTHING}]})
        if body.get("input_type") != "audio" or "audio" not in body:
            return self._refusal("Invalid input_type. Must be one of: audio, text")
        audio = body["audio"]
        asset = self._source(audio["media_source"])
        if asset is None:
            return missing()
        if "fused_embedding" in audio.get("embedding_type", []) and len(audio.get("embedding_option", [1, 2])) < 2:
            return refuse(400, "parameter_invalid", "embedding_type needs at least two embedding options")
        if refusal := self._not_ready(asset) or past_end(asset, audio):
            return refusal
        self.sync_calls += 1
        return JSONResponse({"data": self._data(asset, audio), "metadata": self._metadata(asset, audio)})

    def _embed_35(self, body: dict[str, Any]) -> Response:
        if message := wrong_at_once(body):
            return self._refusal(message)
        content, seconds = body["multi_input"].get("input_text", ""), 0.0
        for source in body["multi_input"].get("media_sources", []):
            asset = self._source(source)
            if asset is None:
                return missing()
            if refusal := self._not_ready(asset):
                return refusal
            if asset.duration > LONGEST_SINGLE_SEC:
                return self._refusal("Duration exceeds maximum limit of 30 seconds (0 minutes)")
            content, seconds = hashlib.sha256(asset.content).hexdigest(), asset.duration
        return JSONResponse({"data": [{"embedding": vector(f"3.5 {content}"), **NOTHING}], "usage": usage(seconds)})

    async def _create_task(self, request: Request) -> Response:
        if refusal := self._refused(request, "POST embed-v2/tasks"):
            return refusal
        body = await request.json()
        self.bodies.append(body)
        if message := wrong_task(body):
            return self._refusal(message)
        if body.get("input_type") != "audio":
            return refuse(400, "parameter_invalid", "Invalid input_type. Must be one of: audio, video")
        asset = self._source(body["audio"]["media_source"])
        if asset is None:
            return missing()
        if refusal := self._not_ready(asset):
            return refusal
        task = self._new_task({**body["audio"], **marks_of(body)}, asset)
        headers = {"location": f"{BASE_URL}/embed-v2/tasks/{task.id}"}
        return JSONResponse({"_id": task.id, "status": "processing", "data": None}, 202, headers)

    async def _list_tasks(self, request: Request) -> Response:
        if refusal := self._refused(request, "GET embed-v2/tasks"):
            return refusal
        found = [self._listed(each) for each in self.tasks.values()]
        return page_of(request, found[::-1])

    async def _task(self, request: Request) -> Response:
        if refusal := self._refused(request, "GET embed-v2/tasks/id"):
            return refusal
        task = self.tasks.get(request.path_params["id"])
        if task is None:
            return missing()
        head = {"_id": task.id, "created_at": rfc3339(task.created_at), "updated_at": rfc3339(task.created_at)}
        if task.polls_left > 0:
            task.polls_left -= 1
            self.is_polled.set()
            return JSONResponse({**head, "status": "processing", "data": None})
        if task.failure:
            return JSONResponse({**head, "status": "failed", "data": None, "error": {"message": task.failure}})
        made = {"data": self._data(task.asset, task.audio), "metadata": self._metadata(task.asset, task.audio)}
        if is_35(task.audio):
            first, last = window(task.asset, task.audio)
            made["usage"] = usage(last - first)
        return JSONResponse({**head, "status": "ready", **made})

    async def _open_upload(self, request: Request) -> Response:
        if refusal := self._refused(request, "POST assets/multipart-uploads"):
            return refusal
        body = await request.json()
        asset = self._new_asset(body["filename"], b"", "multipart")
        asset.polls_left = 1 << 30
        upload = Upload(next(self._ids), asset, body["total_size"], self.chunk_bytes)
        self.uploads[upload.id] = upload
        count = math.ceil(upload.total / upload.chunk)
        answer = {"upload_id": upload.id, "asset_id": asset.id, "chunk_size": upload.chunk, "total_chunks": count}
        urls = [part_url(upload, index) for index in range(1, min(count, 2) + 1)]
        return JSONResponse({**answer, "upload_urls": urls, "upload_headers": {}}, 201)

    async def _part_urls(self, request: Request) -> Response:
        if refusal := self._refused(request, "POST presigned-urls"):
            return refusal
        upload, asked = self.uploads[request.path_params["id"]], await request.json()
        indexes = range(asked["start"], asked["start"] + asked["count"])
        return JSONResponse({"upload_urls": [part_url(upload, index) for index in indexes]})

    async def _put_part(self, request: Request) -> Response:
        self.calls["PUT part"] += 1
        if "x-api-key" in request.headers:
            return Response("the key does not belong here", 400)
        upload, index = self.uploads[request.path_params["id"]], request.path_params["index"]
        upload.parts[index] = await request.body()
        self.part_puts[upload.id, index] += 1
        return Response(headers={"etag": f'"{etag(upload.parts[index])}"'})

    async def _upload(self, request: Request) -> Response:
        if refusal := self._refused(request, f"{request.method} assets/multipart-uploads/id"):
            return refusal
        upload = self.uploads.get(request.path_params["id"])
        if upload is None:
            return missing()
        count = math.ceil(upload.total / upload.chunk)
        if request.method == "GET":
            states = [
                {"index": index, "status": "completed" if index in upload.reported else "pending"}
                for index in range(1, count + 1)
            ]
            is_whole = len(upload.reported) == count
            return JSONResponse({"status": "completed" if is_whole else "active", "uploaded_chunks": states})
        for chunk in (await request.json())["completed_chunks"]:
            if chunk["proof"] != etag(upload.parts[chunk["chunk_index"]]):
                return refuse(400, "parameter_invalid", "The proof does not fit.")
            upload.reported.add(chunk["chunk_index"])
        answer: dict[str, Any] = {"asset_id": upload.asset.id, "total_completed": len(upload.reported)}
        if len(upload.reported) == count:
            upload.asset.content = b"".join(upload.parts[index] for index in sorted(upload.parts))
            upload.asset.polls_left = self.asset_polls
            answer["url"] = f"{BASE_URL}/assets/{upload.asset.id}"
        return JSONResponse(answer)

    def _refused(self, request: Request, route: str) -> Response | None:
        self.calls[route] += 1
        if self.is_asked_for_key and request.headers.get("x-api-key") != KEY:
            return JSONResponse({"code": "api_key_invalid", "message": "API Key is either invalid or expired."}, 401)
        return None

    def _refusal(self, message: str) -> Response:
        if self.has_flat_errors:
            return JSONResponse({"code": "parameter_invalid", "message": message}, 400)
        return refuse(400, "parameter_invalid", message)

    def _new_asset(self, filename: str, content: bytes, method: str) -> Asset:
        asset = Asset(next(self._ids), filename, content, method, self.asset_polls)
        self.assets[asset.id] = asset
        return asset

    def _new_task(self, audio: dict[str, Any], asset: Asset) -> Task:
        asset.polls_left = 0
        self._advance(asset)
        failure = self.failures.pop(0) if self.failures else ""
        task = Task(next(self._ids), audio, asset, self.task_polls, failure, datetime.now(UTC))
        self.tasks[task.id] = task
        return task

    def _source(self, source: dict[str, str]) -> Asset | None:
        if "base64_string" in source:
            content = base64.b64decode(source["base64_string"])
            asset = Asset(next(self._ids), "inline", content, "inline", 0)
            self._advance(asset)
            return asset
        return self.assets.get(source.get("asset_id", ""))

    def _advance(self, asset: Asset) -> None:
        if asset.polls_left > 0:
            asset.polls_left -= 1
            return
        if asset.status != "processing":
            return
        try:
            with av.open(io.BytesIO(asset.content)) as sound:
                if sound.format.name not in TAKEN or self.asset_failure:
                    raise ValueError(self.asset_failure or "The file format is not supported.")
                asset.duration = (sound.duration or 0) / av.time_base
                asset.status = "ready"
        except (ValueError, OSError) as exc:
            asset.status, asset.error = "failed", str(exc)

    def _not_ready(self, asset: Asset) -> Response | None:
        if asset.status == "ready":
            return None
        return refuse(400, "parameter_invalid", "The asset's status must be ready.")

    def _asset_json(self, asset: Asset) -> dict[str, Any]:
        found: dict[str, Any] = {"_id": asset.id, "method": asset.method, "status": asset.status}
        found |= {"filename": asset.filename, "file_type": "audio/wav", "created_at": "2026-07-01T00:00:00Z"}
        if asset.status == "ready":
            found |= {"duration": asset.duration, "size": len(asset.content)}
        if asset.error:
            found["error"] = {"message": asset.error}
        return found

    def _listed(self, task: Task) -> dict[str, Any]:
        about = self._metadata(task.asset, task.audio)
        metadata = {key: value for key, value in about.items() if not key.startswith("embedding_")}
        metadata["audio_embedding_option"] = about["embedding_options"]
        return {"_id": task.id, "status": "processing", "audio_embedding": {"metadata": metadata}}

    def _metadata(self, asset: Asset, audio: dict[str, Any]) -> dict[str, Any]:
        start, end = window(asset, audio)
        return {
            "input_type": "audio",
            "input_filename": asset.filename,
            "duration": asset.duration,
            "start_offset_sec": start,
            "end_offset_sec": end,
            "embedding_options": audio.get("embedding_option", ["audio", "transcription"]),
            "embedding_scopes": audio.get("embedding_scope", ["clip", "asset"]),
            **({"embedding_dimension": audio["embedding_dimension"]} if is_35(audio) else {}),
        }

    def _data(self, asset: Asset, audio: dict[str, Any]) -> list[dict[str, Any]]:
        start, end = window(asset, audio)
        self.seconds_embedded += end - start
        length = length_of_segments(audio)
        spans = [("clip", at, min(at + length, end)) for at in steps(start, end, length)] + [("asset", start, end)]
        shift = start if self.has_relative_times else 0.0
        content = hashlib.sha256(asset.content).hexdigest()
        items = [
            {
                "embedding": vector(f"{content} {kind} {scope} {first:.3f}"),
                "embedding_option": kind,
                "embedding_scope": scope,
                "start_sec": first - shift,
                "end_sec": last - shift,
                **({"embedding_uncertainty": [0.25] * DIMENSION} if audio.get("embedding_uncertainty") else {}),
            }
            for scope, first, last in spans
            for kind in kinds_of(audio)
            if scope in audio.get("embedding_scope", ["clip", "asset"])
            and not (kind == "transcription" and first >= self.speech_until_sec)
        ]
        # The contract promises no order.
        random.Random(content).shuffle(items)
        return items
