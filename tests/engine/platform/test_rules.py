"""The combination rules of contract 3.9 and the item counts of 3.8, on the synchronous endpoint and on tasks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Asking = Callable[..., dict[str, Any]]
ENDPOINTS = ("embed-v2", "embed-v2/tasks")


def _refusal(answer: httpx.Response) -> dict[str, Any]:
    """The error of a 400, which must be readable both ways."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["error"]["code"] == body["code"]
    assert body["error"]["message"] == body["message"]
    return body


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("audio", "field"),
    [
        ({"start_sec": 5, "end_sec": 5}, "end_sec"),
        ({"start_sec": 5, "end_sec": 4}, "end_sec"),
        ({"start_sec": -1}, "start_sec"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 1}}}, "duration_sec"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 11}}}, "duration_sec"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 6.5}}}, "duration_sec"),
        ({"segmentation": {"strategy": "dynamic", "dynamic": {"min_duration_sec": 4}}}, "strategy"),
        ({"segmentation": {"strategy": "temporal"}}, "strategy"),
        ({"embedding_option": []}, "embedding_option"),
        ({"embedding_option": ["visual"]}, "embedding_option"),
        ({"embedding_option": ["audio", "audio"]}, "embedding_option"),
        ({"embedding_scope": []}, "embedding_scope"),
        ({"embedding_scope": ["video"]}, "embedding_scope"),
        ({"embedding_type": []}, "embedding_type"),
        ({"embedding_type": ["both"]}, "embedding_type"),
        ({"embedding_type": ["fused_embedding"], "embedding_option": ["audio"]}, "embedding_type"),
        ({"time_based_metadata": True}, "time_based_metadata"),
    ],
)
def test_an_audio_object_that_breaks_a_rule_is_refused(
    client: httpx.Client, asset_id: str, asking: Asking, endpoint: str, audio: dict[str, Any], field: str
) -> None:
    answer = client.post(endpoint, json=asking({"asset_id": asset_id}, **audio))
    assert field in _refusal(answer)["message"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "source",
    [
        {},
        {"asset_id": "a", "url": "https://example.com/a.wav"},
        {"url": "https://example.com/a.wav", "base64_string": "UklGRg=="},
        {"base_64_string": "UklGRg=="},
    ],
)
def test_a_media_source_must_name_exactly_one_source(
    client: httpx.Client, asking: Asking, endpoint: str, source: dict[str, str]
) -> None:
    assert "media_source" in _refusal(client.post(endpoint, json=asking(source)))["message"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"model_name": "marengo3.5"}, "parameter_invalid", "model_name"),
        ({"model_name": None}, "parameter_invalid", "model_name"),
        ({"input_type": "image"}, "parameter_invalid", "input_type"),
        ({"embedding_dimension": 512}, "parameter_unknown", "embedding_dimension"),
        ({"embedding_uncertainty": True}, "parameter_unknown", "embedding_uncertainty"),
        ({"audio": None}, "parameter_not_provided", "audio"),
        ({"video": {}}, "parameter_unknown", "video"),
    ],
)
def test_a_request_of_another_model_or_type_is_refused(
    client: httpx.Client, asset_id: str, asking: Asking, endpoint: str, change: dict[str, Any], code: str, field: str
) -> None:
    refusal = _refusal(client.post(endpoint, json=asking({"asset_id": asset_id}) | change))
    assert refusal["code"] == code
    assert field in refusal["message"]


def test_a_missing_field_is_named_as_not_provided(client: httpx.Client) -> None:
    refusal = _refusal(client.post("embed-v2", json={"input_type": "text"}))
    assert refusal["code"] == "parameter_not_provided"
    assert refusal["error"]["details"] == {"field": "model_name"}


def test_the_known_input_types_are_listed(client: httpx.Client) -> None:
    refusal = _refusal(client.post("embed-v2", json={"input_type": "smell", "model_name": "marengo3.0"}))
    assert "Must be one of: 'audio', 'text'" in refusal["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(client: httpx.Client, body: bytes) -> None:
    _refusal(client.post("embed-v2", content=body, headers={"content-type": "application/json"}))


def test_text_is_not_taken_by_tasks(client: httpx.Client) -> None:
    body = {"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "rain"}}
    assert "input_type" in _refusal(client.post("embed-v2/tasks", json=body))["message"]


@pytest.mark.parametrize(
    ("audio", "items"),
    [
        (
            {"embedding_option": ["audio"]},
            [("audio", "asset", 0, 12), ("audio", "clip", 0, 6), ("audio", "clip", 6, 12)],
        ),
        ({"embedding_option": ["audio"], "embedding_scope": ["asset"]}, [("audio", "asset", 0, 12)]),
        (
            {"embedding_scope": ["clip"], "segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 5}}},
            [("audio", "clip", 0, 5), ("audio", "clip", 5, 10), ("audio", "clip", 10, 12)],
        ),
        (
            {"embedding_scope": ["clip"], "segmentation": {"fixed": {"duration_sec": 6}}},
            [("audio", "clip", 0, 6), ("audio", "clip", 6, 12)],
        ),
        (
            {"embedding_type": ["fused_embedding"], "embedding_scope": ["clip"]},
            [("fused", "clip", 0, 6), ("fused", "clip", 6, 12)],
        ),
        (
            {"embedding_type": ["separate_embedding", "fused_embedding"], "embedding_scope": ["asset"]},
            [("audio", "asset", 0, 12), ("fused", "asset", 0, 12)],
        ),
        (
            {"start_sec": 2, "end_sec": 9, "embedding_option": ["audio"], "embedding_scope": ["clip"]},
            [("audio", "clip", 2, 8), ("audio", "clip", 8, 9)],
        ),
        ({"start_sec": 6, "embedding_scope": ["asset"]}, [("audio", "asset", 6, 12)]),
        ({"end_sec": 600, "embedding_scope": ["asset"]}, [("audio", "asset", 0, 12)]),
        (
            {"embedding_option": ["audio"], "embedding_type": ["separate_embedding"], "embedding_scope": ["asset"]},
            [("audio", "asset", 0, 12)],
        ),
    ],
)
def test_a_sound_without_words_gives_the_items_that_were_asked_for(
    client: httpx.Client, asset_id: str, asking: Asking, audio: dict[str, Any], items: list[tuple[str, str, int, int]]
) -> None:
    answer = client.post("embed-v2", json=asking({"asset_id": asset_id}, **audio))
    assert answer.status_code == 200, answer.text
    found = [
        (item["embedding_option"], item["embedding_scope"], item["start_sec"], item["end_sec"])
        for item in answer.json()["data"]
    ]
    assert sorted(found) == items


def test_an_answer_says_what_was_embedded(client: httpx.Client, asset_id: str, asking: Asking) -> None:
    answer = client.post("embed-v2", json=asking({"asset_id": asset_id}, end_sec=6, embedding_option=["audio"]))
    assert answer.json()["metadata"] == {
        "input_type": "audio",
        "input_filename": "tone12.wav",
        "embedding_options": ["audio"],
        "embedding_scopes": ["clip", "asset"],
        "duration": 12.0,
        "start_offset_sec": 0.0,
        "end_offset_sec": 6.0,
    }
    assert answer.headers["x-soundbite-space"] == "soundbite-base-3"
    assert answer.headers["x-soundbite-blocks"] == "sound=128,speech=384"


def test_the_profiles_own_name_is_a_model_too(client: httpx.Client, asset_id: str, asking: Asking) -> None:
    request = asking({"asset_id": asset_id}, embedding_option=["audio"]) | {"model_name": "soundbite-base-3"}
    assert client.post("embed-v2", json=request).status_code == 200


def test_a_start_past_the_end_is_refused_at_once_and_fails_a_task(
    client: httpx.Client, asset_id: str, asking: Asking
) -> None:
    request = asking({"asset_id": asset_id}, start_sec=100)
    assert "past the end" in _refusal(client.post("embed-v2", json=request))["message"]
    assert client.post("embed-v2/tasks", json=request).status_code == 202


def test_more_than_ten_minutes_are_refused_synchronously(
    client: httpx.Client, sounds: Callable[[float], Path], uploaded: Callable[..., dict[str, Any]], asking: Asking
) -> None:
    asset = uploaded(sounds(601))
    message = _refusal(client.post("embed-v2", json=asking({"asset_id": asset["_id"]})))["message"]
    assert message == "Duration (601.0 seconds) exceeds maximum limit of 600 seconds (10 minutes)"


def test_more_than_ten_minutes_are_refused_though_the_file_does_not_say_how_long_it_is(
    client: httpx.Client,
    tmp_path: Path,
    uploaded: Callable[..., dict[str, Any]],
    asking: Asking,
    streamed_webm: Callable[[Path, int], Path],
) -> None:
    asset = uploaded(streamed_webm(tmp_path / "browser.webm", 603))
    assert asset["duration"] is None
    message = _refusal(client.post("embed-v2", json=asking({"asset_id": asset["_id"]})))["message"]
    assert message == "Duration (more than 600 seconds) exceeds maximum limit of 600 seconds (10 minutes)"
    window = asking({"asset_id": asset["_id"]}, start_sec=590, embedding_option=["audio"])
    answer = client.post("embed-v2", json=window)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["duration"] == pytest.approx(603, abs=0.1)


def test_base64_data_is_embedded_and_not_kept(
    client: httpx.Client, sounds: Callable[[float], Path], asking: Asking
) -> None:
    text = base64.b64encode(sounds(5).read_bytes()).decode()
    answer = client.post("embed-v2", json=asking({"base64_string": text}, embedding_option=["audio"]))
    assert len(answer.json()["data"]) == 2
    assert "input_url" not in answer.json()["metadata"]
    assert "upload" not in [asset["filename"] for asset in client.get("assets?page_limit=50").json()["data"]]


@pytest.mark.parametrize("text", ["UklG*g==", "data:audio/wav;base64,UklGRg==", "UklGR"])
def test_text_that_is_not_base64_is_refused(client: httpx.Client, asking: Asking, text: str) -> None:
    assert "base64" in _refusal(client.post("embed-v2", json=asking({"base64_string": text})))["message"]


def test_more_than_36_mb_of_base64_are_too_large(client: httpx.Client, asking: Asking) -> None:
    text = base64.b64encode(bytes(36 * 2**20 + 3)).decode()
    answer = client.post("embed-v2", json=asking({"base64_string": text}))
    assert answer.status_code == 413
    assert "exceeds maximum limit of 36 MB" in answer.json()["error"]["message"]


def test_an_unknown_asset_is_not_found(client: httpx.Client, asking: Asking) -> None:
    for endpoint in ENDPOINTS:
        answer = client.post(endpoint, json=asking({"asset_id": "0" * 24}))
        assert (answer.status_code, answer.json()["code"]) == (404, "resource_not_exist")


def test_a_text_has_one_vector_without_option_scope_and_times(client: httpx.Client) -> None:
    body = {"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "a loud alarm"}}
    answer = client.post("embed-v2", json=body)
    (item,) = answer.json()["data"]
    assert "metadata" not in answer.json()
    assert len(item.pop("embedding")) == 512
    assert item == {"embedding_option": None, "embedding_scope": None, "start_sec": None, "end_sec": None}


@pytest.mark.parametrize("text", ["", "word " * 501, "w" * 1_000_000, " " * 1_000_000], ids=len)
def test_a_text_is_one_to_500_tokens_long(client: httpx.Client, text: str) -> None:
    body = {"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": text}}
    assert "input_text" in _refusal(client.post("embed-v2", json=body))["message"]
