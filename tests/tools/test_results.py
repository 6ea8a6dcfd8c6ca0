"""Results: the same facts as text and as structure, nothing empty, nothing long."""

import json
from typing import Any

import pytest

from soundbite_tools.embed.results import EmbeddingCount, EmbeddingPreview, TaskResult
from soundbite_tools.results import (
    AssetResult,
    ClipDetail,
    ClipResult,
    LibraryListing,
    PartScore,
    Result,
    SearchResult,
    TranscriptLine,
    TranscriptResult,
)
from soundbite_tools.text import ROOMS, Room, first_that_fits, fits, tokens

CLIP = ClipResult(
    clip_id="c_1",
    asset_id="a_1",
    title="Field log",
    origin="june",
    speaker="Speaker 2",
    start_sec=20.48,
    end_sec=25.89,
    time_range="00:20-00:26",
    score=0.23,
    is_weak=True,
    matched="speech and sound",
    text="the river is rising",
    sounds="rain",
    language="fr",
    tags=["river", "work"],
    listen_start_sec=19.98,
    listen_end_sec=26.39,
    parts=[PartScore(part="words", score=0.915, rank=3)],
)

FULL: list[Result] = [
    TaskResult(
        task_id="t_1",
        status="processing",
        asset_id="a_1",
        title="Field log",
        source="field.flac",
        tags=["river", "work"],
        stage="transcribing",
        progress=0.42,
        searchable_until_sec=1500.0,
        audio_seconds=92.2,
        start_sec=1.5,
        end_sec=14399.87,
        time_range="00:01-01:34",
        segmentation="fixed:6",
        embedding_count=33,
        embedding_counts=[EmbeddingCount(embedding_option="audio", embedding_scope="clip", count=31)],
        dimension=512,
        space="soundbite-base-3",
        is_reused=True,
        seconds_embedded=92.1,
        seconds_saved=184.4,
        embeddings=[
            EmbeddingPreview(
                embedding_option="fused",
                embedding_scope="asset",
                start_sec=6.25,
                end_sec=12.75,
                time_range="00:06-00:13",
                first_values=[0.125, -0.5],
            )
        ],
        notes=["Only a part."],
        error="It broke.",
        error_code="task_failed",
        next_step="Call get_task.",
    ),
    SearchResult(
        clips=[CLIP],
        query="is the river rising",
        modality="speech",
        clips_searched=72,
        notes=["One note."],
        next_step="Call get_clip.",
    ),
    SearchResult(clips=[], like="c_9", without="thunder", clips_searched=3, next_cursor="bmV4dA"),
    ClipDetail(
        asset_id="a_1",
        title="Field log",
        speaker="Speaker 2",
        unsure=["river"],
        start_sec=20.48,
        end_sec=25.89,
        time_range="00:20-00:26",
        clip_id="c_1",
        text="the river is rising",
        sounds="rain",
        language="fr",
        tags=["river"],
        source="field.flac",
        path="clips/a_1.mp3",
        url="http://127.0.0.1:8765/clips/x",
        audio_format="mp3",
        audio_bytes=38541,
        notes=["A note."],
        next_step="Play it.",
    ),
    TranscriptResult(
        asset_id="a_1",
        title="Field log",
        lines=[
            TranscriptLine(
                start_sec=20.48,
                time_range="00:20-00:26",
                text="the river is rising",
                speaker="Speaker 2",
                unsure=["rising"],
            )
        ],
        start_sec=20.0,
        end_sec=26.5,
        time_range="00:20-00:27",
        notes=["A note."],
        next_step="More from 26.5.",
    ),
    LibraryListing(
        assets=[
            AssetResult(
                asset_id="a_1",
                title="Field log",
                origin=".flac",
                status="ready",
                audio_seconds=92.2,
                length="01:32",
                tracks="2 audio tracks: track 2 is heard, not track 1",
                clip_count=23,
                tags=["river"],
                source="field.flac",
                task_id="t_1",
                added="2026-11-22 23:17",
            )
        ],
        total_assets=41,
        total_seconds=3210.5,
        page=2,
        notes=["A note."],
        next_step="More on page 3.",
    ),
]


def _facts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [fact for key, each in value.items() for fact in _facts(each) if key not in ("is_reused", "is_weak")]
    if isinstance(value, list):
        return [fact for each in value for fact in _facts(each)]
    return [str(value).removesuffix(".0")]


@pytest.mark.parametrize("result", FULL, ids=lambda result: type(result).__name__)
def test_the_text_carries_every_fact_of_the_structured_form(result: Result) -> None:
    text = result.to_text()
    assert [fact for fact in _facts(result.model_dump(mode="json")) if fact not in text] == []


@pytest.mark.parametrize("result", FULL, ids=lambda result: type(result).__name__)
def test_every_field_is_tried_by_the_test_above(result: Result) -> None:
    others = [each for each in FULL if type(each) is type(result)]
    said = {name for each in others for name in each.model_dump()}
    assert said == set(type(result).model_fields)


def test_reuse_is_said_in_words() -> None:
    assert "nothing was computed" in FULL[0].to_text()


@pytest.mark.parametrize("result", FULL, ids=lambda result: type(result).__name__)
def test_the_structured_form_is_read_back_as_the_same_result(result: Result) -> None:
    assert type(result).model_validate_json(result.model_dump_json()) == result


def test_what_has_nothing_to_say_is_left_out() -> None:
    assert TaskResult(task_id="t_1", status="processing").model_dump() == {"task_id": "t_1", "status": "processing"}
    assert SearchResult(clips=[], query="x").model_dump() == {"clips": [], "query": "x"}


def test_a_start_of_zero_is_said() -> None:
    assert CLIP.model_copy(update={"start_sec": 0.0}).model_dump()["start_sec"] == 0.0


def test_schemas_hold_no_null() -> None:
    for kind in (TaskResult, SearchResult, ClipDetail, TranscriptResult, LibraryListing):
        assert '"null"' not in json.dumps(kind.model_json_schema())


def test_other_scripts_weigh_more_than_ascii() -> None:
    assert tokens("x" * 35) == pytest.approx(10)
    assert tokens("日" * 10) == pytest.approx(10)


@pytest.mark.parametrize("char", ["x", "日"])
def test_an_answer_is_made_with_the_most_room_at_which_it_fits(char: str) -> None:
    made: list[Room] = []

    def answer(room: Room) -> SearchResult:
        made.append(room)
        return SearchResult(clips=[CLIP.model_copy(update={"text": char * room.text})] * room.entries)

    result = first_that_fits(answer)
    assert fits(result)
    assert made == list(ROOMS[: len(made)])
    assert 1 < len(made) < len(ROOMS)


def test_where_nothing_fits_the_fewest_entries_are_given() -> None:
    def answer(room: Room) -> SearchResult:
        return SearchResult(clips=[CLIP.model_copy(update={"sounds": "日" * 400})] * room.entries)

    assert len(first_that_fits(answer).clips) == ROOMS[-1].entries


def test_whole_numbers_have_no_fraction_and_what_is_usual_is_not_said() -> None:
    shown = CLIP.model_copy(update={"start_sec": 6.0, "end_sec": 12.5, "score": 1.0, "matched": "speech"})
    said = shown.model_dump(mode="json")
    assert '"start_sec": 6, "end_sec": 12.5' in json.dumps(said)
    assert json.dumps(said["score"]) == "1"
    assert "matched" not in said
    assert "matched" not in shown.to_text()


def test_an_answer_costs_an_agent_little_beside_the_words_it_quotes() -> None:
    words = "township heart flood and this had leagues special schools ancient have skin lay population"
    clip = ClipResult(
        clip_id="c_959eec6219bd13c8",
        asset_id="a_4b227777d4dd1fc61c6f",
        title="Recording 4",
        start_sec=2562.0,
        end_sec=2568.0,
        time_range="42:42-42:48",
        score=0.93,
        text=words,
    )
    answer = SearchResult(
        clips=[clip] * 5, query="which schools", clips_searched=10_000, next_cursor="NS4xYjY3YzdkNmZkNDc"
    )
    assert tokens(answer.to_text()) - 5 * tokens(words) < 200
