from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from soundbite_store import Clip, ClipFilter, ClipStore, Space

MakeClip = Callable[..., Clip]

HOSTILE = [
    "' OR '1'='1",
    "\\') OR 1=1 --",
    "\\",
    "\\'",
    "''",
    "'; DELETE FROM clips; --",
    "a\x00b",
    "line\nbreak",
    "/* comment",
    "%",
    "_",
    '"quoted"',
    "`tick`",
    "東京's",
    "🎧'",
    "x' IN ('y",
    "NULL",
    "",
]


async def test_hostile_values_match_their_own_rows_and_no_others(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(
            space,
            [
                make_clip(
                    0,
                    value,
                    clip_id=value,
                    content_hash=value,
                    task_id=value,
                    segmentation=value,
                    embedding_option=value,
                    tags=(value,),
                )
                for value in HOSTILE
            ],
        )
        for value in HOSTILE:
            for where in (
                ClipFilter(asset_ids=(value,)),
                ClipFilter(clip_ids=(value,)),
                ClipFilter(content_hash=value),
                ClipFilter(task_id=value),
                ClipFilter(segmentation=value),
                ClipFilter(embedding_option=value),
                ClipFilter(tags_any=(value,)),
            ):
                assert [clip.asset_id for clip in await store.clips(space, where)] == [value], where
        assert await store.count(space, ClipFilter(exclude_clip_ids=tuple(HOSTILE))) == 0


async def test_hostile_values_change_and_delete_their_own_rows_and_no_others(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0, value) for value in HOSTILE])
        for gone, value in enumerate(HOSTILE, start=1):
            assert await store.update_asset(value, title=value, tags=(value,)) == 1
            [clip] = await store.clips(space, ClipFilter(asset_ids=(value,)))
            assert (clip.title, clip.tags) == (value, (value,))
            assert await store.delete_asset(value) == 1
            assert await store.count(space) == len(HOSTILE) - gone


async def test_filters_narrow_by_time_length_tag_and_age(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(
            space,
            [
                make_clip(0, tags=("news", "uk"), created_at=old),
                make_clip(1, tags=("news",), created_at=new),
                make_clip(2, created_at=new),
                make_clip(3, end_sec=18.5, created_at=new),
            ],
        )

        async def starts(where: ClipFilter) -> list[float]:
            return [clip.start_sec for clip in await store.clips(space, where)]

        assert await starts(ClipFilter(start_after_sec=6.0)) == [6.0, 12.0, 18.0]
        assert await starts(ClipFilter(end_before_sec=12.0)) == [0.0, 6.0]
        assert await starts(ClipFilter(ends_after_sec=6.0)) == [6.0, 12.0, 18.0]
        assert await starts(ClipFilter(starts_before_sec=6.5)) == [0.0, 6.0]
        assert await starts(ClipFilter(min_seconds=1.0)) == [0.0, 6.0, 12.0]
        assert await starts(ClipFilter(tags_any=("uk", "fr"))) == [0.0]
        assert await starts(ClipFilter(tags_any=("news",), start_after_sec=1)) == [6.0]
        assert await starts(ClipFilter(created_after=old)) == [6.0, 12.0, 18.0]
        assert await starts(ClipFilter(created_after=old - timedelta(hours=1))) == [0.0, 6.0, 12.0, 18.0]


async def test_a_share_is_a_sample_of_clips_with_all_their_rows_spread_over_all_recordings(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(
            space,
            [
                make_clip(index, f"a_{asset}", embedding_option=option)
                for asset in range(4)
                for index in range(100)
                for option in ("audio", "transcription")
            ],
        )
        half = await store.clips(space, ClipFilter(share=0.5), limit=1_000)
        assert 320 <= len(half) <= 480
        options = Counter(clip.clip_id for clip in half)
        assert set(options.values()) == {2}
        assert all(60 <= count <= 140 for count in Counter(clip.asset_id for clip in half).values())
        tenth = {clip.clip_id for clip in await store.clips(space, ClipFilter(share=0.1), limit=1_000)}
        assert tenth < options.keys()
        assert await store.count(space, ClipFilter(share=0.0)) == 0
        assert await store.count(space, ClipFilter(share=1.0)) == 800


@pytest.mark.parametrize("where", [ClipFilter(asset_ids=()), ClipFilter(clip_ids=()), ClipFilter(tags_any=())])
async def test_an_empty_list_of_choices_matches_nothing(
    tmp_path: Path, space: Space, make_clip: MakeClip, where: ClipFilter
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip()])
        assert await store.count(space, where) == 0
        assert await store.vector_search(space, make_clip().vector, where=where) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        ClipFilter(start_after_sec=number).to_sql()


def test_a_filter_that_asks_nothing_is_empty() -> None:
    assert ClipFilter().to_sql() == ""
