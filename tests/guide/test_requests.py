"""The guide's third step: what may be asked of a recording (rows S08 to S33, S43 to S45)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from pydantic import ValidationError
from twelvelabs import AudioSegmentation, AudioSegmentationFixed, BadRequestError, TwelveLabs

Embed = Callable[..., Any]
Spans = Callable[[Any], list[tuple[str, str, float, float]]]
SOUND = {"embedding_option": ["audio"]}
CLIPS = {**SOUND, "embedding_scope": ["clip"]}
CREATES = ("create", "tasks.create")
RATE_HZ = 8000
FOUR_HOURS_SEC = 4 * 3600


def segments(option: str, *bounds: float) -> list[tuple[str, str, float, float]]:
    """Clips that follow one another, with these bounds."""
    return [(option, "clip", start, end) for start, end in pairwise(bounds)]


def call(sdk: TwelveLabs, name: str, **request: Any) -> Any:
    """Call one of the two that embed, with what the test changes of the guide's request."""
    create = sdk.embed.v_2.create if name == "create" else sdk.embed.v_2.tasks.create
    return create(**{"input_type": "audio", "model_name": "marengo3.0", **request})


@pytest.mark.guide("S08")
def test_s08_a_task_is_accepted_and_has_an_id(tasks: Any, beeps_id: str, statuses: list[int]) -> None:
    task = tasks.create(asset_id=beeps_id, **SOUND)
    assert statuses == [202]
    assert (len(task.id), task.status, task.data) == (24, "processing", None)


@pytest.mark.guide("S09")
@pytest.mark.parametrize("name", CREATES)
def test_s09_another_input_type_is_refused(name: str, sdk: TwelveLabs, beeps_id: str, embed: Embed) -> None:
    assert embed(asset_id=beeps_id, **SOUND).metadata.input_type == "audio"
    with pytest.raises(BadRequestError) as refused:
        call(sdk, name, input_type="smell", audio={"media_source": {"asset_id": beeps_id}})
    assert "input_type" in refused.value.body["message"]


@pytest.mark.guide("S10")
@pytest.mark.parametrize("name", CREATES)
def test_s10_another_model_is_refused(name: str, sdk: TwelveLabs, beeps_id: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        call(sdk, name, model_name="marengo2.7", audio={"media_source": {"asset_id": beeps_id}})
    assert "marengo3.0" in refused.value.body["message"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("asset_id", marks=pytest.mark.guide("S11")),
        pytest.param("url", marks=pytest.mark.guide("S12")),
        pytest.param("base_64_string", marks=pytest.mark.guide("S13")),
    ],
)
def test_s11_s12_s13_every_source_is_embedded_alike(
    source: str, embed: Embed, spans: Spans, media: Any, beeps_id: str
) -> None:
    values = {
        "asset_id": beeps_id,
        "url": media.url("beeps.wav"),
        "base_64_string": base64.b64encode((media.folder / "beeps.wav").read_bytes()).decode(),
    }
    answer = embed(**{source: values[source]}, **SOUND)
    assert spans(answer) == [("audio", "asset", 0, 13), *segments("audio", 0, 6, 12, 13)]


@pytest.mark.guide("S14")
@pytest.mark.parametrize("name", CREATES)
@pytest.mark.parametrize("count", [0, 2, 3])
def test_s14_none_and_several_sources_are_refused(
    name: str, count: int, sdk: TwelveLabs, media: Any, beeps_id: str
) -> None:
    sources = {"asset_id": beeps_id, "url": media.url("beeps.wav"), "base64_string": "UklGRg=="}
    with pytest.raises(BadRequestError) as refused:
        call(sdk, name, audio={"media_source": dict(list(sources.items())[:count])})
    assert "exactly one of asset_id, url and base64_string" in refused.value.body["message"]


@pytest.mark.parametrize(
    ("window", "bounds"),
    [
        pytest.param({"end_sec": 6}, (0, 6), marks=pytest.mark.guide("S15")),
        pytest.param({"start_sec": 6}, (6, 12, 13), marks=pytest.mark.guide("S16")),
        pytest.param({"start_sec": 2, "end_sec": 9}, (2, 8, 9), marks=pytest.mark.guide("S17")),
        pytest.param({"start_sec": 0, "end_sec": 60}, (0, 6, 12, 13), marks=pytest.mark.guide("S17")),
    ],
    ids=["no start", "no end", "both", "an end past the end"],
)
def test_s15_s16_s17_only_the_window_is_embedded(
    window: dict[str, float], bounds: tuple[float, ...], embed: Embed, spans: Spans, beeps_id: str
) -> None:
    assert spans(embed(asset_id=beeps_id, **CLIPS, **window)) == segments("audio", *bounds)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["audio"], marks=pytest.mark.guide("S18")),
        pytest.param(["transcription"], marks=pytest.mark.guide("S19")),
        pytest.param(["audio", "transcription"], marks=pytest.mark.guide("S20")),
    ],
    ids=["S18", "S19", "S20"],
)
def test_s18_s19_s20_only_the_options_asked_for_come(options: list[str], embed: Embed, spoken_id: str) -> None:
    answer = embed(asset_id=spoken_id, end_sec=6, embedding_option=options)
    assert {item.embedding_option for item in answer.data} == set(options)


@pytest.mark.guide("S21")
def test_s21_without_options_both_come(plain_task: Any) -> None:
    assert {item.embedding_option for item in plain_task.data} == {"audio", "transcription"}


@pytest.mark.guide("S22")
def test_s22_clips_are_one_a_segment(embed: Embed, spans: Spans, beeps_id: str) -> None:
    assert spans(embed(asset_id=beeps_id, **CLIPS)) == segments("audio", 0, 6, 12, 13)


@pytest.mark.guide("S23")
def test_s23_the_asset_is_one_an_option(embed: Embed, spans: Spans, spoken_id: str) -> None:
    answer = embed(asset_id=spoken_id, embedding_scope=["asset"])
    assert spans(answer) == [("audio", "asset", 0, 12), ("transcription", "asset", 0, 12)]


@pytest.mark.guide("S24")
def test_s24_both_scopes_come_together(embed: Embed, spans: Spans, beeps_id: str) -> None:
    answer = embed(asset_id=beeps_id, embedding_scope=["clip", "asset"], **SOUND)
    assert spans(answer) == [("audio", "asset", 0, 13), *segments("audio", 0, 6, 12, 13)]


@pytest.mark.guide("S25")
def test_s25_without_scopes_both_come(plain_task: Any) -> None:
    assert {item.embedding_scope for item in plain_task.data} == {"clip", "asset"}


@pytest.mark.guide("S26")
@pytest.mark.parametrize(("seconds", "bounds"), [(6, (0, 6, 12, 13)), (5, (0, 5, 10, 13)), (10, (0, 10, 13))])
def test_s26_segments_have_the_length_asked_for_and_the_last_is_shorter(
    seconds: int, bounds: tuple[float, ...], embed: Embed, spans: Spans, beeps_id: str
) -> None:
    cut = AudioSegmentation(strategy="fixed", fixed=AudioSegmentationFixed(duration_sec=seconds))
    assert spans(embed(asset_id=beeps_id, segmentation=cut, **CLIPS)) == segments("audio", *bounds)


@pytest.mark.guide("S27")
@pytest.mark.parametrize("name", CREATES)
def test_s27_the_engine_takes_what_the_sdk_of_today_refuses(
    name: str, sdk: TwelveLabs, tasks: Any, spans: Spans, beeps_id: str
) -> None:
    with pytest.raises(ValidationError, match="strategy"):
        AudioSegmentation(fixed=AudioSegmentationFixed(duration_sec=5))  # type: ignore[call-arg]  # as the guide does
    plain = {"media_source": {"asset_id": beeps_id}, "segmentation": {"fixed": {"duration_sec": 5}}, **CLIPS}
    answer = call(sdk, name, audio=plain)
    done = answer if name == "create" else tasks.finish(answer.id)
    assert spans(done) == segments("audio", 0, 5, 10, 13)


@pytest.mark.guide("S28")
def test_s28_without_segmentation_segments_last_six_seconds(plain_task: Any, spans: Spans) -> None:
    clips = [span for span in spans(plain_task) if span[:2] == ("audio", "clip")]
    assert clips == segments("audio", 0, 6, 12)


@pytest.mark.parametrize(
    ("types", "options"),
    [
        pytest.param(["separate_embedding"], {"audio", "transcription"}, marks=pytest.mark.guide("S29")),
        pytest.param(["fused_embedding"], {"fused"}, marks=pytest.mark.guide("S30")),
        pytest.param(
            ["separate_embedding", "fused_embedding"],
            {"audio", "transcription", "fused"},
            marks=pytest.mark.guide("S31"),
        ),
    ],
    ids=["S29", "S30", "S31"],
)
def test_s29_s30_s31_embeddings_are_structured_as_asked(
    types: list[str], options: set[str], embed: Embed, spoken_id: str
) -> None:
    answer = embed(asset_id=spoken_id, end_sec=6, embedding_type=types)
    assert {item.embedding_option for item in answer.data} == options


@pytest.mark.guide("S32")
def test_s32_nothing_fused_comes_unasked(plain_task: Any) -> None:
    assert "fused" not in {item.embedding_option for item in plain_task.data}


@pytest.mark.guide("S33")
@pytest.mark.parametrize("name", CREATES)
def test_s33_one_option_has_nothing_to_fuse(name: str, sdk: TwelveLabs, beeps_id: str) -> None:
    audio = {"media_source": {"asset_id": beeps_id}, **SOUND}
    with pytest.raises(BadRequestError) as refused:
        call(sdk, name, audio={**audio, "embedding_type": ["fused_embedding"]})
    assert "at least two values in embedding_option" in refused.value.body["message"]
    assert call(sdk, name, audio={**audio, "embedding_type": ["separate_embedding"]})


@pytest.fixture(scope="module")
def long_id(sdk: TwelveLabs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The asset of four hours and two minutes of silence."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    frame = AudioFrame.from_ndarray(np.zeros((1, 60 * RATE_HZ), np.int16), format="s16", layout="mono")
    frame.sample_rate = RATE_HZ
    with av.open(str(path), "w") as file:
        stream = file.add_stream("flac", rate=RATE_HZ)
        stream.layout = "mono"
        for minute in range(242):
            frame.pts, frame.time_base = minute * frame.samples, Fraction(1, RATE_HZ)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with path.open("rb") as opened:
        return str(sdk.assets.create(method="direct", file=opened).id)


@pytest.mark.guide("S43")
def test_s43_a_task_takes_four_hours_and_no_more(sdk: TwelveLabs, tasks: Any, spans: Spans, long_id: str) -> None:
    assert sdk.assets.retrieve(asset_id=long_id).duration == pytest.approx(242 * 60)
    with pytest.raises(BadRequestError) as refused:
        tasks.create(asset_id=long_id)
    assert "exceeds maximum limit of 14400 seconds" in refused.value.body["message"]
    end = tasks.run(asset_id=long_id, start_sec=FOUR_HOURS_SEC + 108, **CLIPS)
    assert spans(end) == segments("audio", 14508, 14514, 14520)


@pytest.mark.guide("S44")
def test_s44_under_ten_minutes_are_answered_at_once_and_more_are_refused(
    embed: Embed, spans: Spans, long_id: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        embed(asset_id=long_id, end_sec=601)
    assert "Duration (601.0 seconds) exceeds maximum limit of 600 seconds" in refused.value.body["message"]
    answer = embed(asset_id=long_id, start_sec=600, end_sec=612, **CLIPS)
    assert spans(answer) == segments("audio", 600, 606, 612)


@pytest.mark.guide("S45")
def test_s45_a_call_and_a_task_make_the_same_of_every_field(
    embed: Embed, tasks: Any, spans: Spans, spoken_id: str
) -> None:
    audio = {
        "asset_id": spoken_id,
        "start_sec": 1,
        "end_sec": 9,
        "segmentation": AudioSegmentation(strategy="fixed", fixed=AudioSegmentationFixed(duration_sec=3)),
        "embedding_option": ["audio", "transcription"],
        "embedding_scope": ["clip", "asset"],
        "embedding_type": ["separate_embedding", "fused_embedding"],
    }
    at_once, later = embed(**audio), tasks.run(**audio)
    assert spans(at_once) == spans(later)
    assert {item.embedding_option for item in at_once.data} == {"audio", "transcription", "fused"}
    vectors = [sorted(tuple(item.embedding) for item in answer.data) for answer in (at_once, later)]
    assert vectors[0] == vectors[1]
