from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import (
    BadVector,
    Clip,
    ClipFilter,
    ClipStore,
    Space,
    SpaceInfo,
    StoredClip,
    UpsertResult,
    clip_id_for,
)

MakeClip = Callable[..., Clip]


async def test_the_same_clips_written_twice_are_there_once(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    clips = [make_clip(index) for index in range(5)]
    async with await ClipStore.open(tmp_path) as store:
        assert await store.upsert(space, clips) == UpsertResult(inserted=5, updated=0, deleted=0)
        assert await store.upsert(space, clips) == UpsertResult(inserted=0, updated=5, deleted=0)
        assert await store.count(space) == 5


async def test_one_batch_may_hold_a_clip_twice_and_the_later_one_stays(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(title="old"), make_clip(title="new")])
        assert [clip.title for clip in await store.clips(space)] == ["new"]


async def test_replacing_an_asset_removes_its_other_clips_and_no_one_elses(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index) for index in range(4)])
        await store.upsert(space, [make_clip(0, "a_2")])
        result = await store.upsert(space, [make_clip(0), make_clip(9, segmentation="natural")], replace_assets=True)
        assert result == UpsertResult(inserted=1, updated=1, deleted=3)
        clips = await store.clips(space)
    assert [(clip.asset_id, clip.start_sec) for clip in clips] == [("a_1", 0.0), ("a_1", 54.0), ("a_2", 0.0)]


async def test_every_field_comes_back_as_it_was_written(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    hostile = "it's \\' \"; DROP -- \x00 \n 東京 %"
    written = make_clip(
        3,
        title=hostile,
        transcript=hostile,
        source_uri=hostile,
        tags=(hostile, "plain"),
        metadata_json='{"a": "\'"}',
    )
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [written])
        [read] = await store.embeddings(space)
    fields = set(StoredClip.__dataclass_fields__)
    assert {name: getattr(read, name) for name in fields} == {name: getattr(written, name) for name in fields}
    assert np.allclose(read.vector, written.vector / np.linalg.norm(written.vector), atol=1e-6)


async def test_vectors_are_stored_with_unit_length(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(vector=np.full(16, 40.0, dtype=np.float32))])
        [read] = await store.embeddings(space)
    assert np.linalg.norm(read.vector) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        (np.zeros(16), "zero"),
        (np.full(16, np.nan), "NaN"),
        (np.full(16, np.inf), "infinite"),
        (np.ones(15), "16 numbers"),
        (np.ones((2, 16)), "16 numbers"),
    ],
)
async def test_a_vector_that_can_match_nothing_is_refused_on_both_sides(
    tmp_path: Path, space: Space, make_clip: MakeClip, vector: np.ndarray, reason: str
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip()])
        with pytest.raises(BadVector, match=reason):
            await store.upsert(space, [make_clip(1), make_clip(2, vector=vector)])
        with pytest.raises(BadVector, match=reason):
            await store.vector_search(space, vector)
        assert await store.count(space) == 1


async def test_an_asset_is_renamed_and_retagged_in_every_space(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    other = Space("another", 16)
    async with await ClipStore.open(tmp_path) as store:
        for written_space in (space, other):
            await store.upsert(written_space, [make_clip(), make_clip(0, "a_2")])
        assert await store.update_asset("a_1", title="It's \\'", tags=("x'y", "\\"), metadata_json="[]") == 2
        for written_space in (space, other):
            [renamed] = await store.clips(written_space, ClipFilter(asset_ids=("a_1",)))
            assert (renamed.title, renamed.tags, renamed.metadata_json) == ("It's \\'", ("x'y", "\\"), "[]")
            [untouched] = await store.clips(written_space, ClipFilter(asset_ids=("a_2",)))
            assert untouched.title == "Title of a_2"
        await store.update_asset("a_1", tags=())
        assert (await store.clips(space, ClipFilter(asset_ids=("a_1",))))[0].tags == ()


async def test_a_deleted_asset_is_gone_from_every_space(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    other = Space("another", 16)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0), make_clip(1), make_clip(0, "a_2")])
        await store.upsert(other, [make_clip(0)])
        assert await store.delete_asset("a_1") == 3
        assert await store.delete_asset("a_1") == 0
        assert await store.spaces() == [SpaceInfo(other, 0, 0, 0), SpaceInfo(space, 1, 1, 1)]


async def test_spaces_count_embeddings_clips_and_assets_apart(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        assert await store.spaces() == []
        options = ("audio", "transcription")
        await store.upsert(
            space, [make_clip(index, embedding_option=option) for index in range(3) for option in options]
        )
        assert await store.spaces() == [SpaceInfo(space, embeddings=6, clips=3, assets=1)]
        await store.upsert(space, [make_clip(0, "a_2")])
        assert await store.spaces() == [SpaceInfo(space, embeddings=7, clips=4, assets=2)]


async def test_a_space_nobody_wrote_to_reads_as_empty(tmp_path: Path, space: Space) -> None:
    async with await ClipStore.open(tmp_path) as store:
        assert await store.vector_search(space, np.ones(16)) == []
        assert await store.text_search(space, "word") == []
        assert await store.clips(space) == []
        assert await store.count(space) == 0
        assert not await store.has_clips(space)
        assert await store.delete_asset("a_1") == 0
        assert not await store.optimise(space)


async def test_pages_of_clips_follow_each_other_without_gap_or_overlap(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index) for index in reversed(range(7))])
        await store.upsert(space, [make_clip(0, "a_0")])
        pages = [await store.clips(space, limit=3, offset=offset) for offset in (0, 3, 6)]
    rows = [(clip.asset_id, clip.start_sec) for page in pages for clip in page]
    assert rows == [("a_0", 0.0), *(("a_1", index * 6.0) for index in range(7))]


async def test_writes_gathered_on_one_store_all_arrive(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await asyncio.gather(*(store.upsert(space, [make_clip(index % 5, f"a_{index // 10}")]) for index in range(20)))
        assert await store.count(space) == 10


async def test_cancelling_a_caller_does_not_cancel_its_write(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    store = await ClipStore.open(tmp_path)
    await store.upsert(space, [make_clip(0)])
    caller = asyncio.create_task(store.upsert(space, [make_clip(1)]))
    await asyncio.sleep(0)  # let the write begin
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await store.aclose()
    async with await ClipStore.open(tmp_path) as reopened:
        assert await reopened.count(space) == 2


async def test_optimising_keeps_every_clip_findable(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        for index in range(6):
            await store.upsert(space, [make_clip(index, transcript=f"word{index} common")])
        assert await store.optimise(space)
        assert len(await store.text_search(space, "common")) == 6
        assert [hit.clip.start_sec for hit in await store.text_search(space, "word4")] == [24.0]
        [best] = await store.vector_search(space, make_clip(2).vector, limit=1)
        assert best.clip.start_sec == 12.0


def test_a_clip_id_depends_on_the_asset_and_the_span_alone() -> None:
    same = {clip_id_for("a_1", 0.0, 6.0), clip_id_for("a_1", 0.0001, 5.9999)}
    others = {clip_id_for("a_1", 0.0, 6.001), clip_id_for("a_2", 0.0, 6.0), clip_id_for("a_", 10.0, 6.0)}
    assert len(same) == 1
    assert len(same | others) == 4


def test_the_row_key_tells_every_kind_of_embedding_apart(make_clip: MakeClip, space: Space) -> None:
    clip = make_clip()
    variants = [
        clip,
        replace(clip, embedding_option="fused"),
        replace(clip, embedding_scope="asset"),
        replace(clip, segmentation="natural"),
        replace(clip, end_sec=6.5),
        replace(clip, asset_id="a_2"),
    ]
    assert len({variant.row_id(space) for variant in variants}) == len(variants)
    assert clip.row_id(space) != clip.row_id(Space("other", 16))
    moved = replace(clip, title="other", task_id="t_9", created_at=datetime.now(UTC))
    assert moved.row_id(space) == clip.row_id(space)


def test_space_ids_that_are_no_plain_names_get_tables_of_their_own() -> None:
    ids = ["Soundbite/1", "soundbite-1", "soundbite 1", "../soundbite-1", "x" * 200, "x" * 201, "日本"]
    names = {Space(space_id, 512).table_name for space_id in ids}
    assert len(names) == len(ids)
    assert all(name.isascii() and "/" not in name and len(name) < 90 for name in names)
    assert Space("soundbite-base-2", 512).table_name == "clips__soundbite-base-2__512"
