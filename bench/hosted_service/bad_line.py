"""A bad line to a platform: what of the calls over it gets lost, delayed, refused or garbled."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx


class FaultyTransport(httpx.AsyncBaseTransport):
    """A bad line to the platform: drops, delays, 429s, 500s and garbled answers, at a rate, from a seed.

    Half of the drops, 500s and garblings happen after the platform has done its work, so that only its answer is lost.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        rate: float,
        seed: int = 1,
        delay: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._inner = inner
        self._rate = rate
        self._random = random.Random(seed)
        self._delay = delay
        self.faults: Counter[str] = Counter()
        self.calls = 0
        self.part_faults = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or not."""
        self.calls += 1
        if self._random.random() >= self._rate:
            return await self._inner.handle_async_request(request)
        kind = self._random.choice(
            ("refused", "dropped before", "dropped after", "429", "500 before", "500 after", "delay", "garbled")
        )
        self.faults[kind] += 1
        self.part_faults += request.method == "PUT"
        if kind == "refused":
            raise httpx.ConnectError("connection refused", request=request)
        if kind == "dropped before":
            await request.aread()
            raise httpx.ReadError("connection reset", request=request)
        if kind == "429":
            headers = {"retry-after": "0"} if self._random.random() < 0.5 else {}
            return httpx.Response(429, json={"code": "too_many_requests", "message": "Slow down."}, headers=headers)
        if kind == "500 before":
            return httpx.Response(500, json={"error": {"code": "INTERNAL_SERVER_ERROR", "message": "Oops."}})
        if kind == "delay" and self._delay is not None:
            await self._delay()
        answer = await self._inner.handle_async_request(request)
        if kind == "delay":
            return answer
        await answer.aread()
        if kind == "dropped after":
            raise httpx.ReadTimeout("timed out", request=request)
        if kind == "500 after":
            return httpx.Response(502, text="<html>Bad Gateway</html>")
        return httpx.Response(
            answer.status_code, headers=_plain(answer.headers), content=answer.content[: len(answer.content) // 2]
        )


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("content-length", "content-encoding")}
