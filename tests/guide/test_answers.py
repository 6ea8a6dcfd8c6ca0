"""The guide's last two steps: following a task, and what it made (rows S34 to S42, S47)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from twelvelabs import TwelveLabs
from twelvelabs.types import TextInputRequest


@pytest.mark.guide("S34")
def test_s34_a_task_is_found_by_its_id(sdk: TwelveLabs, plain_task: Any) -> None:
    found = sdk.embed.v_2.tasks.retrieve(task_id=plain_task.id)
    assert (found.id, found.status) == (plain_task.id, "ready")
    assert found.created_at <= found.updated_at


@pytest.mark.guide("S35")
@pytest.mark.guide("S38")
def test_s35_s38_a_task_is_processing_until_polling_finds_it_ready(sdk: TwelveLabs, tasks: Any, media: Any) -> None:
    begun = tasks.create(url=media.url("held/beeps.wav"), embedding_option=["audio"])
    waiting = sdk.embed.v_2.tasks.retrieve(task_id=begun.id)
    assert (begun.status, waiting.status, waiting.data) == ("processing", "processing", None)
    media.gate.set()
    assert tasks.finish(begun.id).status == "ready"


@pytest.mark.guide("S36")
def test_s36_a_ready_task_has_a_list_of_embeddings(plain_task: Any) -> None:
    assert plain_task.status == "ready"
    assert len(plain_task.data) == 5
    assert plain_task.metadata.duration == pytest.approx(12)


@pytest.mark.guide("S37")
def test_s37_a_failed_task_says_why_and_has_no_embeddings(tasks: Any, media: Any) -> None:
    task = tasks.run(url=media.url("beeps.wav"), start_sec=60)
    assert (task.status, task.data) == ("failed", None)
    assert task.error.message.startswith("The embedding request was invalid.")
    assert "past the end of beeps.wav" in task.error.message


@pytest.mark.guide("S39")
def test_s39_an_embedding_is_512_floats(plain_task: Any) -> None:
    for item in plain_task.data:
        assert len(item.embedding) == 512
        assert math.isclose(math.hypot(*item.embedding), 1.0, rel_tol=1e-4)


@pytest.mark.guide("S40")
def test_s40_an_embedding_says_its_option(plain_task: Any) -> None:
    assert {item.embedding_option.upper() for item in plain_task.data} == {"AUDIO", "TRANSCRIPTION"}


@pytest.mark.guide("S41")
def test_s41_an_embedding_says_its_scope(plain_task: Any) -> None:
    assert {item.embedding_scope.upper() for item in plain_task.data} == {"CLIP", "ASSET"}


@pytest.mark.guide("S42")
def test_s42_an_embedding_says_its_time_range(plain_task: Any, spans: Callable[..., Any]) -> None:
    assert spans(plain_task) == [
        ("audio", "asset", 0, 12),
        ("audio", "clip", 0, 6),
        ("audio", "clip", 6, 12),
        ("transcription", "asset", 0, 12),
        ("transcription", "clip", 0, 6),
    ]


@pytest.mark.guide("S47")
def test_s47_words_find_speech_and_sounds_and_sounds_find_sounds(
    sdk: TwelveLabs, embed: Callable[..., Any], plain_task: Any, beeps_id: str
) -> None:
    def of_text(text: str) -> list[float]:
        answer = sdk.embed.v_2.create(
            input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text=text)
        )
        return list(answer.data[0].embedding)

    def likeness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    def vector(answer: Any, option: str, start_sec: float) -> list[float]:
        (found,) = [
            item.embedding
            for item in answer.data
            if (item.embedding_option, item.embedding_scope, item.start_sec) == (option, "clip", start_sec)
        ]
        return list(found)

    beeps = embed(asset_id=beeps_id, embedding_option=["audio"])
    said, rain = vector(plain_task, "transcription", 0), vector(plain_task, "audio", 6)
    first, second = vector(beeps, "audio", 0), vector(beeps, "audio", 6)
    river, cake = of_text("the log of a river station"), of_text("a recipe for a cake")
    beeping, raining = of_text("beeping"), of_text("rain")
    assert likeness(river, said) > likeness(cake, said) + 0.1
    assert likeness(beeping, first) > likeness(beeping, rain)
    assert likeness(raining, rain) > likeness(raining, first)
    assert likeness(first, second) > likeness(first, rain) + 0.1
