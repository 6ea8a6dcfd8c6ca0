"""The clip store in a bucket: the same promises without locks and without a disk to sync."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from clip_writer import SPACE, clip
from s3_service import S3Service, free_port

from soundbite_store import ClipFilter, ClipStore, StoreAccess, StoreUnavailable
from soundbite_store.lance.connection import StoreConnection, create_indexes, create_or_open
from soundbite_store.lance.indexes import has_text_indexes
from soundbite_store.lance.schema import clips_schema

WRITER = Path(__file__).parents[1] / "store" / "clip_writer.py"
WAIT_S = 120


async def start_writer(bucket: str, *arguments: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), bucket, *arguments, stdin=PIPE, stdout=PIPE
    )
    assert await read_line(process) == "ready"
    return process


async def read_line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), WAIT_S)).decode().strip()


async def stored_rows(bucket: str, access: StoreAccess) -> Counter[tuple[str, float]]:
    async with await ClipStore.open(bucket, access=access) as store:
        return Counter((row.asset_id, row.start_sec) for row in await store.clips(SPACE, limit=10_000))


def test_the_service_refuses_to_overwrite_what_must_be_new(s3: S3Service, bucket: str) -> None:
    """Commits rest on this; a service that ignored the condition would make the tests below meaningless."""
    target = f"{s3.address}/{bucket.split('/')[2]}/once"
    # Any signature will do, but an anonymous caller is refused before the condition is looked at.
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, Signature=0"}
    condition = signed | {"If-None-Match": "*"}
    assert httpx.put(target, content=b"first", headers=condition).status_code == 200
    assert httpx.put(target, content=b"second", headers=condition).status_code == 412
    assert httpx.get(target, headers=signed).content == b"first"


async def test_clips_in_a_bucket_are_written_found_changed_and_deleted(bucket: str, access: StoreAccess) -> None:
    async with await ClipStore.open(bucket, access=access) as store:
        clips = [clip(index, "a_1") for index in range(4)] + [clip(9, "a_2")]
        assert (await store.upsert(SPACE, clips)).inserted == 5
        assert (await store.upsert(SPACE, clips)).inserted == 0
        # Its own writes are seen at once, whatever the interval for those of others.
        assert await store.count(SPACE) == 5
        assert (await store.vector_search(SPACE, clips[2].vector, limit=1))[0].clip.start_sec == 2.0
        assert [hit.clip.start_sec for hit in await store.text_search(SPACE, "word3")] == [3.0]
        assert await store.update_asset("a_2", title="It's new", tags=["o'clock"]) == 1
        [changed] = await store.clips(SPACE, ClipFilter(asset_ids=("a_2",)))
        assert (changed.title, changed.tags) == ("It's new", ("o'clock",))
        replaced = await store.upsert(SPACE, [clip(7, "a_1")], replace_assets=True)
        assert (replaced.inserted, replaced.deleted) == (1, 4)
        assert await store.delete_asset("a_2") == 1
        assert await store.optimise(SPACE)
        scan = await store.scan(SPACE)
        assert scan is not None
        assert (scan.rows, scan.is_sound) == (1, True)
        [info] = await store.spaces()
        assert (info.space, info.clips) == (SPACE, 1)


async def test_two_machines_that_write_one_recording_at_once_leave_each_clip_once(
    bucket: str, access: StoreAccess
) -> None:
    # The table does not exist yet: they race for making it, too.
    writers = await asyncio.gather(*(start_writer(bucket, "0", "6", "a_1") for _ in range(2)))
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
    await asyncio.wait_for(asyncio.gather(*(writer.communicate() for writer in writers)), WAIT_S)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert await stored_rows(bucket, access) == {("a_1", float(index)): 1 for index in range(6)}


async def test_rows_written_between_the_look_and_the_making_of_a_table_stay(
    bucket: str, access: StoreAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What LanceDB does when a table comes in between is forced here: it commits the empty table over the other one."""
    slow = StoreConnection(bucket, None, None, access)
    database = await slow.database()
    create = database.create_table

    async def create_late(name: str, **options: Any) -> Any:
        async with await ClipStore.open(bucket, access=access) as quick:
            await quick.upsert(SPACE, [clip(index, "a_1") for index in range(3)])
        return await create(name, mode="overwrite", **options)

    monkeypatch.setattr(database, "create_table", create_late)
    table = await slow.table_for_writing(SPACE)
    assert table.space == SPACE
    await slow.close()
    assert await stored_rows(bucket, access) == {("a_1", float(index)): 1 for index in range(3)}
    async with await ClipStore.open(bucket, access=access) as store:
        assert [hit.clip.start_sec for hit in await store.text_search(SPACE, "word2")] == [2.0]


async def test_indexes_that_two_machines_make_at_once_are_made(bucket: str, access: StoreAccess) -> None:
    connections = [StoreConnection(bucket, None, None, access) for _ in range(2)]
    handles = [
        await create_or_open(await connection.database(), SPACE.table_name, clips_schema(SPACE), "row_id")
        for connection in connections
    ]
    # Both handles are older than the table now: their first commits meet a transaction they can't be merged with.
    database = await connections[0].database()
    await database.create_table(SPACE.table_name, schema=clips_schema(SPACE), mode="overwrite")
    await asyncio.gather(*map(create_indexes, handles))
    for handle in handles:
        await handle.checkout_latest()
        assert await has_text_indexes(handle)
    for connection in connections:
        await connection.close()


async def test_stores_that_collide_lose_and_double_nothing(bucket: str, access: StoreAccess) -> None:
    """The interleaving is forced: four connections, which share no lock, commit the same and different keys at once."""
    stores = [await ClipStore.open(bucket, access=access) for _ in range(4)]
    await stores[0].upsert(SPACE, [clip(99, "before")])
    for step in range(2):
        same = [clip(step, "same")]
        writes = [store.upsert(SPACE, [*same, clip(step, f"own{n}")]) for n, store in enumerate(stores)]
        await asyncio.gather(*writes)
    for store in stores:
        await store.aclose()
    rows = await stored_rows(bucket, access)
    assert set(rows.values()) == {1}
    assert len(rows) == 1 + 2 * (1 + len(stores))


async def test_a_killed_machine_loses_nothing_it_had_acknowledged(bucket: str, access: StoreAccess) -> None:
    writer = await start_writer(bucket, "0", "0", "a_1", "--forever")
    assert writer.stdin is not None
    writer.stdin.write(b"go\n")
    acknowledged = [float(await read_line(writer)) for _ in range(3)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = await asyncio.wait_for(writer.communicate(), WAIT_S)
    acknowledged += [float(line) for line in rest.split()]
    rows = await stored_rows(bucket, access)
    assert set(rows.values()) == {1}
    assert {start for _, start in rows} >= set(acknowledged)


async def test_a_missing_bucket_is_named_with_the_setting(s3_environment: dict[str, str], access: StoreAccess) -> None:
    async with await ClipStore.open("s3://no-such-bucket/library", access=access) as store:
        with pytest.raises(StoreUnavailable, match=r"s3://no-such-bucket/library.*SOUNDBITE_STORE"):
            await store.warm()


async def test_an_endpoint_nobody_answers_at_is_named_with_its_variable(s3_environment: dict[str, str]) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    async with await ClipStore.open("s3://bucket/library", access=StoreAccess(endpoint=endpoint)) as store:
        with pytest.raises(StoreUnavailable, match=r"s3://bucket/library.*AWS_ENDPOINT_URL"):
            await asyncio.wait_for(store.warm(), WAIT_S)
