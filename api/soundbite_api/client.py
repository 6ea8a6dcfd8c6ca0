"""One asynchronous client for the platform, hosted, embedded or on another machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr

from soundbite_api.embeddings import (
    LARGEST_DIRECT_BYTES,
    AudioInput,
    EmbeddingResponse,
    EmbeddingTask,
    SpokenText,
    TaskPage,
    TaskPart,
    absolute_times,
)
from soundbite_api.errors import (
    AssetFailed,
    MalformedResponse,
    PlatformError,
    RequestRefused,
    retry_after_s,
    task_failure,
)
from soundbite_api.files import FileChanged, OpenFile, SourceFile
from soundbite_api.spaces import (
    HOSTED_MODEL,
    MARENGO_35,
    Dimensions,
    EmbeddedSpace,
    audio_body,
    model_of,
    named_space,
    refusal,
    sound_body,
    text_body,
)
from soundbite_api.transport import PollPolicy, RetryPolicy, Transport
from soundbite_api.uploading import KeepTicket, changed_while_sent, upload_in_parts
from soundbite_api.wire import Asset, AssetPage, Transcription, UploadTicket

HOSTED_BASE_URL = "https://api.twelvelabs.io/v1.3"
# Someone waits for the vector of a question; nobody waits for a background job.
_QUESTION_PATIENCE_S = 12.0
_LISTED_AT_ONCE = 50


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
    retry_after_s: float | None = None


@dataclass(frozen=True)
class PartAnswer:
    """A part of a task, and the space of the vectors in it."""

    part: TaskPart
    space: EmbeddedSpace


@dataclass(frozen=True)
class TextEmbedding:
    """The vector of a text."""

    vector: tuple[float, ...]
    space: EmbeddedSpace


@dataclass(frozen=True)
class ClipVectors:
    """The vectors of clips, in their order; zeros for one without words."""

    vectors: tuple[tuple[float, ...], ...]
    space: EmbeddedSpace


class PlatformClient:
    """Calls the platform's audio and text endpoints and returns wire models or raises `PlatformError`.

    The httpx client carries the address (`base_url`, version prefix included) and the timeouts. Times in answers count
    from the beginning of the source, and vectors have the dimension of their space, whatever the platform does.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        api_key: SecretStr | None = None,
        model_name: str = HOSTED_MODEL,
        retries: RetryPolicy | None = None,
        polls: PollPolicy | None = None,
        include: Sequence[str] = (),
        largest_direct_bytes: int = LARGEST_DIRECT_BYTES,
    ) -> None:
        self._transport = Transport(http, api_key=api_key, retries=retries or RetryPolicy(), include=include)
        self._polls = polls or PollPolicy()
        self._dimensions = Dimensions()
        self._model_name = model_name
        self._largest_direct_bytes = largest_direct_bytes

    @property
    def model_name(self) -> str:
        """The model asked for in every embedding call."""
        return self._model_name

    @property
    def embeds_at_once(self) -> bool:
        """Whether a recording may be embedded in one call: Marengo 3.5 takes a sound as one vector only."""
        return self._model_name != MARENGO_35

    async def create_asset_from_url(self, url: str, *, filename: str = "", is_unique_name: bool = False) -> Asset:
        """Create an asset from a direct link to raw media; for `is_unique_name` see `upload_file`."""
        fields = {"method": (None, "url"), "url": (None, url)}
        if filename:
            fields["filename"] = (None, filename)
        recover = self._finder(filename, None) if is_unique_name else None
        return (await self._transport.call(Asset, "POST", "assets", files=fields, recover=recover)).value

    async def upload_file(
        self,
        media: SourceFile | Path,
        *,
        filename: str = "",
        is_unique_name: bool = False,
        ticket: UploadTicket | None = None,
        keep_ticket: KeepTicket | None = None,
    ) -> Asset:
        """Upload a file, streamed from disk, and return its asset: at once up to 200 MB, larger ones in parts.

        `is_unique_name` promises that only equal content has this name: an upload whose answer got lost is then looked
        for instead of made twice. `keep_ticket` gets what a later call needs as `ticket` to go on with an upload
        in parts.

        Raises:
            PlatformError: it was not taken, or changed while it was sent.
            OSError: it can't be opened.
        """
        source = media if isinstance(media, SourceFile) else SourceFile.at(media)
        name = filename or source.name
        with source.open() as file:
            if file.size_bytes > self._largest_direct_bytes:
                asset_id = await upload_in_parts(self._transport, file, name, ticket=ticket, keep_ticket=keep_ticket)
                asset = await self.get_asset(asset_id)
            else:
                asset = await self._upload_at_once(file, name, is_unique_name)
            try:
                file.check_unchanged()
            except FileChanged as exc:
                with contextlib.suppress(PlatformError):
                    await self.delete_asset(asset.id)
                raise changed_while_sent() from exc
        return asset

    async def _upload_at_once(self, file: OpenFile, name: str, is_unique_name: bool) -> Asset:
        recover = self._finder(name, file.size_bytes) if is_unique_name else None
        with file.reader() as stream:
            files = {"method": (None, "direct"), "file": (name, stream, "application/octet-stream")}
            answered = await self._transport.call(Asset, "POST", "assets", files=files, rewind=stream, recover=recover)
        return answered.value

    async def get_asset(self, asset_id: str) -> Asset:
        """Return an asset with its status."""
        return (await self._transport.call(Asset, "GET", f"assets/{_segment(asset_id)}")).value

    async def list_assets(self, *, page: int = 1, page_limit: int = 10, filename: str = "") -> AssetPage:
        """Return one page of assets, newest first; `filename` keeps those whose name contains it."""
        params: dict[str, Any] = {"page": page, "page_limit": page_limit}
        if filename:
            params["filename"] = filename
        return (await self._transport.call(AssetPage, "GET", "assets", params=params)).value

    async def delete_asset(self, asset_id: str, *, is_forced: bool = False) -> None:
        """Delete an asset; `is_forced` also where something made of it is still there or being made."""
        await self._transport.send("DELETE", f"assets/{_segment(asset_id)}{'?force=true' if is_forced else ''}")

    async def wait_for_asset(self, asset_id: str, *, timeout_s: float = 600.0) -> Asset:
        """Return the asset once it is ready.

        Raises:
            AssetFailed: the platform could not read it, or it was not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        for pause_s in self._polls.pauses():
            answered = await self._transport.call(Asset, "GET", f"assets/{_segment(asset_id)}")
            asset, pause_s = answered.value, self._paused(pause_s, retry_after_s(answered.headers))
            if asset.status == "ready":
                return asset
            if asset.status == "failed":
                reason = asset.error.message if asset.error else ""
                raise AssetFailed(reason or "The platform could not read the file.", code="asset_failed")
            if time.monotonic() + pause_s > deadline:
                break
            await self._polls.sleep(pause_s)
        raise AssetFailed(f"The asset was not ready after {timeout_s:.0f} s.", code="asset_slow")

    async def embed_text(self, text: str) -> TextEmbedding:
        """Return the vector of a text in the platform's space."""
        body = text_body(self._model_name, text)
        answered = await self._transport.call(
            EmbeddingResponse, "POST", "embed-v2", json=body, is_idempotent=True, patience_s=_QUESTION_PATIENCE_S
        )
        data, space = answered.value.data, named_space(answered.headers, self._model_name)
        if len(data) != 1:
            raise MalformedResponse(f"Expected one text embedding, got {len(data)}.")
        self._dimensions.check(space, [data[0].embedding])
        return TextEmbedding(tuple(data[0].embedding), space)

    async def embed_clips(self, clips: Sequence[SpokenText]) -> ClipVectors:
        """Return the vectors of what is said in at most 200 clips of a recording, in order of time.

        Only the embedded engine has this: its clips' vectors hold what is said around them as well.
        """
        body = {"model_name": self._model_name, "clips": [clip.model_dump() for clip in clips]}
        answered = await self._transport.call(
            EmbeddingResponse, "POST", "embed-v2/clips", json=body, is_idempotent=True, patience_s=_QUESTION_PATIENCE_S
        )
        data, space = answered.value.data, named_space(answered.headers, self._model_name)
        if len(data) != len(clips):
            raise MalformedResponse(f"Expected {len(clips)} embeddings, got {len(data)}.")
        self._dimensions.check(space, (item.embedding for item in data))
        return ClipVectors(tuple(tuple(item.embedding) for item in data), space)

    async def embed_audio(self, audio: AudioInput) -> AudioEmbeddings:
        """Embed up to ten minutes of sound at once; not repeated when its fate is unknown, since it costs.

        Marengo 3.5 takes an asset of 30 seconds at most, and gives one vector of it.
        """
        body, is_single = self._audio_body(audio), not self.embeds_at_once
        if is_single:
            body = sound_body(self._model_name, audio.media_source.asset_id or "")
        answered = await self._transport.call(EmbeddingResponse, "POST", "embed-v2", json=body)
        space = named_space(answered.headers, self._model_name)
        data = answered.value.data
        self._dimensions.check(space, (item.embedding for item in data))
        if is_single:
            whole = {
                "embedding_option": "audio",
                "embedding_scope": "asset",
                "start_sec": 0.0,
                "end_sec": audio.end_sec,
            }
            data = [item.model_copy(update=whole) for item in data]
        data = absolute_times(data, audio.start_sec)
        return AudioEmbeddings(answered.value.model_copy(update={"data": data}), space)

    async def create_task(
        self, audio: AudioInput, *, recover: Callable[[], Awaitable[EmbeddingTask | None]] | None = None
    ) -> EmbeddingTask:
        """Start embedding up to four hours of sound.

        When the answer got lost, `recover` looks for the task it may have made; without it the call is not repeated.
        """
        body = self._audio_body(audio)
        return (await self._transport.call(EmbeddingTask, "POST", "embed-v2/tasks", json=body, recover=recover)).value

    async def get_task(self, task_id: str, *, start_sec: float | None = None) -> TaskAnswer:
        """Return a task, with its embeddings once it is ready.

        `start_sec` is where its window began; without it, what the platform says of the window is taken.
        """
        answered = await self._transport.call(EmbeddingTask, "GET", f"embed-v2/tasks/{_segment(task_id)}")
        task, space = answered.value, named_space(answered.headers, self._model_name)
        if task.data:
            self._check_model(task, space)
            self._dimensions.check(space, (item.embedding for item in task.data))
            offset_sec = task.metadata.start_offset_sec if task.metadata else None
            begun_sec = max(0.0, offset_sec or 0.0) if start_sec is None else start_sec
            task = task.model_copy(update={"data": absolute_times(task.data, begun_sec)})
        return TaskAnswer(task, space, retry_after_s(answered.headers))

    async def get_task_part(self, task_id: str, number: int) -> PartAnswer:
        """Return a part, numbered from 1, of a task that is still processed; only the embedded engine has them.

        Raises:
            NotFound: it is not done yet, or the whole task is.
        """
        answered = await self._transport.call(TaskPart, "GET", f"embed-v2/tasks/{_segment(task_id)}/parts/{number}")
        part, space = answered.value, named_space(answered.headers, self._model_name)
        self._dimensions.check(space, (item.embedding for item in part.data))
        return PartAnswer(part, space)

    async def wait_for_task(
        self,
        task_id: str,
        *,
        start_sec: float | None = None,
        polls: PollPolicy | None = None,
        on_answer: Callable[[TaskAnswer], Awaitable[None]] | None = None,
    ) -> TaskAnswer:
        """Return a task once it is ready; the caller bounds the wait.

        Raises:
            TaskFailed: the platform gave it up.
            NotFound: the platform does not know it, or no longer.
        """
        policy = polls or self._polls
        for pause_s in policy.pauses():
            answer = await self.get_task(task_id, start_sec=start_sec)
            if answer.task.status == "ready":
                return answer
            if answer.task.status == "failed":
                raise task_failure(answer.task.error.message if answer.task.error else "")
            if on_answer is not None:
                await on_answer(answer)
            await policy.sleep(self._paused(pause_s, answer.retry_after_s))
        raise AssertionError("pauses never end")

    async def list_tasks(
        self, *, page: int = 1, page_limit: int = 10, status: str = "", started_at: datetime | None = None
    ) -> TaskPage:
        """Return one page of tasks, newest first; `started_at` keeps those made since."""
        params: dict[str, Any] = {"page": page, "page_limit": page_limit}
        if status:
            params["status"] = status
        if started_at is not None:
            params["started_at"] = started_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return (await self._transport.call(TaskPage, "GET", "embed-v2/tasks", params=params)).value

    async def get_transcription(self, asset_id: str) -> Transcription:
        """Return what is said in an asset, as far as it is known."""
        params = {"include": ["words", "sentences", "utterances"]}
        path = f"assets/{_segment(asset_id)}/transcription"
        return (await self._transport.call(Transcription, "GET", path, params=params)).value

    async def probe(self, method: str, path: str, body: BaseModel | dict[str, Any] | None = None) -> httpx.Response:
        """Return the raw answer of one call, refusals included; for `soundbite doctor --live`.

        Raises:
            PlatformUnreachable: none came.
        """
        request = {"json": body.model_dump() if isinstance(body, BaseModel) else body} if body is not None else {}
        return await self._transport.probe(method, path, **request)

    def _paused(self, pause_s: float, asked_s: float | None) -> float:
        return max(pause_s, min(asked_s or 0.0, self._transport.retries.longest_wait_s))

    def _audio_body(self, audio: AudioInput) -> dict[str, Any]:
        if reason := refusal(self._model_name, audio.embedding_option, audio.embedding_type):
            raise RequestRefused(f"{reason}.", code="parameter_invalid")
        return audio_body(self._model_name, audio)

    def _check_model(self, task: EmbeddingTask, space: EmbeddedSpace) -> None:
        # An answer does not name its model, and the vectors of both are of one length.
        made_by = model_of(task.metadata, task.usage)
        if space.id == self._model_name == HOSTED_MODEL != made_by:
            raise MalformedResponse(
                f"The task was made with {made_by}, and its vectors can't be compared with those of {HOSTED_MODEL}.",
                code="wrong_model",
                hint=f"Set SOUNDBITE_MODEL={made_by} to use it, or embed the recording again.",
            )

    def _finder(self, filename: str, size: int | None) -> Callable[[], Awaitable[Asset | None]]:
        async def find() -> Asset | None:
            page = await self.list_assets(page_limit=_LISTED_AT_ONCE, filename=filename)
            for asset in page.data:
                if (
                    asset.filename == filename
                    and asset.status != "failed"
                    and (size is None or asset.size in (None, size))
                ):
                    return asset
            return None

        return find


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")
