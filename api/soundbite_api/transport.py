"""One call to the platform: sent with the key, tried again where it is safe, read within bounds, parsed or refused."""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Generic, TypeVar

import anyio
import anyio.to_thread
import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from soundbite_api.errors import (
    MalformedResponse,
    PlatformError,
    PlatformFault,
    PlatformUnreachable,
    RateLimited,
    RatePace,
    RequestRefused,
    Unauthorized,
    error_from_response,
)

T = TypeVar("T")

NEVER_SENT = "never_sent"
NOT_JSON = "not_json"
INCLUDE_HEADER = "x-soundbite-include"
# Four hours in segments of two seconds, three vectors each, are about 250 MB of JSON.
LARGEST_ANSWER_BYTES = 1024 * 1024 * 1024
_LARGEST_ERROR_BYTES = 1024 * 1024
_PARSED_ASIDE_BYTES = 256 * 1024
_HIDDEN = b"[key]"
ModelT = TypeVar("ModelT")


@dataclass(frozen=True)
class BackOff:
    """Pauses that grow from `first_s` to `longest_s`, each drawn evenly from `spread` (shares of itself)."""

    first_s: float
    longest_s: float
    growth: float = 2.0
    spread: tuple[float, float] = (0.5, 1.5)
    jitter: Callable[[], float] = random.random

    def pause_s(self, attempt: int) -> float:
        """Return the seconds to wait after failed try number `attempt`, counted from 0."""
        # Beyond sixty doublings a float may overflow, and every pause is the longest.
        pause_s = min(self.longest_s, self.first_s * self.growth ** min(attempt, 60))
        least, most = self.spread
        return pause_s * (least + (most - least) * self.jitter())


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter, `Retry-After` honoured, bounded in tries and seconds.

    The jitter is AWS's "full jitter": uniform between 0 and min(longest, first * 2^n).
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 120.0
    patience_s: float = 600.0
    """Seconds of waiting in all; a wait that would pass it is not begun."""
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    def wait_s(self, attempt: int, error: PlatformError) -> float:
        """Return the seconds to wait after failed try number `attempt`, counted from 0."""
        if error.retry_after_s is not None:
            return min(error.retry_after_s, self.longest_retry_after_s)
        return BackOff(self.first_wait_s, self.longest_wait_s, spread=(0.0, 1.0), jitter=self.jitter).pause_s(attempt)

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        is_idempotent: bool,
        recover: Callable[[], Awaitable[T | None]] | None = None,
    ) -> T:
        """Return what `call` returns, trying again where that is safe.

        A 429 was never processed and is always tried again; a call that surely never reached the platform too.
        Other unreachable, faulty and garbled answers are tried again when the call is idempotent, or when `recover`
        has looked for what the call may have made and found nothing; what it finds is returned.
        """
        waited_s = 0.0
        for attempt in range(self.attempts):
            try:
                return await call()
            except PlatformError as exc:
                wait_s = self.wait_s(attempt, exc)
                may_repeat = _was_not_processed(exc) or (_may_pass(exc) and (is_idempotent or recover is not None))
                if attempt + 1 == self.attempts or not may_repeat or waited_s + wait_s > self.patience_s:
                    raise
                await self.sleep(wait_s)
                waited_s += wait_s
                if recover is not None and not _was_not_processed(exc):
                    result = await recover()
                    if result is not None:
                        return result
        raise AssertionError("attempts must be at least 1")


@dataclass(frozen=True)
class PollPolicy:
    """How often to look at what is not ready yet: at growing intervals, each varied by a fifth."""

    first_s: float = 1.0
    growth: float = 1.5
    longest_s: float = 15.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    def pauses(self) -> Iterator[float]:
        """Return the seconds to wait before each look but the first, without end."""
        back_off = BackOff(self.first_s, self.longest_s, self.growth, (0.8, 1.2), self.jitter)
        return map(back_off.pause_s, itertools.count())


def _was_not_processed(error: PlatformError) -> bool:
    return isinstance(error, RateLimited) or (isinstance(error, PlatformUnreachable) and error.code == NEVER_SENT)


def _may_pass(error: PlatformError) -> bool:
    is_garbled = isinstance(error, MalformedResponse) and error.code == NOT_JSON
    return is_garbled or isinstance(error, PlatformUnreachable | PlatformFault)


@dataclass(frozen=True)
class Answered(Generic[ModelT]):
    """A parsed answer and its headers."""

    value: ModelT
    headers: httpx.Headers


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """Sends requests over one httpx client, which carries the address and the timeouts.

    The key goes into its header and nowhere else: not to another host, not into a message.
    """

    def __init__(
        self, http: httpx.AsyncClient, *, api_key: SecretStr | None, retries: RetryPolicy, include: Sequence[str]
    ) -> None:
        self._http = http
        self._key = api_key.get_secret_value() if api_key else ""
        self._include = ",".join(include)
        self._pace = RatePace()
        self.retries = retries

    async def call(
        self,
        model: type[ModelT],
        method: str,
        path: str,
        *,
        is_idempotent: bool | None = None,
        recover: Callable[[], Awaitable[ModelT | None]] | None = None,
        rewind: IO[bytes] | None = None,
        patience_s: float | None = None,
        **request: Any,
    ) -> Answered[ModelT]:
        """Return the parsed answer of a call; `request` is what httpx takes (json, params, files).

        `rewind` is a stream to send from its beginning at each try, `recover` see `RetryPolicy.run`.

        Raises:
            PlatformError: no try succeeded.
        """

        async def once() -> Answered[ModelT]:
            if rewind is not None:
                rewind.seek(0)
            reply = await self._send_once(method, path, request)
            return Answered(await self._parsed(model, reply), reply.headers)

        async def recovered() -> Answered[ModelT] | None:
            value = await recover() if recover else None
            return None if value is None else Answered(value, httpx.Headers())

        return await self._policy(patience_s).run(
            once, is_idempotent=_is_safe(method, is_idempotent), recover=recovered if recover else None
        )

    async def send(self, method: str, path: str) -> None:
        """Make a call whose answer has no body.

        Raises:
            PlatformError: no try succeeded.
        """

        async def once() -> _Reply:
            return await self._send_once(method, path, {})

        await self.retries.run(once, is_idempotent=_is_safe(method, None))

    async def put_bytes(self, url: str, body: Callable[[], Any], headers: Mapping[str, str]) -> httpx.Headers:
        """Put bytes once at a signed address, without the key, and return the headers of the answer.

        Raises:
            PlatformError: it was not taken.
        """
        try:
            sent = self._http.build_request("PUT", url, content=body(), headers=dict(headers))
        except (httpx.InvalidURL, ValueError) as exc:  # the platform names both, and may name anything
            raise MalformedResponse("The platform gave an upload address that is none.") from exc
        return (await self._exchange(sent)).headers

    async def probe(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Return the answer of one call as it came, errors included; for looking at a platform.

        Raises:
            PlatformUnreachable: none came.
        """
        response = await self._open(self._request(method, path, request))
        try:
            body = await self._read(response, _LARGEST_ERROR_BYTES)
        finally:
            await response.aclose()
        headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
        return httpx.Response(response.status_code, headers=headers, content=body)

    def _policy(self, patience_s: float | None) -> RetryPolicy:
        return self.retries if patience_s is None else replace(self.retries, patience_s=patience_s)

    async def _send_once(self, method: str, path: str, request: Mapping[str, Any]) -> _Reply:
        kind = path.partition("/")[0]
        if wait_s := self._pace.wait_s(kind):
            # As good as a 429, only sooner: the last answer said that no request is left.
            raise RateLimited("The rate limit is used up.", retry_after_s=wait_s, code="too_many_requests", status=429)
        return await self._exchange(self._request(method, path, request), kind)

    def _request(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Request:
        headers = {INCLUDE_HEADER: self._include} if self._include else {}
        if self._key:
            if not (self._key.isascii() and self._key.isprintable()):
                raise Unauthorized("The API key holds characters that no key has.", code="api_key_invalid")
            headers["x-api-key"] = self._key
        return self._http.build_request(method, path, headers=headers, **request)

    async def _exchange(self, request: httpx.Request, kind: str = "") -> _Reply:
        response = await self._open(request)
        try:
            body = await self._read(response, LARGEST_ANSWER_BYTES if response.is_success else _LARGEST_ERROR_BYTES)
        finally:
            await response.aclose()
        if kind:
            self._pace.note(kind, response.headers)
        if response.is_redirect:
            # Following would carry the key to wherever the answer says.
            raise RequestRefused(
                f"The platform answered with a redirect ({response.status_code}), which is not followed.",
                code="redirected",
                status=response.status_code,
                hint="Set TWELVELABS_BASE_URL to the address that answers by itself (…/v1.3).",
            )
        if response.is_success:
            return _Reply(response.status_code, response.headers, body)
        raise error_from_response(response.status_code, response.headers, body)

    async def _open(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._http.send(request, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise PlatformUnreachable(self._cannot_reach(request, exc), code=NEVER_SENT) from exc
        except httpx.RequestError as exc:
            raise PlatformUnreachable(self._cannot_reach(request, exc), code="no_answer") from exc

    async def _read(self, response: httpx.Response, most: int) -> bytes:
        body = bytearray()
        try:
            async for block in response.aiter_bytes():
                body += block
                if len(body) > most:
                    if not response.is_success:
                        break
                    raise MalformedResponse(f"The platform's answer is larger than {most // 2**20} MB.")
        except httpx.DecodingError as exc:
            raise MalformedResponse("The platform's answer can't be decompressed.", code=NOT_JSON) from exc
        except httpx.RequestError as exc:
            raise PlatformUnreachable(self._cannot_reach(response.request, exc), code="no_answer") from exc
        # A server that echoes the request must not bring the key into a message or the library.
        return bytes(body.replace(self._key.encode(), _HIDDEN) if self._key else body)

    async def _parsed(self, model: type[ModelT], reply: _Reply) -> ModelT:
        if len(reply.body) < _PARSED_ASIDE_BYTES:
            return _parse(model, reply)
        return await anyio.to_thread.run_sync(_parse, model, reply)

    def _cannot_reach(self, request: httpx.Request, exc: Exception) -> str:
        reason = str(exc) or type(exc).__name__
        if self._key:
            reason = reason.replace(self._key, _HIDDEN.decode())
        return f"No answer from {request.url.host}: {reason}."


def _is_safe(method: str, is_idempotent: bool | None) -> bool:
    return method in ("GET", "DELETE") if is_idempotent is None else is_idempotent


# There are a dozen, and making one takes longer than parsing a short answer.
_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(model: type[ModelT]) -> TypeAdapter[ModelT]:
    if model not in _adapters:
        _adapters[model] = TypeAdapter(model)
    return _adapters[model]


def _parse(model: type[ModelT], reply: _Reply) -> ModelT:
    try:
        return _adapter(model).validate_json(reply.body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise MalformedResponse("The platform's answer is not JSON.", code=NOT_JSON, status=reply.status) from exc
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedResponse(
            f"The platform's answer does not follow the contract: {where or 'body'}: {first['msg']}.",
            status=reply.status,
        ) from exc
