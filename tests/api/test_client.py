"""The client against a scripted transport: what is sent, what is tried again, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from soundbite_api import (
    AssetFailed,
    AudioInput,
    MalformedResponse,
    MediaSource,
    PlatformClient,
    PlatformFault,
    PlatformUnreachable,
    RateLimited,
    RetryPolicy,
)

Answer = httpx.Response | Exception
VECTOR = [0.0, 1.0]
TEXT_ANSWER = {"data": [{"embedding": VECTOR, "embedding_option": None, "embedding_scope": None}]}
AUDIO = AudioInput(media_source=MediaSource(asset_id="a"))


class Script:
    """Plays answers in order and remembers the requests and the waits."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def client(self, **options: object) -> PlatformClient:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self), base_url="http://platform/v1.3")
        retries = RetryPolicy(attempts=3, sleep=self.sleep, jitter=lambda: 1.0)
        return PlatformClient(http, api_key=SecretStr("tlk_SECRET"), retries=retries, **options)  # type: ignore[arg-type]


def ok(body: object, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=body, headers=headers)


async def test_a_text_is_embedded_in_the_named_space() -> None:
    headers = {"x-soundbite-space": "soundbite-base-1", "x-soundbite-blocks": "sound=1,speech=1"}
    script = Script(httpx.Response(200, json=TEXT_ANSWER, headers=headers))
    embedding = await script.client().embed_text("a dog barking")
    assert embedding.vector == (0.0, 1.0)
    assert (embedding.space.id, dict(embedding.space.blocks)) == ("soundbite-base-1", {"sound": 1, "speech": 1})
    assert json.loads(script.requests[0].content) == {
        "input_type": "text",
        "model_name": "marengo3.0",
        "text": {"input_text": "a dog barking"},
    }


async def test_without_a_space_header_the_model_names_the_space() -> None:
    assert (await Script(ok(TEXT_ANSWER)).client().embed_text("x")).space.id == "marengo3.0"


async def test_the_key_travels_in_its_header_only() -> None:
    script = Script(ok(TEXT_ANSWER))
    client = script.client()
    await client.embed_text("x")
    assert script.requests[0].headers["x-api-key"] == "tlk_SECRET"
    assert "tlk_SECRET" not in repr(vars(client)["_http"]) + str(script.requests[0].url)


async def test_a_file_is_uploaded_as_the_sdk_does(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFFdata")
    script = Script(httpx.Response(201, json={"_id": "a1", "status": "processing"}))
    asset = await script.client().create_asset_from_file(path)
    body = script.requests[0].content
    assert asset.id == "a1"
    assert b'name="method"\r\n\r\ndirect' in body
    assert b'name="file"; filename="note.wav"' in body
    assert b"RIFFdata" in body


async def test_a_retried_upload_sends_the_whole_file_again(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFFdata")
    script = Script(httpx.Response(429, json={}), httpx.Response(201, json={"_id": "a1"}))
    await script.client().create_asset_from_file(path)
    assert all(b"RIFFdata" in request.content for request in script.requests)


async def test_a_rate_limited_call_waits_as_long_as_it_is_told() -> None:
    limited = httpx.Response(429, json={}, headers={"retry-after": "7"})
    script = Script(limited, limited, ok({"_id": "t", "status": "processing", "data": None}))
    assert (await script.client().create_task(AUDIO)).id == "t"
    assert script.waits == [7.0, 7.0]


async def test_giving_up_raises_the_last_error() -> None:
    script = Script(*[httpx.Response(429, json={})] * 3)
    with pytest.raises(RateLimited):
        await script.client().embed_text("x")
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda: httpx.Response(500, json={}), PlatformFault),
        (lambda: httpx.ReadTimeout("slow"), PlatformUnreachable),
    ],
    ids=["500", "timeout"],
)
async def test_a_task_is_not_submitted_twice_when_its_fate_is_unknown(
    fault: Callable[[], Answer], kind: type[Exception]
) -> None:
    script = Script(fault())
    with pytest.raises(kind):
        await script.client().create_task(AUDIO)
    assert len(script.requests) == 1


async def test_a_task_that_never_left_is_submitted_again() -> None:
    script = Script(httpx.ConnectError("refused"), ok({"_id": "t", "status": "processing"}))
    assert (await script.client().create_task(AUDIO)).id == "t"


async def test_reading_is_tried_again_after_a_fault() -> None:
    script = Script(
        httpx.Response(502, text="bad gateway"),
        httpx.ReadError("reset"),
        ok({"_id": "t", "status": "ready", "data": []}),
    )
    assert (await script.client().get_task("t")).task.status == "ready"
    assert script.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": [{"embedding": ["a"]}]}),
        httpx.Response(200, content=b'{"data": [{"embedding": [NaN]}]}'),
        httpx.Response(200, json={"data": []}),
        httpx.Response(200, content=b"[" * 100_000),
    ],
    ids=["html", "null data", "no numbers", "not finite", "empty", "deep"],
)
async def test_an_answer_outside_the_contract_is_one_of_our_errors(answer: httpx.Response) -> None:
    with pytest.raises(MalformedResponse):
        await Script(answer).client().embed_text("x")


async def test_an_asset_is_waited_for_until_it_is_ready() -> None:
    script = Script(ok({"_id": "a", "status": "processing"}), ok({"_id": "a", "status": "ready"}))
    assert (await script.client().wait_for_asset("a")).status == "ready"


async def test_a_failed_asset_says_why() -> None:
    script = Script(ok({"_id": "a", "status": "failed", "error": {"message": "Not audio."}}))
    with pytest.raises(AssetFailed, match="Not audio"):
        await script.client().wait_for_asset("a")


async def test_extensions_are_asked_for_by_header_and_only_when_wanted() -> None:
    plain, asking = Script(ok(TEXT_ANSWER)), Script(ok(TEXT_ANSWER))
    await plain.client().embed_text("x")
    await asking.client(include=("progress", "transcript")).embed_text("x")
    assert "x-soundbite-include" not in plain.requests[0].headers
    assert asking.requests[0].headers["x-soundbite-include"] == "progress,transcript"
