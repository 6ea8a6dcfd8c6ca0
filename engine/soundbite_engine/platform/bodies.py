"""Reading request bodies: JSON up to a size, a multipart form with its file straight to disk."""

from __future__ import annotations

import asyncio
import binascii
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from soundbite_engine.platform.assets import Arrived
from soundbite_engine.platform.errors import Refused, invalid, too_large
from soundbite_engine.platform.files import FileSink
from soundbite_engine.platform.media_files import clean_name

JSON_BYTES = 1024 * 1024
FIELD_BYTES = 64 * 1024
MOST_FIELDS = 32
# A client that is cut off while it sends may never read the answer, so a little too much is read to its end.
DRAIN_BYTES = 256 * 1024 * 1024
_SLICE = 4 * 256 * 1024
_LARGE = 256 * 1024

if TYPE_CHECKING:  # it exists for type checkers only
    from python_multipart.multipart import MultipartCallbacks

ModelT = TypeVar("ModelT", bound=BaseModel)


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


async def decode_base64(text: str, to: Path, largest_bytes: int) -> Arrived:
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
    return Arrived(to, sink.size, "upload")


@dataclass
class AssetForm:
    """The fields of a POST /assets, and its file, which is in `arrived.path`."""

    fields: dict[str, str] = field(default_factory=dict)
    arrived: Arrived | None = None


async def read_asset_form(request: Request, to: Path, largest_bytes: int) -> AssetForm:
    """Read a multipart form; the file in it goes to `to` as it comes, in constant memory.

    Raises:
        Refused: not such a form, or 413 when the file is larger than `largest_bytes`.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise invalid("request body", "It must be multipart/form-data.")
    async with contextlib.AsyncExitStack() as stack:
        pieces = stream(request)
        try:
            reader = _FormReader(options[b"boundary"], to, largest_bytes, stack)
            async for piece in pieces:
                await reader.feed(piece)
            return await reader.finish()
        except FormParserError as exc:
            raise invalid("request body", "It is not a well-formed multipart form.") from exc
        except Refused as exc:
            if exc.status == 413:
                await _drain(request, pieces)
            raise


class _FormReader:
    """Takes a form apart: what the parser finds is queued by its callbacks, then written between two pieces."""

    def __init__(self, boundary: bytes, to: Path, largest_bytes: int, stack: contextlib.AsyncExitStack) -> None:
        self._to = to
        self._largest_bytes = largest_bytes
        self._stack = stack
        self._form = AssetForm()
        self._sink: FileSink | None = None
        self._filename = ""
        self._header = bytearray(), bytearray()
        self._disposition = b""
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._pending: list[bytes] = []
        self._is_complete = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    async def feed(self, data: bytes) -> None:
        self._parser.write(data)
        if self._is_file and self._sink is None:
            self._sink = await self._stack.enter_async_context(FileSink(self._to))
        for piece in self._pending:
            assert self._sink is not None
            await self._sink.write(piece)
            if self._sink.size > self._largest_bytes:
                raise too_large(
                    f"The file exceeds maximum limit of {self._largest_bytes // 2**20} MB for a direct upload;"
                    " use a multipart upload."
                )
        self._pending.clear()

    async def finish(self) -> AssetForm:
        self._parser.finalize()
        if not self._is_complete:
            raise invalid("request body", "The multipart form ends before its last part does.")
        await self._stack.pop_all().aclose()
        if self._sink is not None:
            self._form.arrived = Arrived(self._to, self._sink.size, clean_name(self._filename))
        return self._form

    def _on_part_begin(self) -> None:
        self._disposition, self._name, self._value = b"", "", bytearray()

    def _on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        name.clear()
        value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name != "file":
            if len(self._form.fields) >= MOST_FIELDS:
                raise invalid("request body", "The form has too many fields.")
            return
        if self._is_file:
            raise invalid("file", "It was given twice.")
        self._is_file = True
        self._filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self._pending.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > FIELD_BYTES:
            raise invalid(self._name, f"It is longer than {FIELD_BYTES // 1024} KB.")

    def _on_part_end(self) -> None:
        if self._name != "file":
            self._form.fields[self._name] = self._value.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._is_complete = True


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
