"""A large file in parts: each streamed from disk and retried by itself, the session resumable (contract 2.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import IO, Any
from urllib.parse import quote

import anyio
import anyio.to_thread

from soundbite_api.errors import MalformedResponse, NotFound, PlatformError, PlatformFault, RequestRefused
from soundbite_api.files import OpenFile
from soundbite_api.transport import Transport
from soundbite_api.wire import CompletedParts, PartUrls, UploadSession, UploadStatus, UploadTicket

SESSIONS = "assets/multipart-uploads"
_PARTS_AT_ONCE = 3
_URLS_AT_ONCE = 50
_REPORTED_AT_ONCE = 10
_STATUS_PAGE = 50
_BLOCK_BYTES = 256 * 1024
# Statuses with which object stores refuse a signed address that has expired.
_EXPIRED_STATUSES = (400, 401, 403, 404, 410)

_ONCE_WRITTEN = "Upload it again once nothing writes to it any more."

KeepTicket = Callable[[UploadTicket], Awaitable[None]]


class UploadExpired(PlatformError):
    """The session can't be gone on with: a new one has to be opened."""

    hint = "Upload the file again."
    is_retryable = True


def changed_while_sent() -> RequestRefused:
    """Return what is said where somebody wrote to a file that is being sent."""
    return RequestRefused("The file changed while it was sent.", code="file_changed", hint=_ONCE_WRITTEN)


async def upload_in_parts(
    transport: Transport,
    file: OpenFile,
    filename: str,
    *,
    ticket: UploadTicket | None = None,
    keep_ticket: KeepTicket | None = None,
) -> str:
    """Upload a file in parts and return the id of its asset; with the ticket of an earlier session it goes on there.

    Raises:
        PlatformError: a part was not taken after all tries; the session stays open for a day.
    """
    if ticket is not None:
        try:
            done = await _completed(transport, ticket)
            if done is not None:
                await _PartUpload(transport, file, ticket).run(done, {}, {})
            return ticket.asset_id
        except (NotFound, UploadExpired):
            pass  # It lasts for a day; a new one is opened.
    session = await _open(transport, file, filename)
    if keep_ticket is not None:
        await keep_ticket(session.ticket())
    urls = {part.chunk_index: part.url for part in session.upload_urls}
    await _PartUpload(transport, file, session.ticket()).run(set(), urls, session.upload_headers or {})
    return session.asset_id


async def _open(transport: Transport, file: OpenFile, filename: str) -> UploadSession:
    body = {"filename": filename, "type": "audio", "total_size": file.size_bytes}
    # A session that nobody uses expires by itself and costs nothing, so opening one twice is safe.
    return (await transport.call(UploadSession, "POST", SESSIONS, json=body, is_idempotent=True)).value


async def _completed(transport: Transport, ticket: UploadTicket) -> set[int] | None:
    """Return the parts that are there, None where all of it is.

    Raises:
        UploadExpired: the session has ended without.
    """
    done: set[int] = set()
    for page in range(1, ticket.total_chunks // _STATUS_PAGE + 2):
        params = {"page": page, "page_limit": _STATUS_PAGE}
        status = (await transport.call(UploadStatus, "GET", _address(ticket), params=params)).value
        if status.status == "completed":
            return None
        if status.status != "active":
            raise UploadExpired(f"The upload session is {status.status}.", code="upload_expired")
        done |= {part.index for part in status.uploaded_chunks if part.status == "completed"}
        if page >= status.page_info.total_page:
            break
    return done


def _address(ticket: UploadTicket) -> str:
    return f"{SESSIONS}/{quote(ticket.upload_id, safe='')}"


class _PartUpload:
    """Sends the missing parts of one session, a few at a time."""

    def __init__(self, transport: Transport, file: OpenFile, ticket: UploadTicket) -> None:
        self._transport = transport
        self._file = file
        self._size = file.size_bytes
        self._ticket = ticket
        self._session = _address(ticket)
        self._urls: dict[int, str] = {}
        self._headers: Mapping[str, str] = {}
        self._unreported: list[dict[str, Any]] = []
        self._is_whole = False
        self._asking = anyio.Lock()
        if (self._size + ticket.chunk_size - 1) // ticket.chunk_size != ticket.total_chunks:
            raise UploadExpired("The upload session does not fit the file.", code="upload_expired")

    async def run(self, done: set[int], urls: dict[int, str], headers: Mapping[str, str]) -> None:
        self._urls, self._headers = urls, headers
        missing = iter([index for index in range(1, self._ticket.total_chunks + 1) if index not in done])
        problems: list[PlatformError] = []
        async with anyio.create_task_group() as group:

            async def work() -> None:
                try:
                    await self._send_all(missing)
                except PlatformError as exc:
                    problems.append(exc)
                    group.cancel_scope.cancel()

            for _ in range(_PARTS_AT_ONCE):
                group.start_soon(work)
        if problems:
            raise problems[0]
        await self._report(least=1)
        if not self._is_whole and await _completed(self._transport, self._ticket) is not None:
            raise PlatformFault("The platform does not have all parts of the upload.", code="upload_incomplete")

    async def _send_all(self, missing: Iterable[int]) -> None:
        for index in missing:
            etag = await self._send(index)
            size = min(self._ticket.chunk_size, self._size - self._first_byte(index))
            self._unreported.append({"chunk_index": index, "proof": etag, "proof_type": "etag", "chunk_size": size})
            await self._report(least=_REPORTED_AT_ONCE)

    async def _send(self, index: int) -> str:
        first, size = self._first_byte(index), self._ticket.chunk_size
        length = min(size, self._size - first)

        async def once() -> str:
            url = await self._url(index)
            with self._file.reader() as stream:
                stream.seek(first)
                headers = {
                    "content-type": "application/octet-stream",
                    **self._headers,
                    "content-length": str(length),
                }
                try:
                    answer = await self._transport.put_bytes(url, lambda: _blocks(stream, length), headers)
                except RequestRefused as exc:
                    if exc.status not in _EXPIRED_STATUSES:
                        raise
                    self._urls.pop(index, None)
                    raise PlatformFault(f"Part {index} was refused: {exc.message}", status=exc.status) from exc
            etag = str(answer.get("etag", "")).strip('"')
            if not etag:
                raise MalformedResponse(f"Part {index} was taken without an ETag, so nothing proves it.")
            return etag

        # The same bytes to the same place: a part may be sent as often as it takes.
        return await self._transport.retries.run(once, is_idempotent=True)

    async def _url(self, index: int) -> str:
        async with self._asking:
            if index not in self._urls:
                count = min(_URLS_AT_ONCE, self._ticket.total_chunks - index + 1)
                addresses = await self._transport.call(
                    PartUrls,
                    "POST",
                    f"{self._session}/presigned-urls",
                    json={"start": index, "count": count},
                    is_idempotent=True,
                )
                self._urls |= {part.chunk_index: part.url for part in addresses.value.upload_urls}
            if index not in self._urls:
                raise MalformedResponse(f"The platform gave no address for part {index}.")
            return self._urls[index]

    async def _report(self, *, least: int) -> None:
        async with self._asking:
            if len(self._unreported) < least:
                return
            reported, self._unreported = self._unreported, []
            # Parts reported before are counted as duplicates, so a repeated report does no harm.
            answer = await self._transport.call(
                CompletedParts, "POST", self._session, json={"completed_chunks": reported}, is_idempotent=True
            )
            self._is_whole = bool(answer.value.url) or answer.value.total_completed >= self._ticket.total_chunks

    def _first_byte(self, index: int) -> int:
        return (index - 1) * self._ticket.chunk_size


async def _blocks(stream: IO[bytes], length: int) -> AsyncIterator[bytes]:
    while length > 0:
        block = await anyio.to_thread.run_sync(stream.read, min(length, _BLOCK_BYTES))
        if not block:
            raise changed_while_sent()
        length -= len(block)
        yield block
