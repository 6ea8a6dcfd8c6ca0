"""Every error class of the official SDK, as the contract lists them: provoked on the engine where it can be.

What an engine does not do by itself (a 409 on a task, a 503) is played by a scripted server with the engine's own
error bodies. The class has to be the very one: all of them are ApiErrors.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import twelvelabs
from twelvelabs import TwelveLabs
from twelvelabs.core.api_error import ApiError

from soundbite_engine.platform.errors import Refused, envelope

BAD, TOO_MANY, BROKEN = twelvelabs.BadRequestError, twelvelabs.TooManyRequestsError, twelvelabs.InternalServerError
NONE = "0" * 24
# The calls in the order of the contract's columns: embed, create a task, get a task, create an asset.
CALLS = ("embed", "create", "task", "upload")
MATRIX: dict[int, tuple[type[ApiError], ...]] = {
    400: (BAD, BAD, ApiError, BAD),
    401: (ApiError, ApiError, ApiError, ApiError),
    403: (ApiError, ApiError, ApiError, ApiError),
    404: (ApiError, ApiError, twelvelabs.NotFoundError, ApiError),
    409: (ApiError, ApiError, ApiError, ApiError),
    413: (twelvelabs.ContentTooLargeError, ApiError, ApiError, ApiError),
    429: (TOO_MANY, TOO_MANY, ApiError, ApiError),
    500: (BROKEN, BROKEN, ApiError, ApiError),
    503: (ApiError, ApiError, ApiError, ApiError),
}
CELLS = [(status, call, kind) for status, kinds in MATRIX.items() for call, kind in zip(CALLS, kinds, strict=True)]


def make(client: Any, name: str, **audio: Any) -> Any:
    """Make one of the calls, of either client."""
    request: dict[str, Any] = {"input_type": "audio", "model_name": "marengo3.0"}
    request["audio"] = {"media_source": {"asset_id": NONE}, **audio}
    calls: dict[str, Callable[[], Any]] = {
        "embed": lambda: client.embed.v_2.create(**request),
        "create": lambda: client.embed.v_2.tasks.create(**request),
        "task": lambda: client.embed.v_2.tasks.retrieve(task_id=NONE),
        "upload": lambda: client.assets.create(method="direct", file=("a.wav", io.BytesIO(b"RIFF"))),
        "asset": lambda: client.assets.retrieve(asset_id=NONE),
        "delete": lambda: client.assets.delete(asset_id=NONE),
    }
    return calls[name]()


def refused(call: Callable[[], Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


def scripted(status: int, *, is_json: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    """A server that says no with a status, in the engine's words."""

    def answer(request: httpx.Request) -> httpx.Response:
        said = envelope(Refused(status, "a_code", "A reason.", {"field": "x"}), request.url.path)
        headers = {"Retry-After": "7", "X-Api-Version": "1.3"}
        if not is_json:
            return httpx.Response(status, text="<html>gateway</html>", headers=headers)
        return httpx.Response(status, json=said, headers=headers)

    return answer


@pytest.mark.parametrize(("status", "name", "kind"), CELLS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_status_has_its_class_and_a_body_that_reads(status: int, name: str, kind: type[ApiError]) -> None:
    with httpx.Client(transport=httpx.MockTransport(scripted(status))) as http:
        error = refused(lambda: make(TwelveLabs(api_key="k", base_url="http://p/v1.3", httpx_client=http), name))
    assert type(error) is kind
    assert (error.status_code, error.headers["retry-after"]) == (status, "7")
    body = error.body.error.model_dump() if kind is twelvelabs.ContentTooLargeError else error.body
    assert (body["code"], body["message"]) == ("a_code", "A reason.")


@pytest.mark.parametrize(("status", "name", "kind"), CELLS, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_the_asynchronous_client_has_the_same_classes(status: int, name: str, kind: type[ApiError]) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(scripted(status))) as http:
        client = twelvelabs.AsyncTwelveLabs(api_key="k", base_url="http://p/v1.3", httpx_client=http)
        with pytest.raises(ApiError) as caught:
            await make(client, name)
    assert type(caught.value) is kind
    assert caught.value.status_code == status


@pytest.mark.parametrize("name", [*CALLS, "asset", "delete"])
@pytest.mark.parametrize("status", [400, 404, 413, 429, 500, 503])
def test_a_body_that_is_no_json_is_an_api_error_with_its_text(status: int, name: str) -> None:
    with httpx.Client(transport=httpx.MockTransport(scripted(status, is_json=False))) as http:
        error = refused(lambda: make(TwelveLabs(api_key="k", base_url="http://p/v1.3", httpx_client=http), name))
    assert (type(error), error.body) == (ApiError, "<html>gateway</html>")


def test_bad_requests_to_the_engine(sdk: TwelveLabs) -> None:
    for name in ("embed", "create"):
        error = refused(lambda name=name: make(sdk, name, embedding_option=[]))  # type: ignore[misc]
        assert (type(error), error.body["code"]) == (BAD, "parameter_invalid")
    error = refused(lambda: sdk.assets.create(method="url", url="<YOUR_AUDIO_URL>"))
    assert (type(error), error.body["code"]) == (BAD, "parameter_invalid")


def test_what_the_engine_does_not_know(sdk: TwelveLabs) -> None:
    named = {"task", "asset"}  # the SDK declares a 404 for these alone
    for name in ("embed", "create", "task", "asset", "delete"):
        error = refused(lambda name=name: make(sdk, name))  # type: ignore[misc]
        kind = twelvelabs.NotFoundError if name in named else ApiError
        assert (type(error), error.status_code) == (kind, 404), name
        assert error.body["code"] == "resource_not_exist"


def test_the_engine_refuses_pages_of_other_sites(sdk: TwelveLabs) -> None:
    options: Any = {"additional_headers": {"Origin": "https://other.example"}}
    error = refused(lambda: sdk.embed.v_2.tasks.retrieve(task_id=NONE, request_options=options))
    assert (type(error), error.status_code, error.body["code"]) == (ApiError, 403, "unauthorized")


def test_more_base64_than_the_engine_takes(sdk: TwelveLabs) -> None:
    source = {"media_source": {"base64_string": "QUFB" * (12 * 2**20 + 1)}}
    error = refused(lambda: make(sdk, "embed", **source))
    assert type(error) is twelvelabs.ContentTooLargeError
    assert error.body.error.code == "payload_too_large"
    error = refused(lambda: make(sdk, "create", **source))
    assert (type(error), error.status_code) == (ApiError, 413)


def test_an_asset_that_a_task_needs_is_deleted_by_force_only(sdk: TwelveLabs, tasks: Any, media: Any) -> None:
    asset = sdk.assets.create(method="url", url=media.url("spoken.wav"))
    # More than the engine does at once, each with words to recognise: the last has not begun when it is asked.
    for _ in range(4):
        tasks.create(asset_id=asset.id)
    error = refused(lambda: sdk.assets.delete(asset_id=str(asset.id)))
    assert (type(error), error.body["code"]) == (twelvelabs.ConflictError, "resource_in_use")
    sdk.assets.delete(asset_id=str(asset.id), force=True)


def test_keys_and_limits_of_the_engine(
    start_engine: Callable[..., AbstractContextManager[Any]],
    connect: Callable[..., AbstractContextManager[TwelveLabs]],
    tmp_path: Path,
) -> None:
    limits = {"SOUNDBITE_ENGINE_KEY": "right", "SOUNDBITE_ENGINE_REQUESTS_PER_MINUTE": "1"}
    with start_engine(tmp_path, **limits) as engine:
        with connect(engine.base_url, "wrong") as client:
            for name in CALLS:
                error = refused(lambda client=client, name=name: make(client, name))  # type: ignore[misc]
                assert (type(error), error.status_code) == (ApiError, 401)
        with connect(engine.base_url, "right") as client:
            assert make(client, "upload").id
            assert refused(lambda: make(client, "task")).status_code == 404
            for name, kind in zip(CALLS, MATRIX[429], strict=True):
                error = refused(lambda client=client, name=name: make(client, name))  # type: ignore[misc]
                assert type(error) is kind
                assert int(error.headers["retry-after"]) >= 1
                assert error.headers["x-ratelimit-request-remaining"] == "0"


@pytest.fixture
def broken(
    start_engine: Callable[..., AbstractContextManager[Any]],
    connect: Callable[..., AbstractContextManager[TwelveLabs]],
    tmp_path: Path,
) -> Iterator[TwelveLabs]:
    """The client of an engine whose database somebody has damaged."""
    with start_engine(tmp_path) as engine, connect(engine.base_url) as client:
        with sqlite3.connect(next(tmp_path.rglob("engine.db"))) as database:
            database.execute("DROP TABLE tasks")
            database.execute("DROP TABLE assets")
        yield client


def test_an_engine_that_is_broken_says_so(broken: TwelveLabs) -> None:
    for name, kind in zip(CALLS, MATRIX[500], strict=True):
        error = refused(lambda name=name: make(broken, name))  # type: ignore[misc]
        assert (type(error), error.body["code"]) == (kind, "internal_server_error"), name
