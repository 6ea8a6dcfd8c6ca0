"""The official SDK, which nobody here wrote, against the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import twelvelabs
from twelvelabs import AudioInputRequest, AudioSegmentation, AudioSegmentationFixed, MediaSource, TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.types import TextInputRequest

from soundbite_engine import EngineConfig, RateLimits

Sounds = Callable[[float], Path]


@pytest.fixture(scope="session")
def sdk(address: str) -> Iterator[TwelveLabs]:
    client = TwelveLabs(api_key="tlk_TEST", base_url=f"{address}/v1.3")
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


def _finished(sdk: TwelveLabs, task_id: str | None) -> Any:
    assert task_id is not None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        task = sdk.embed.v_2.tasks.retrieve(task_id=task_id)
        if task.status != "processing":
            return task
        time.sleep(0.05)
    raise TimeoutError


def test_the_guides_task_runs_from_a_url(sdk: TwelveLabs, site: Any) -> None:
    asset = sdk.assets.create(method="url", url=site.url("/tone.wav"))
    task = sdk.embed.v_2.tasks.create(
        input_type="audio",
        model_name="marengo3.0",
        audio=AudioInputRequest(media_source=MediaSource(asset_id=asset.id)),
    )
    assert task.status == "processing"
    done = _finished(sdk, task.id)
    assert done.status == "ready"
    lines = [f"{item.embedding_option.upper()} | {item.embedding_scope.upper()}" for item in done.data]
    assert sorted(lines) == ["AUDIO | ASSET", "AUDIO | CLIP"]
    assert {len(item.embedding) for item in done.data} == {512}
    assert done.metadata.input_type == "audio"
    assert done.created_at is not None


def test_the_guides_every_option_runs_synchronously(sdk: TwelveLabs, sounds: Sounds) -> None:
    with sounds(12).open("rb") as file:
        asset = sdk.assets.create(method="direct", file=file)
    answer = sdk.embed.v_2.create(
        input_type="audio",
        model_name="marengo3.0",
        audio=AudioInputRequest(
            media_source=MediaSource(asset_id=asset.id),
            start_sec=0,
            end_sec=60,
            segmentation=AudioSegmentation(strategy="fixed", fixed=AudioSegmentationFixed(duration_sec=6)),
            embedding_option=["audio", "transcription"],
            embedding_scope=["clip", "asset"],
            embedding_type=["separate_embedding", "fused_embedding"],
        ),
    )
    found = sorted((item.embedding_option, item.embedding_scope) for item in answer.data)
    assert found == [("audio", "asset"), *[("audio", "clip")] * 2, ("fused", "asset"), *[("fused", "clip")] * 2]
    assert answer.metadata.duration == 12.0
    assert answer.metadata.embedding_scopes == ["clip", "asset"]


def test_a_text_is_embedded(sdk: TwelveLabs) -> None:
    answer = sdk.embed.v_2.create(
        input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a dog barking")
    )
    assert len(answer.data[0].embedding) == 512


def test_the_upload_helper_sends_a_file_in_chunks(sdk: TwelveLabs, sounds: Sounds, tmp_path: Path) -> None:
    path = tmp_path / "chunked.wav"
    path.write_bytes(sounds(12).read_bytes())
    result = sdk.multipart_upload.upload_file(str(path), file_type="audio")
    assert result.asset_url.endswith(result.asset_id)
    asset = sdk.assets.retrieve(asset_id=result.asset_id)
    assert (asset.status, asset.method, asset.duration) == ("ready", "multipart", 12.0)


def test_pagers_end(sdk: TwelveLabs, sounds: Sounds) -> None:
    for _ in range(2):
        with sounds(5).open("rb") as file:
            sdk.assets.create(method="direct", file=file, filename="pager.wav")
    assert len(list(sdk.assets.list(page_limit=1, filename="pager"))) == 2
    tasks = list(sdk.embed.v_2.tasks.list(page_limit=50, status="ready"))
    assert all(task.id for task in tasks)
    assert isinstance(list(sdk.multipart_upload.list_incomplete_uploads()), list)


def test_metadata_transcription_and_deletion_work(sdk: TwelveLabs, sounds: Sounds) -> None:
    with sounds(5).open("rb") as file:
        asset = sdk.assets.create(method="direct", file=file, user_metadata='{"a": 1}')
    assert asset.id is not None
    sdk.assets.update_user_metadata(asset.id, user_metadata={"b": ["x"]})
    sdk.assets.replace_user_metadata(asset.id, user_metadata={"c": True})
    assert sdk.assets.retrieve(asset.id).user_metadata == {"c": True}
    sdk.assets.delete_user_metadata(asset.id)
    transcription = sdk.assets.retrieve_transcription(asset.id, include=["words", "sentences"])
    assert (transcription.status, transcription.words) == ("ready", [])
    sdk.assets.delete(asset.id)
    with pytest.raises(twelvelabs.NotFoundError):
        sdk.assets.retrieve(asset.id)


def test_errors_come_out_as_the_sdk_names_them(sdk: TwelveLabs) -> None:
    source = AudioInputRequest(media_source=MediaSource(asset_id="0" * 24))
    with pytest.raises(ApiError) as missing:
        sdk.embed.v_2.create(input_type="audio", model_name="marengo3.0", audio=source)
    assert missing.value.status_code == 404
    for create in (sdk.embed.v_2.create, sdk.embed.v_2.tasks.create):
        with pytest.raises(twelvelabs.BadRequestError):
            create(input_type="audio", model_name="marengo9", audio=source)
    with pytest.raises(twelvelabs.NotFoundError):
        sdk.embed.v_2.tasks.retrieve("none")
    with pytest.raises(twelvelabs.BadRequestError):
        sdk.assets.create(method="url", url="<YOUR_AUDIO_URL>")
    too_much = AudioInputRequest(media_source=MediaSource(base_64_string="QUFB" * (12 * 2**20 + 1)))
    with pytest.raises(twelvelabs.ContentTooLargeError) as refused:
        sdk.embed.v_2.create(input_type="audio", model_name="marengo3.0", audio=too_much)
    assert refused.value.body.error.code == "payload_too_large"


def test_limits_and_keys_come_out_as_the_sdk_names_them(serve: Callable[[EngineConfig], Any], tmp_path: Path) -> None:
    config = EngineConfig(tmp_path, api_key="right", limits=RateLimits(requests_per_minute=1))
    with serve(config) as url:
        wrong = TwelveLabs(api_key="wrong", base_url=f"{url}/v1.3")
        with pytest.raises(ApiError) as refused:
            wrong.embed.v_2.create(input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="a"))
        assert refused.value.status_code == 401
        right = TwelveLabs(api_key="right", base_url=f"{url}/v1.3")
        for expectation in (None, twelvelabs.TooManyRequestsError):
            request = {"model_name": "marengo3.0", "text": TextInputRequest(input_text="a")}
            if expectation is None:
                right.embed.v_2.create(input_type="text", **request)
            else:
                with pytest.raises(expectation) as limited:
                    right.embed.v_2.create(input_type="text", **request)
                assert int(limited.value.headers["retry-after"]) >= 1
        for client in (wrong, right):
            client._client_wrapper.httpx_client.httpx_client.close()


async def test_the_asynchronous_client_gets_the_same(address: str, site: Any) -> None:
    client = twelvelabs.AsyncTwelveLabs(api_key="tlk_TEST", base_url=f"{address}/v1.3")
    asset = await client.assets.create(method="url", url=site.url("/tone.wav"))
    source = AudioInputRequest(media_source=MediaSource(asset_id=asset.id), embedding_option=["audio"])
    raw = await client.embed.v_2.with_raw_response.create(input_type="audio", model_name="marengo3.0", audio=source)
    assert raw.headers["x-api-version"] == "1.3"
    assert len(raw.data.data) == 2
    await client._client_wrapper.httpx_client.httpx_client.aclose()
