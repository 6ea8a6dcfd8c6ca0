"""Whatever body, status and headers come, a call ends in a result or in one of our errors."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from soundbite_api import AudioInput, MediaSource, PlatformClient, PlatformError, PollPolicy, RetryPolicy

VECTOR = [0.25] * 512
ITEM = {
    "embedding": VECTOR,
    "embedding_option": "audio",
    "embedding_scope": "clip",
    "start_sec": 0.0,
    "end_sec": 6.0,
}
METADATA = {"input_type": "audio", "duration": 12.0, "start_offset_sec": 0.0, "end_offset_sec": 12.0}
PAGE = {"limit_per_page": 10, "page": 1, "total_page": 1, "total_results": 1}
ASSET = {"_id": "a1", "status": "ready", "filename": "a.wav", "duration": 12.0, "size": 444, "error": {"message": "x"}}
TASK = {"_id": "t1", "status": "ready", "data": [ITEM], "metadata": METADATA, "error": {"message": "x"}}
TIMED = {"start": 0.1, "end": 0.4, "value": "hello"}
AUDIO = AudioInput(media_source=MediaSource(asset_id="a1"), start_sec=3.0)

Call = Callable[[PlatformClient], Awaitable[Any]]
CALLS: dict[str, tuple[dict[str, Any], Call]] = {
    "asset": (ASSET, lambda client: client.wait_for_asset("a1", timeout_s=1)),
    "assets": ({"data": [ASSET], "page_info": PAGE}, lambda client: client.list_assets()),
    "text": ({"data": [ITEM]}, lambda client: client.embed_text("a dog")),
    "audio": ({"data": [ITEM], "metadata": METADATA}, lambda client: client.embed_audio(AUDIO)),
    "begun": (TASK, lambda client: client.create_task(AUDIO)),
    "task": (TASK, lambda client: client.get_task("t1")),
    "tasks": ({"data": [TASK], "page_info": PAGE}, lambda client: client.list_tasks()),
    "transcription": (
        {"status": "ready", "words": [TIMED], "sentences": [TIMED]},
        lambda client: client.get_transcription("a1"),
    ),
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["ready", "failed", "processing", "tlk_SECRET"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(
    st.sampled_from(
        [
            "retry-after",
            "x-ratelimit-dimensions",
            "x-ratelimit-request-remaining",
            "x-ratelimit-request-reset",
            "x-soundbite-space",
            "x-soundbite-blocks",
            "content-encoding",
            "content-type",
            "location",
        ]
    ),
    st.sampled_from(
        ["", "0", "-1", "1e999", "nan", "Request,Duration", "gzip", "br", "sound=256,speech=256", "a=9" * 9]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    max_size=4,
)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node[:3]))
    return [path, *(found for key, value in inner for found in _paths(value, (*path, key)))]


@st.composite
def bodies(draw: st.DrawFn, good: dict[str, Any]) -> bytes:
    """A good body with some of its nodes replaced or removed, then perhaps cut off or with bytes exchanged."""
    body: Any = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, 2))):
        *parents, last = draw(st.sampled_from(_paths(body))) or (None,)
        if last is None:
            body = draw(anything)
            break
        node = body
        for key in parents:
            node = node[key]
        if draw(st.booleans()):
            node[last] = draw(anything)
        else:
            del node[last]
    sent = bytearray(json.dumps(body).encode())
    how = draw(st.sampled_from(["whole", "cut", "bytes"]))
    if how == "cut":
        del sent[draw(st.integers(0, len(sent))) :]
    elif how == "bytes" and sent:
        at = draw(st.integers(0, len(sent) - 1))
        sent[at : at + 1] = draw(st.binary(max_size=4))
    return bytes(sent)


def _client(answer: httpx.Response) -> PlatformClient:
    async def at_once(seconds: float) -> None:
        assert seconds >= 0.0

    def answered(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(answer.extensions["sent"])
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answered), base_url="http://platform/v1.3")
    return PlatformClient(
        http,
        api_key=SecretStr("tlk_SECRET"),
        retries=RetryPolicy(attempts=2, sleep=at_once),
        polls=PollPolicy(sleep=at_once),
    )


def _problem(call: Coroutine[Any, Any, Any]) -> PlatformError | None:
    async def made() -> None:
        await call

    try:
        asyncio.run(made())
    except PlatformError as exc:
        return exc
    return None


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_hostile_answer_ends_in_a_result_or_in_one_of_our_errors(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CALLS)))
    good, call = CALLS[name]
    status = data.draw(st.sampled_from([200, 200, 200, 200, 201, 204, 301, 304, 400, 404, 413, 429, 500, 599]))
    sent = data.draw(bodies(good))
    answer = httpx.Response(status, headers=data.draw(headers), extensions={"sent": sent})
    problem = _problem(asyncio.wait_for(call(_client(answer)), 30))
    if problem is not None:
        assert problem.message
        assert problem.hint
        assert "tlk_SECRET" not in f"{problem.message} {problem.code} {problem.hint}"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=st.binary(max_size=200), status=st.integers(200, 599))
def test_noise_instead_of_an_answer_ends_in_one_of_our_errors(sent: bytes, status: int) -> None:
    answer = httpx.Response(status, extensions={"sent": sent})
    problem = _problem(_client(answer).get_task("t1"))
    assert problem is not None
    assert problem.message
