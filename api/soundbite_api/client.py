"""One asynchronous client for the platform, hosted, embedded or on another machine."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from soundbite_api.assets import Asset, AssetPage
from soundbite_api.embeddings import AudioInput, EmbeddingResponse
from soundbite_api.errors import AssetFailed, MalformedResponse, PlatformUnreachable, error_from_response
from soundbite_api.retries import RetryPolicy
from soundbite_api.tasks import EmbeddingTask, TaskPage
from soundbite_api.transcription import Transcription

HOSTED_BASE_URL = "https://api.twelvelabs.io/v1.3"
HOSTED_MODEL = "marengo3.0"
SPACE_HEADER = "x-soundbite-space"
BLOCKS_HEADER = "x-soundbite-blocks"
INCLUDE_HEADER = "x-soundbite-include"

ModelT = TypeVar("ModelT")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedSpace:
    """Which vectors an answer holds.

    `blocks` are the widths of the parts of a joint vector, in order, by name; empty where the platform does not say.
    """

    id: str
    blocks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AudioEmbeddings:
    """The answer of a synchronous embedding call."""

    response: EmbeddingResponse
    space: EmbeddedSpace


@dataclass(frozen=True)
class TaskAnswer:
    """A task as it stands, and the space of the vectors in it."""

    task: EmbeddingTask
    space: EmbeddedSpace


@dataclass(frozen=True)
class TextEmbedding:
    """The vector of a text."""

    vector: tuple[float, ...]
    space: EmbeddedSpace


class PlatformClient:
    """Calls the platform's audio and text endpoints and returns wire models or raises `PlatformError`.

    The httpx client carries the address (`base_url`, version prefix included) and the timeouts; this class adds the
    key, the retries and the reading of both error envelopes. It never logs or prints the key.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        api_key: SecretStr | None = None,
        model_name: str = HOSTED_MODEL,
        retries: RetryPolicy | None = None,
        include: Sequence[str] = (),
    ) -> None:
        self._http = http
        self._headers: dict[str, str] = {}
        if api_key is not None:
            self._headers["x-api-key"] = api_key.get_secret_value()
        if include:
            self._headers[INCLUDE_HEADER] = ",".join(include)
        self._model_name = model_name
        self._retries = retries or RetryPolicy()

    @property
    def model_name(self) -> str:
        """The model asked for in every embedding call."""
        return self._model_name

    async def create_asset_from_url(self, url: str, *, filename: str = "") -> Asset:
        """Create an asset from a direct link to raw media."""
        fields = {"method": (None, "url"), "url": (None, url)}
        if filename:
            fields["filename"] = (None, filename)
        return await self._model(Asset, "POST", "assets", files=fields)

    async def create_asset_from_file(self, path: Path, *, filename: str = "") -> Asset:
        """Upload a file and return its asset; the body is streamed from disk."""
        with path.open("rb") as stream:
            files = {
                "method": (None, "direct"),
                "file": (filename or path.name, stream, "application/octet-stream"),
            }
            return await self._model(Asset, "POST", "assets", files=files, rewind=stream)

    async def get_asset(self, asset_id: str) -> Asset:
        """Return an asset with its status."""
        return await self._model(Asset, "GET", f"assets/{asset_id}")

    async def list_assets(self, *, page: int = 1, page_limit: int = 10, filename: str = "") -> AssetPage:
        """Return one page of assets, newest first."""
        params: dict[str, Any] = {"page": page, "page_limit": page_limit}
        if filename:
            params["filename"] = filename
        return await self._model(AssetPage, "GET", "assets", params=params)

    async def delete_asset(self, asset_id: str) -> None:
        """Delete an asset."""
        await self._send("DELETE", f"assets/{asset_id}")

    async def wait_for_asset(self, asset_id: str, *, timeout_s: float = 600.0) -> Asset:
        """Return the asset once it is ready.

        Raises:
            AssetFailed: the platform could not read it, or it was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        wait_s = 0.25
        while True:
            asset = await self.get_asset(asset_id)
            if asset.status == "ready":
                return asset
            if asset.status == "failed":
                reason = asset.error.message if asset.error else ""
                raise AssetFailed(reason or "The platform could not read the file.", code="asset_failed")
            if time.monotonic() + wait_s > deadline:
                raise AssetFailed(f"The asset was not ready after {timeout_s:.0f} s.", code="asset_slow")
            await self._retries.sleep(wait_s)
            wait_s = min(wait_s * 1.5, 10.0)

    async def embed_text(self, text: str) -> TextEmbedding:
        """Return the vector of a text in the platform's space."""
        body = {"input_type": "text", "model_name": self._model_name, "text": {"input_text": text}}
        response = await self._send("POST", "embed-v2", json=body, is_idempotent=True)
        answer = _parse(EmbeddingResponse, response)
        if len(answer.data) != 1:
            raise MalformedResponse(f"Expected one text embedding, got {len(answer.data)}.")
        return TextEmbedding(tuple(answer.data[0].embedding), self._space(response))

    async def embed_audio(self, audio: AudioInput) -> AudioEmbeddings:
        """Embed up to ten minutes of sound at once."""
        response = await self._send("POST", "embed-v2", json=self._audio_body(audio))
        return AudioEmbeddings(_parse(EmbeddingResponse, response), self._space(response))

    async def create_task(self, audio: AudioInput) -> EmbeddingTask:
        """Start embedding up to four hours of sound."""
        return await self._model(EmbeddingTask, "POST", "embed-v2/tasks", json=self._audio_body(audio))

    async def get_task(self, task_id: str) -> TaskAnswer:
        """Return a task, with its embeddings once it is ready."""
        response = await self._send("GET", f"embed-v2/tasks/{task_id}")
        return TaskAnswer(_parse(EmbeddingTask, response), self._space(response))

    async def list_tasks(self, *, page: int = 1, page_limit: int = 10, status: str = "") -> TaskPage:
        """Return one page of tasks, newest first."""
        params: dict[str, Any] = {"page": page, "page_limit": page_limit}
        if status:
            params["status"] = status
        return await self._model(TaskPage, "GET", "embed-v2/tasks", params=params)

    async def get_transcription(self, asset_id: str) -> Transcription:
        """Return what is said in an asset, as far as it is known."""
        params = {"include": ["words", "sentences"]}
        return await self._model(Transcription, "GET", f"assets/{asset_id}/transcription", params=params)

    def _audio_body(self, audio: AudioInput) -> dict[str, Any]:
        return {"input_type": "audio", "model_name": self._model_name, "audio": audio.to_wire()}

    def _space(self, response: httpx.Response) -> EmbeddedSpace:
        named = response.headers.get(SPACE_HEADER)
        if not named:
            return EmbeddedSpace(self._model_name)
        return EmbeddedSpace(named, _read_blocks(response.headers.get(BLOCKS_HEADER, "")))

    async def _model(self, model: type[ModelT], method: str, path: str, **request: Any) -> ModelT:
        return _parse(model, await self._send(method, path, **request))

    async def _send(
        self, method: str, path: str, *, is_idempotent: bool | None = None, rewind: Any = None, **request: Any
    ) -> httpx.Response:
        async def once() -> httpx.Response:
            if rewind is not None:
                rewind.seek(0)
            return await self._send_once(method, path, **request)

        safe = method in ("GET", "DELETE") if is_idempotent is None else is_idempotent
        return await self._retries.run(once, is_idempotent=safe)

    async def _send_once(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, headers=self._headers, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise PlatformUnreachable(_cannot_reach(self._http, exc), code="never_sent") from exc
        except httpx.TransportError as exc:
            raise PlatformUnreachable(_cannot_reach(self._http, exc), code="no_answer") from exc
        if response.is_success:
            return response
        raise error_from_response(response.status_code, response.headers, response.content)


def _parse(model: type[ModelT], response: httpx.Response) -> ModelT:
    try:
        return TypeAdapter(model).validate_python(response.json())
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedResponse(
            f"The platform's answer does not follow the contract: {where or 'body'}: {first['msg']}.",
            status=response.status_code,
        ) from exc
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedResponse("The platform's answer is not JSON.", status=response.status_code) from exc


def _read_blocks(header: str) -> dict[str, int]:
    blocks: dict[str, int] = {}
    for part in header.split(","):
        name, _, width = part.strip().partition("=")
        if name and width.isdigit():
            blocks[name] = int(width)
    return blocks


def _cannot_reach(http: httpx.AsyncClient, exc: Exception) -> str:
    reason = str(exc) or type(exc).__name__
    return f"No answer from {http.base_url.host}: {reason}."
