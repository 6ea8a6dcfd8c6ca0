"""A writer that remembers which assets it added never takes an asset of others for a new one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from soundbite_store import Clip, ClipFilter, ClipStore, Space
from soundbite_store.lance import upkeep
from soundbite_store.lance.search import TableFacts

MakeClip = Callable[..., Clip]
STEPS = 60
ASSETS = 6


@pytest.fixture(autouse=True)
def no_tidying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are tidied where a test says so."""
    monkeypatch.setattr(upkeep, "_PAUSE_S", 3_600.0)
    monkeypatch.setattr(upkeep, "_LONGEST_WAIT_S", 3_600.0)


async def keys(store: ClipStore, space: Space) -> list[tuple[str, float]]:
    return sorted([(clip.asset_id, clip.start_sec) for clip in await store.clips(space)])


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_writes_deletes_and_compacts_in_between_each_clip_is_there_once(
    tmp_path: Path, space: Space, make_clip: MakeClip, seed: int
) -> None:
    rng = random.Random(seed)
    there: set[tuple[str, float]] = set()
    async with await ClipStore.open(tmp_path) as one, await ClipStore.open(tmp_path) as other:
        for _ in range(STEPS):
            store = one if rng.random() < 0.8 else other
            asset = f"a_{rng.randrange(ASSETS)}"
            match rng.choices(["upsert", "replace", "delete", "optimise"], [8, 2, 3, 1])[0]:
                case "upsert":
                    clips = [make_clip(rng.randrange(3), asset)]
                    await store.upsert(space, clips)
                    there |= {(asset, clips[0].start_sec)}
                case "replace":
                    await store.upsert(space, [make_clip(0, asset)], replace_assets=True)
                    there = {key for key in there if key[0] != asset} | {(asset, 0.0)}
                case "delete":
                    await store.delete_asset(asset)
                    there = {key for key in there if key[0] != asset}
                case _:
                    await store.optimise(space)
            assert await keys(one, space) == sorted(there)


async def test_a_load_of_new_assets_does_not_look_through_what_it_wrote(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    count = TableFacts.count

    async def counting(self: TableFacts, condition: str = "") -> int:
        asked.append(condition)
        return await count(self, condition)

    async with await ClipStore.open(tmp_path) as store:
        for number in range(2):
            await store.upsert(space, [make_clip(0, f"a_{number}")])
        monkeypatch.setattr(TableFacts, "count", counting)
        for number in range(2, 6):
            assert (await store.upsert(space, [make_clip(0, f"a_{number}")])).inserted == 1
        assert asked == []
        for number in range(6):
            assert (await store.upsert(space, [make_clip(0, f"a_{number}")])).updated == 1
        assert asked != []


async def test_a_version_that_another_process_gave_anew_is_not_taken_for_the_one_known(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    versions = tmp_path / f"{space.table_name}.lance" / "_versions"
    async with await ClipStore.open(tmp_path) as one:
        for number in range(3):
            await one.upsert(space, [make_clip(0, f"a_{number}")])
        # As healing does it: the newest version is set aside, and the next write takes its number.
        newest = min(versions.glob("*.manifest"))
        newest.rename(newest.with_suffix(".corrupt"))
        (versions / "latest_version_hint.json").unlink(missing_ok=True)
        async with await ClipStore.open(tmp_path) as other:
            await other.upsert(space, [make_clip(0, "a_9")])
        assert min(versions.glob("*.manifest")).name == newest.name
        await one.upsert(space, [make_clip(0, "a_9")])
        assert await one.count(space, ClipFilter(asset_ids=("a_9",))) == 1


async def test_what_others_added_between_two_own_writes_is_not_added_again(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as one, await ClipStore.open(tmp_path) as other:
        for number in range(4):
            await one.upsert(space, [make_clip(0, f"a_{number}")])
        await other.upsert(space, [make_clip(0, "a_9")])
        await one.upsert(space, [make_clip(0, "a_4")])
        assert (await one.upsert(space, [make_clip(0, "a_9")])).updated == 1
        await other.delete_asset("a_0")
        assert (await one.upsert(space, [make_clip(0, "a_0")])).inserted == 1
        assert await one.count(space) == 6
