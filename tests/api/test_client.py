"""The client against a scripted transport: what is sent, what is tried again, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from soundbite_api import (
    AssetFailed,
    AudioInput,
    BackOff,
    EmbeddingTask,
    MalformedResponse,
    MediaSource,
    PlatformClient,
    PlatformFault,
    PlatformUnreachable,
    PollPolicy,
    RateLimited,
    RequestRefused,
    RetryPolicy,
    TaskFailed,
    Unauthorized,
)

Answer = httpx.Response | Exception
VECTOR = [0.0] * 511 + [1.0]
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
        polls = PollPolicy(sleep=self.sleep, jitter=lambda: 0.5)
        return PlatformClient(http, api_key=SecretStr("tlk_SECRET"), retries=retries, polls=polls, **options)  # type: ignore[arg-type]


def ok(body: object, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=body, headers=headers)


async def test_a_text_is_embedded_in_the_named_space() -> None:
    headers = {"x-soundbite-space": "soundbite-base-3", "x-soundbite-blocks": "sound=1,speech=1"}
    answer = {"data": [{"embedding": [0.0, 1.0]}]}
    script = Script(httpx.Response(200, json=answer, headers=headers))
    embedding = await script.client().embed_text("a dog barking")
    assert embedding.vector == (0.0, 1.0)
    assert (embedding.space.id, dict(embedding.space.blocks)) == ("soundbite-base-3", {"sound": 1, "speech": 1})
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
    assert "tlk_SECRET" not in str(script.requests[0].url) + repr(script.requests[0].headers.get("x-soundbite-include"))


async def test_a_file_is_uploaded_as_the_sdk_does(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFFdata")
    script = Script(httpx.Response(201, json={"_id": "a1", "status": "processing"}))
    asset = await script.client().upload_file(path)
    body = script.requests[0].content
    assert asset.id == "a1"
    assert b'name="method"\r\n\r\ndirect' in body
    assert b'name="file"; filename="note.wav"' in body
    assert b"RIFFdata" in body


async def test_a_retried_upload_sends_the_whole_file_again(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFFdata")
    script = Script(httpx.Response(429, json={}), httpx.Response(201, json={"_id": "a1"}))
    await script.client().upload_file(path)
    assert all(b"RIFFdata" in request.content for request in script.requests)


async def test_a_file_written_to_while_it_is_sent_is_told_and_its_upload_deleted(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFFdata")
    script = Script(httpx.Response(201, json={"_id": "a1"}), httpx.Response(204))

    def write(request: httpx.Request) -> httpx.Response:
        path.write_bytes(b"other, and longer")
        return script(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(write), base_url="http://platform/v1.3")
    with pytest.raises(RequestRefused, match="changed while it was sent") as refused:
        await PlatformClient(http).upload_file(path)
    assert refused.value.code == "file_changed"
    assert [request.method for request in script.requests] == ["POST", "DELETE"]


async def test_a_rate_limited_call_waits_as_long_as_it_is_told() -> None:
    limited = httpx.Response(429, json={}, headers={"retry-after": "7"})
    script = Script(limited, limited, ok({"_id": "t", "status": "processing", "data": None}))
    assert (await script.client().create_task(AUDIO)).id == "t"
    assert script.waits == [7.0, 7.0]


async def test_a_platform_that_is_busy_is_asked_again_when_it_said() -> None:
    busy = httpx.Response(503, json={}, headers={"retry-after": "20"})
    processing = httpx.Response(200, json={"_id": "a", "status": "processing"}, headers={"retry-after": "9"})
    script = Script(busy, processing, ok({"_id": "a", "status": "ready"}))
    assert (await script.client().wait_for_asset("a")).status == "ready"
    assert script.waits == [20.0, 9.0]


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
        await Script(answer, answer, answer).client().embed_text("x")


async def test_vectors_of_another_dimension_are_refused() -> None:
    with pytest.raises(MalformedResponse, match="A vector of 3 numbers came"):
        await Script(ok({"data": [{"embedding": [1.0, 0.0, 0.0]}]})).client().embed_text("x")


async def test_a_server_that_echoes_the_key_does_not_bring_it_into_a_message() -> None:
    script = Script(httpx.Response(400, json={"code": "tlk_SECRET", "message": "bad header x-api-key: tlk_SECRET"}))
    with pytest.raises(RequestRefused) as caught:
        await script.client().embed_text("x")
    assert "tlk_SECRET" not in f"{caught.value!r} {caught.value.code} {caught.value.__cause__!r}"
    assert caught.value.message == "bad header x-api-key: [key]"


async def test_a_transport_that_names_the_key_in_its_error_is_not_quoted() -> None:
    script = Script(httpx.ReadError("header x-api-key tlk_SECRET was refused"))
    with pytest.raises(PlatformUnreachable) as caught:
        await script.client().create_task(AUDIO)
    assert "tlk_SECRET" not in str(caught.value)


async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent() -> None:
    script = Script()
    http = httpx.AsyncClient(transport=httpx.MockTransport(script), base_url="http://platform/v1.3")
    with pytest.raises(Unauthorized, match="characters that no key has"):
        await PlatformClient(http, api_key=SecretStr("tlk_\nSECRET")).embed_text("x")
    assert not script.requests


async def test_a_redirect_is_not_followed_so_that_the_key_stays_here() -> None:
    script = Script(httpx.Response(307, headers={"location": "http://elsewhere/v1.3/embed-v2"}))
    with pytest.raises(RequestRefused, match="redirect"):
        await script.client().embed_text("x")
    assert len(script.requests) == 1


async def test_an_id_can_not_become_another_path() -> None:
    script = Script(ok({"_id": "t", "status": "processing"}))
    await script.client().get_task("../assets?page=1")
    assert script.requests[0].url.raw_path == b"/v1.3/embed-v2/tasks/..%2Fassets%3Fpage%3D1"


async def test_a_question_does_not_wait_longer_than_someone_would() -> None:
    script = Script(httpx.Response(429, json={}, headers={"retry-after": "60"}))
    with pytest.raises(RateLimited) as caught:
        await script.client().embed_text("x")
    assert "60 seconds" in caught.value.hint
    assert script.waits == []


async def test_a_spent_rate_limit_is_waited_for_before_it_is_hit() -> None:
    spent = {
        "x-ratelimit-dimensions": "Request",
        "x-ratelimit-request-remaining": "0",
        "x-ratelimit-request-reset": "9",
    }
    answer = {"_id": "t", "status": "processing"}
    script = Script(httpx.Response(202, json=answer, headers=spent))
    client = script.client()
    await client.create_task(AUDIO)
    with pytest.raises(RateLimited, match="used up"):
        await client.create_task(AUDIO)
    assert len(script.requests) == 1
    assert script.waits == pytest.approx([9.0, 9.0], abs=1.0)


async def test_a_task_whose_answer_got_lost_is_looked_for_instead_of_made_again() -> None:
    made = EmbeddingTask.model_validate({"_id": "t9", "status": "processing"})

    async def find() -> EmbeddingTask | None:
        return made

    script = Script(httpx.ReadError("reset"))
    assert (await script.client().create_task(AUDIO, recover=find)).id == "t9"
    assert len(script.requests) == 1


async def test_an_upload_whose_answer_got_lost_is_found_by_its_unique_name(tmp_path: Path) -> None:
    path = tmp_path / "note-0123456789ab.wav"
    path.write_bytes(b"RIFFdata")
    listed = {"data": [{"_id": "other", "filename": "x"}, {"_id": "a7", "filename": path.name, "size": 8}]}
    script = Script(httpx.ReadTimeout("slow"), ok(listed))
    assert (await script.client().upload_file(path, is_unique_name=True)).id == "a7"
    assert [request.method for request in script.requests] == ["POST", "GET"]


@pytest.mark.parametrize("shift", [0.0, 30.0], ids=["relative", "absolute"])
async def test_segment_times_count_from_the_beginning_whichever_way_the_platform_counts(shift: float) -> None:
    items = [
        {"embedding": VECTOR, "embedding_option": "audio", "start_sec": start + shift, "end_sec": start + 6 + shift}
        for start in (6.0, 0.0)
    ]
    audio = AudioInput(media_source=MediaSource(asset_id="a"), start_sec=30.0)
    answer = await Script(ok({"data": items})).client().embed_audio(audio)
    assert [(item.start_sec, item.end_sec) for item in answer.response.data] == [(36.0, 42.0), (30.0, 36.0)]


async def test_a_task_of_others_is_shifted_by_what_the_platform_says_of_its_window() -> None:
    data = [{"embedding": VECTOR, "start_sec": 0.0, "end_sec": 6.0}]
    body = {"_id": "t", "status": "ready", "data": data, "metadata": {"start_offset_sec": 12.0}}
    answer = await Script(ok(body)).client().get_task("t")
    assert [item.start_sec for item in answer.task.data or []] == [12.0]


async def test_polls_grow_apart_and_wait_as_long_as_they_are_told() -> None:
    processing = {"_id": "t", "status": "processing"}
    script = Script(
        ok(processing),
        ok(processing),
        httpx.Response(200, json=processing, headers={"retry-after": "20"}),
        ok({"_id": "t", "status": "ready", "data": []}),
    )
    await script.client().wait_for_task("t")
    assert script.waits == pytest.approx([1.0, 1.5, 20.0])


@pytest.mark.parametrize(
    ("message", "is_retryable", "hint"),
    [
        ("The embedding service is temporarily unstable. Please try again later.", True, "few minutes"),
        ("The embedding task failed. Please try again later.", True, "few minutes"),
        ("The embedding task could not complete processing.", False, "plays"),
        ("The embedding request was invalid.", False, "parameters"),
        ("The media exceeds the maximum allowed size for embedding.", False, "shorter window"),
        ("Content exceeds the model's context window.", False, "shorter window"),
        ("The embedding result is no longer available and cannot be retrieved.", False, "seven days"),
        ("failed to fetch or materialize source media", False, "still exists"),
        ("We could not process your media for embedding. Please verify the input file and try again.", False, "plays"),
        ("File size (33.6 MB) exceeds maximum limit of 32 MB", False, "shorter window"),
        ("Duration (35.0 seconds) exceeds maximum limit of 30 seconds (0 minutes)", False, "shorter window"),
        ("", False, "plays"),
    ],
)
async def test_a_failed_task_says_whether_the_same_may_succeed_later(
    message: str, is_retryable: bool, hint: str
) -> None:
    body = {"_id": "t", "status": "failed", "data": None, "error": {"message": message}}
    with pytest.raises(TaskFailed) as caught:
        await Script(ok(body)).client().wait_for_task("t")
    assert caught.value.is_retryable is is_retryable
    assert hint in caught.value.hint


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


def test_pauses_double_up_to_the_longest_and_vary_by_half() -> None:
    steady = BackOff(first_s=1.0, longest_s=8.0, jitter=lambda: 0.5)
    assert [steady.pause_s(attempt) for attempt in (0, 1, 2, 3, 4, 10_000)] == [1, 2, 4, 8, 8, 8]
    assert (replace(steady, jitter=lambda: 0.0).pause_s(1), replace(steady, jitter=lambda: 1.0).pause_s(1)) == (1, 3)
