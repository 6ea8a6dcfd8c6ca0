"""Requests follow the platform's combination rules (contract 3.2, 3.9)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from soundbite_api import AudioInput, MediaSource, Segmentation


def audio(**fields: Any) -> AudioInput:
    return AudioInput.model_validate({"media_source": {"asset_id": "a"}, **fields})


def test_an_audio_request_carries_the_guides_defaults() -> None:
    body = audio().to_wire()
    assert body == {
        "media_source": {"asset_id": "a"},
        "start_sec": 0.0,
        "embedding_option": ["audio", "transcription"],
        "embedding_scope": ["clip", "asset"],
        "embedding_type": ["separate_embedding"],
    }


def test_embedding_type_is_not_sent_with_one_option() -> None:
    assert "embedding_type" not in audio(embedding_option=["audio"]).to_wire()


def test_a_missing_strategy_means_fixed() -> None:
    segmentation = Segmentation.model_validate({"fixed": {"duration_sec": 4}})
    assert (segmentation.strategy, segmentation.duration_sec) == ("fixed", 4)


def test_segments_last_six_seconds_unless_said() -> None:
    assert Segmentation().duration_sec == 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"media_source": {}}, "exactly one"),
        ({"media_source": {"asset_id": "a", "url": "https://host/a.wav"}}, "exactly one"),
        ({"start_sec": -1}, "greater than or equal to 0"),
        ({"start_sec": float("nan")}, "greater than or equal|finite"),
        ({"start_sec": 5, "end_sec": 5}, "end_sec must be greater"),
        ({"embedding_option": []}, "at least 1 item"),
        ({"embedding_option": ["audio", "audio"]}, "may not repeat"),
        ({"embedding_option": ["smell"]}, "'audio' or 'transcription'"),
        ({"embedding_scope": ["page"]}, "'clip' or 'asset'"),
        ({"embedding_option": ["audio"], "embedding_type": ["fused_embedding"]}, "at least two values"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 1}}}, "greater than or equal to 2"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 11}}}, "less than or equal to 10"),
        ({"segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 2.5}}}, "valid integer"),
        ({"segmentation": {"strategy": "natural", "fixed": {"duration_sec": 6}}}, "does not go with"),
        ({"colour": "blue"}, "Extra inputs"),
    ],
)
def test_a_request_the_platform_would_refuse_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        audio(**fields)


def test_one_source_of_each_kind_is_accepted() -> None:
    for name in ("asset_id", "url", "base64_string"):
        assert MediaSource.model_validate({name: "x"}).model_dump(exclude_none=True) == {name: "x"}
