"""What every service of the contract does alike (contract sections 2 and 3)."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from soundbite_api import AssetFailed, AudioInput, EmbeddingData, MediaSource, NotFound, RequestRefused

Sound = Callable[..., Path]
ITEM_FIELDS = {"embedding", "embedding_option", "embedding_scope", "start_sec", "end_sec"}


def ready(service: Any, path: Path) -> str:
    """Upload a file and return the id of its ready asset."""
    asset = service.run(service.client.upload_file(path))
    return str(service.run(service.client.wait_for_asset(asset.id)).id)


def embedded(service: Any, asset_id: str, **audio: Any) -> list[EmbeddingData]:
    source = MediaSource(asset_id=asset_id)
    answer = service.run(service.client.embed_audio(AudioInput(media_source=source, **audio)))
    return list(answer.response.data)


def spans(items: list[EmbeddingData], option: str, scope: str) -> list[tuple[float, float]]:
    return sorted(
        (round(item.start_sec or 0.0, 1), round(item.end_sec or 0.0, 1))
        for item in items
        if (item.embedding_option, item.embedding_scope) == (option, scope)
    )


def test_a_text_has_one_vector(service: Any) -> None:
    vector = service.run(service.client.embed_text("a dog barking")).vector
    assert len(vector) == service.dimension
    assert math.hypot(*vector) > 0


def test_an_upload_keeps_its_name_and_gets_ready_with_its_length(service: Any, sound: Sound) -> None:
    asset = service.run(service.client.upload_file(sound(5), filename="my sound.wav"))
    found = service.run(service.client.wait_for_asset(asset.id))
    assert (found.filename, round(found.duration, 2)) == ("my sound.wav", 5.0)


def test_a_file_over_the_direct_limit_arrives_in_parts(service: Any, sound: Sound) -> None:
    asset = service.run(service.client.upload_file(sound(14)))
    found = service.run(service.client.wait_for_asset(asset.id))
    assert (found.method, round(found.duration)) == ("multipart", 14)


def test_twelve_seconds_have_two_clips_and_one_asset_vector_an_option(service: Any, sound: Sound) -> None:
    items = embedded(service, ready(service, sound(12)), embedding_option=["audio"])
    assert spans(items, "audio", "clip") == [(0.0, 6.0), (6.0, 12.0)]
    assert spans(items, "audio", "asset") == [(0.0, 12.0)]
    assert {len(item.embedding) for item in items} == {service.dimension}


def test_a_window_is_embedded_with_times_of_the_recording(service: Any, sound: Sound) -> None:
    items = embedded(service, ready(service, sound(12)), start_sec=4.0, end_sec=11.0, embedding_scope=["clip"])
    assert spans(items, "audio", "clip") == [(4.0, 10.0), (10.0, 11.0)]


def test_fused_vectors_come_only_when_asked_for(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(6))
    plain = embedded(service, asset_id, embedding_scope=["clip"])
    fused = embedded(service, asset_id, embedding_scope=["clip"], embedding_type=["fused_embedding"])
    assert "fused" not in {item.embedding_option for item in plain}
    assert {item.embedding_option for item in fused} == {"fused"}


def test_a_task_answers_with_its_address_and_later_with_what_a_call_would(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(12))
    audio = {"media_source": {"asset_id": asset_id}, "embedding_option": ["audio"]}
    body = {"input_type": "audio", "model_name": "marengo3.0", "audio": audio}
    begun = service.ask("POST", "embed-v2/tasks", json=body)
    assert (begun.status_code, begun.json()["status"]) == (202, "processing")
    assert begun.headers["location"].endswith(f"/embed-v2/tasks/{begun.json()['_id']}")
    task = service.run(service.client.wait_for_task(begun.json()["_id"])).task
    assert spans(list(task.data), "audio", "clip") == [(0.0, 6.0), (6.0, 12.0)]
    assert task.metadata.duration == pytest.approx(12, abs=0.05)


def test_base64_is_a_source_too(service: Any, sound: Sound) -> None:
    source = MediaSource(base64_string=base64.b64encode(sound(4).read_bytes()).decode())
    answer = service.run(service.client.embed_audio(AudioInput(media_source=source, embedding_option=["audio"])))
    assert spans(list(answer.response.data), "audio", "asset") == [(0.0, 4.0)]


def test_extensions_never_appear_unasked(service: Any, sound: Sound) -> None:
    audio = {"media_source": {"asset_id": ready(service, sound(4))}}
    answer = service.ask("POST", "embed-v2", json={"input_type": "audio", "model_name": "marengo3.0", "audio": audio})
    assert {frozenset(item) for item in answer.json()["data"]} == {frozenset(ITEM_FIELDS)}


def test_an_upload_is_found_by_its_name(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(4, "needle-0123456789ab.wav"))
    page = service.run(service.client.list_assets(filename="NEEDLE-0123456789ab"))
    assert asset_id in {asset.id for asset in page.data}


@pytest.mark.parametrize("path", ["embed-v2/tasks", "assets"])
def test_a_page_beyond_the_last_is_empty(service: Any, path: str) -> None:
    answer = service.ask("GET", path, params={"page": 999})
    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_a_deleted_asset_is_not_found(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(4))
    assert service.ask("DELETE", f"assets/{asset_id}").status_code == 204
    with pytest.raises(NotFound) as caught:
        service.run(service.client.get_asset(asset_id))
    assert caught.value.code == "resource_not_exist"


def test_an_unknown_task_is_not_found(service: Any) -> None:
    with pytest.raises(NotFound):
        service.run(service.client.get_task("f" * 24))


def test_a_file_that_holds_no_sound_fails_with_a_reason(service: Any, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(b"this is not sound " * 100)
    asset = service.run(service.client.upload_file(path))
    with pytest.raises(AssetFailed) as caught:
        service.run(service.client.wait_for_asset(asset.id))
    assert caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        {"input_type": "nonsense", "model_name": "marengo3.0"},
        {"input_type": "audio", "model_name": "marengo3.0"},
    ],
    ids=["unknown input_type", "no audio object"],
)
def test_a_request_outside_the_contract_is_refused_with_a_code_in_an_envelope(service: Any, body: Any) -> None:
    answer = service.ask("POST", "embed-v2", json=body)
    envelope = answer.json().get("error") or answer.json()
    assert answer.status_code == 400
    assert envelope["code"].startswith("parameter_")
    assert envelope["message"]


def test_fused_with_one_option_is_refused(service: Any, sound: Sound) -> None:
    audio = {
        "media_source": {"asset_id": ready(service, sound(4))},
        "embedding_option": ["audio"],
        "embedding_type": ["fused_embedding"],
    }
    answer = service.ask("POST", "embed-v2", json={"input_type": "audio", "model_name": "marengo3.0", "audio": audio})
    assert answer.status_code == 400


def test_a_window_past_the_end_is_refused(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(4))
    with pytest.raises(RequestRefused):
        embedded(service, asset_id, start_sec=30.0)


def test_a_recording_without_a_word_has_a_transcript_of_none_or_no_transcript(service: Any, sound: Sound) -> None:
    asset_id = ready(service, sound(4))
    try:
        transcript = service.run(service.client.get_transcription(asset_id))
    except NotFound:
        return
    assert transcript.status in ("ready", "processing", "pending")
