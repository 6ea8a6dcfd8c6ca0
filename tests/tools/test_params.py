"""The guide's parameters: its defaults on the wire, its rules before anything is sent."""

from typing import Any

import pytest

from soundbite_api import MediaSource
from soundbite_tools.embed.params import EmbedParams, ParameterProblem, check_length
from soundbite_tools.requests import EmbedRequest


def _checked(**asked: Any) -> EmbedParams:
    return EmbedParams.of(EmbedRequest(**{"segmentation": "fixed", **asked}), knows_natural=True)


def test_the_defaults_on_the_wire_are_those_of_the_guide() -> None:
    assert _checked().audio_input(MediaSource(asset_id="x")).to_wire() == {
        "media_source": {"asset_id": "x"},
        "start_sec": 0.0,
        "segmentation": {"strategy": "fixed", "fixed": {"duration_sec": 6}},
        "embedding_option": ["audio", "transcription"],
        "embedding_scope": ["clip", "asset"],
        "embedding_type": ["separate_embedding"],
    }


def test_natural_segments_go_without_a_length() -> None:
    wire = _checked(segmentation="natural").audio_input(MediaSource(asset_id="x")).to_wire()
    assert wire["segmentation"] == {"strategy": "natural"}


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"start_sec": 5.0, "end_sec": 5.0}, "end_sec"),
        ({"embedding_option": []}, "embedding_option"),
        ({"embedding_option": ["audio"], "embedding_type": ["fused_embedding"]}, "fused_embedding"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_and_named(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(ParameterProblem, match=word) as problem:
        _checked(**asked)
    assert "nothing was embedded" in problem.value.next_step


@pytest.mark.parametrize(
    ("segmentation", "segment_sec", "hosted", "embedded"),
    [("auto", 6, "fixed", "natural"), ("auto", 5, "fixed", "fixed"), ("fixed", 6, "fixed", "fixed")],
)
def test_segments_are_natural_where_the_platform_knows_them(
    segmentation: str, segment_sec: int, hosted: str, embedded: str
) -> None:
    request = EmbedRequest(segmentation=segmentation, segment_sec=segment_sec)  # type: ignore[arg-type]
    assert EmbedParams.of(request, knows_natural=False).segmentation == hosted
    assert EmbedParams.of(request, knows_natural=True).segmentation == embedded


def test_the_same_options_in_another_order_are_the_same_parameters() -> None:
    assert (
        _checked(embedding_option=["transcription", "audio", "audio"]).model_dump_json() == _checked().model_dump_json()
    )


def test_more_options_cover_fewer_but_another_window_or_cut_covers_nothing() -> None:
    assert _checked().covers(_checked(embedding_option=["audio"], embedding_scope=["clip"]))
    assert not _checked(embedding_option=["audio"]).covers(_checked())
    assert not _checked().covers(_checked(end_sec=30.0))
    assert not _checked().covers(_checked(segment_sec=5))
    assert not _checked().covers(_checked(segmentation="natural"))


@pytest.mark.parametrize(
    ("start", "end", "duration", "window"),
    [
        (0, 0, 90, (0, 90)),
        (10, 0, 90, (10, 90)),
        (10, 20, 90, (10, 20)),
        (10, 200, 90, (10, 90)),
        (10, 20, 0, (10, 20)),
    ],
)
def test_the_window_ends_with_the_recording(
    start: float, end: float, duration: float, window: tuple[float, float]
) -> None:
    assert _checked(start_sec=float(start), end_sec=float(end)).window(duration) == window


def test_more_than_the_longest_audio_is_refused_unless_a_window_makes_it_short() -> None:
    check_length(_checked(end_sec=60.0), 20_000.0, 14_400.0)
    with pytest.raises(ParameterProblem, match=r"14400\.007 seconds of audio; at most 14400 \(4 hours\)"):
        check_length(_checked(), 14_400.0071, 14_400.0)
