"""The clip store in a database of the LanceDB service: what is sent, and what is left to the service."""

from __future__ import annotations

import pytest
from clip_writer import SPACE, clip
from lancedb_service import KEY, LanceDBService
from s3_service import free_port

from soundbite_store import ClipFilter, ClipStore, StoreAccess, StoreUnavailable

URI = "db://recordings"
INDEXED = (
    *("transcript", "sound_words", "embedding_option", "embedding_scope", "tags", "vector"),
    *("asset_id", "clip_id", "content_hash", "task_id", "created_at", "language", "speaker"),
)


@pytest.fixture
def access(lancedb_service: LanceDBService) -> StoreAccess:
    return StoreAccess(api_key=KEY, host=lancedb_service.address)


async def test_clips_are_written_found_changed_and_deleted(access: StoreAccess) -> None:
    async with await ClipStore.open(URI, access=access) as store:
        clips = [clip(index, "a_1") for index in range(4)] + [clip(9, "a_2")]
        assert await store.count(SPACE) == 0
        assert (await store.upsert(SPACE, clips)).inserted == 5
        assert (await store.upsert(SPACE, clips)).inserted == 0
        assert await store.count(SPACE) == 5
        assert (await store.vector_search(SPACE, clips[2].vector, limit=1))[0].clip.start_sec == 2.0
        assert [hit.clip.start_sec for hit in await store.text_search(SPACE, "word3")] == [3.0]
        assert await store.update_asset("a_2", title="It's new", tags=["o'clock"]) == 1
        [changed] = await store.clips(SPACE, ClipFilter(asset_ids=("a_2",)))
        assert (changed.title, changed.tags) == ("It's new", ("o'clock",))
        replaced = await store.upsert(SPACE, [clip(7, "a_1")], replace_assets=True)
        assert (replaced.inserted, replaced.deleted) == (1, 4)
        assert await store.delete_asset("a_2") == 1
        [info] = await store.spaces()
        assert (info.space, info.clips, info.assets) == (SPACE, 1, 1)
        scan = await store.scan(SPACE)
        assert scan is not None
        assert (scan.rows, scan.is_sound) == (1, True)


async def test_another_machine_reads_what_the_first_one_wrote(access: StoreAccess) -> None:
    async with await ClipStore.open(URI, access=access) as first, await ClipStore.open(URI, access=access) as second:
        await first.upsert(SPACE, [clip(0, "a_1")])
        assert [info.space for info in await second.spaces()] == [SPACE]
        await second.upsert(SPACE, [clip(0, "a_1"), clip(1, "a_1")])
        assert await first.count(SPACE) == 2


async def test_upkeep_is_left_to_the_service(access: StoreAccess, lancedb_service: LanceDBService) -> None:
    async with await ClipStore.open(URI, access=access) as store:
        await store.upsert(SPACE, [clip(index, "a_1") for index in range(4)])
        assert not await store.optimise(SPACE)
    sent = {call.rsplit("/", 2)[1] for call in lancedb_service.calls}
    assert "optimize" not in sent
    assert "merge_insert" in sent


async def test_a_large_table_is_searched_through_the_index_the_service_was_asked_for(
    access: StoreAccess, lancedb_service: LanceDBService
) -> None:
    async with await ClipStore.open(URI, access=access) as store:
        clips = [clip(index, f"a_{index % 50}") for index in range(5_000)]
        await store.upsert(SPACE, clips[:10])
        assert (await store.vector_search(SPACE, clips[3].vector, limit=1))[0].clip.start_sec == 3.0
        assert lancedb_service.queries[-1]["bypass_vector_index"]
        await store.upsert(SPACE, clips)
        await store.optimise(SPACE)
        assert not await store.optimise(SPACE), "what is there is not asked for again"
        asked = [call for call in lancedb_service.calls if call.endswith("/create_index/")]
        assert len(asked) == len(set(INDEXED))
        assert (await store.vector_search(SPACE, clips[4_321].vector, limit=1))[0].clip.start_sec == 4_321.0
        assert "bypass_vector_index" not in lancedb_service.queries[-1]
        assert lancedb_service.queries[-1]["refine_factor"] > 1


async def test_hostile_filter_values_reach_the_service_as_plain_values(access: StoreAccess) -> None:
    hostile = ["' OR 1=1 --", "\\') OR 1=1 --", "a' OR 'a'='a", "\\", "it''s", "\n;DROP TABLE x"]
    async with await ClipStore.open(URI, access=access) as store:
        await store.upsert(SPACE, [clip(index, asset) for index, asset in enumerate(["kept", *hostile])])
        for asset in hostile:
            assert await store.count(SPACE, ClipFilter(asset_ids=(asset,))) == 1
            assert await store.update_asset(asset, title="changed", tags=[asset]) == 1
            assert await store.delete_asset(asset) == 1
        [kept] = await store.clips(SPACE)
        assert (kept.asset_id, kept.title) == ("kept", "title")


async def test_a_conflict_that_the_service_reports_is_tried_again(
    access: StoreAccess, lancedb_service: LanceDBService
) -> None:
    async with await ClipStore.open(URI, access=access) as store:
        await store.upsert(SPACE, [clip(0, "a_1")])
        lancedb_service.failures = [409, 409]
        assert (await store.upsert(SPACE, [clip(1, "a_1")])).inserted == 1
        assert lancedb_service.failures == []


async def test_a_wrong_key_is_named_with_its_variable(lancedb_service: LanceDBService) -> None:
    access = StoreAccess(api_key="sk_wrong", host=lancedb_service.address)
    async with await ClipStore.open(URI, access=access) as store:
        with pytest.raises(StoreUnavailable, match="key") as caught:
            await store.upsert(SPACE, [clip(0, "a_1")])
        assert "sk_wrong" not in str(caught.value)


async def test_a_service_that_does_not_answer_is_named_with_its_variable() -> None:
    access = StoreAccess(api_key=KEY, host=f"http://127.0.0.1:{free_port()}")
    async with await ClipStore.open(URI, access=access) as store:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await store.upsert(SPACE, [clip(0, "a_1")])
