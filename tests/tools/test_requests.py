"""What the tools are asked: limits, cleaning, and the filters that a request sets in the store."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from soundbite_store import ClipFilter
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.requests import (
    ClassifyRequest,
    ClipRequest,
    ClusterRequest,
    EmbedRequest,
    Filters,
    Flag,
    ListRequest,
    Narrows,
    OfRecordings,
    RemoveRequest,
    Request,
    SearchRequest,
    TaskRequest,
)


@pytest.mark.parametrize(
    ("kind", "asked", "field"),
    [
        (SearchRequest, {"query": "x" * 2001}, "query"),
        (SearchRequest, {"query": "a", "without": "x" * 2001}, "without"),
        (SearchRequest, {"query": "a", "top_k": 51}, "top_k"),
        (SearchRequest, {"query": "a", "start_sec": float("nan")}, "start_sec"),
        (SearchRequest, {"query": "a", "end_sec": float("inf")}, "end_sec"),
        (SearchRequest, {"query": "a", "min_seconds": -1.0}, "min_seconds"),
        (SearchRequest, {"query": "a", "tag": ["work"]}, "tag"),
        (EmbedRequest, {"source": "a", "segment_sec": 1}, "segment_sec"),
        (EmbedRequest, {"source": "a", "segment_sec": 11}, "segment_sec"),
        (EmbedRequest, {"source": "a", "start_sec": -1.0}, "start_sec"),
        (EmbedRequest, {"source": "a", "embedding_option": ["visual"]}, "embedding_option"),
        (EmbedRequest, {"source": "a", "embedding_type": ["fused"]}, "embedding_type"),
        (EmbedRequest, {"source": "a", "wait_seconds": 26.0}, "wait_seconds"),
        (TaskRequest, {"task_id": "t_1", "wait_seconds": float("nan")}, "wait_seconds"),
        (ClipRequest, {"asset_id": "a_1", "start_sec": -1.0}, "start_sec"),
        (ClassifyRequest, {"labels": []}, "labels"),
        (ClassifyRequest, {"labels": ["x" * 101]}, "labels"),
        (ClassifyRequest, {"labels": [f"label {number}" for number in range(31)]}, "labels"),
        (ClusterRequest, {"clusters": 21}, "clusters"),
        (RemoveRequest, {"asset_id": ""}, "asset_id"),
    ],
)
def test_what_is_outside_of_the_limits_is_refused_and_named(
    kind: type[Request], asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        kind(**asked)
    assert refusal.value.errors()[0]["loc"][0] == field


def test_lists_are_cleaned_and_without_repeats() -> None:
    request = SearchRequest(
        query=" who  said\tthat ", asset_ids=(" a_1", "a_1 ", ""), tags=("Work", "work\u200b"), sounds=("Dog  bark", "")
    )
    assert (request.query, request.asset_ids, request.tags, request.sounds) == (
        "who said that",
        ("a_1",),
        ("work",),
        ("dog bark",),
    )


def test_every_filter_sets_a_condition_that_the_store_knows() -> None:
    known = {field.name for field in fields(ClipFilter)}
    assert {mark.condition for _, mark in Filters.marked(Narrows)} <= known
    unset = {name for name, _ in Filters.marked(Narrows)} ^ set(Filters.model_fields)
    of_recordings = {name for name, _ in Filters.marked(OfRecordings)}  # the ledger knows
    assert unset == {"sounds"} | of_recordings  # heard in the vectors and words of the clips


def test_filters_that_are_set_become_conditions() -> None:
    assert Filters().conditions() == {}
    request = Filters(tags=("work",), start_sec=5.0, added_after="2026-01-31")
    assert request.names == ["tags", "start_sec", "added_after"]
    assert request.conditions() == {
        "tags_any": ("work",),
        "ends_after_sec": 5.0,
        "created_after": datetime(2026, 1, 31, tzinfo=UTC),
    }


@pytest.mark.parametrize("asked", [{"added_after": "yesterday"}, {"start_sec": 5.0, "end_sec": 4.0}])
def test_a_date_that_is_none_and_a_range_of_nothing_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(QuestionProblem) as problem:
        Filters(**asked).conditions()
    assert problem.value.next_step


@pytest.mark.parametrize("kind", [SearchRequest, EmbedRequest, ListRequest])
def test_no_two_flags_of_a_command_are_one(kind: type[Request]) -> None:
    names = [name for _, flag in kind.marked(Flag) for name in flag.names]
    assert len(names) == len(set(names))
