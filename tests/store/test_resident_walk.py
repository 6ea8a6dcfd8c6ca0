"""A long random life of a table: at every step, a reader that holds the clips in memory finds what the disk holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import Clip, ClipFilter, ClipHit, ClipStore, Space
from soundbite_store.resident import index as resident_index

MakeClip = Callable[..., Clip]
STEPS = 40
ASSETS = [f"a_{number}" for number in range(5)]
WORDS = ["river", "bank", "siren", "sea"]
FILTERS = [
    ClipFilter(),
    ClipFilter(asset_ids=("a_1", "a_2")),
    ClipFilter(tags_any=("late",)),
    ClipFilter(start_after_sec=60.0),
]


class Life:
    """Draws the next thing that happens to the table."""

    def __init__(self, seed: int, store: ClipStore, space: Space, make_clip: MakeClip) -> None:
        self._rng = random.Random(seed)
        self._store = store
        self._space = space
        self._make = make_clip

    def _clips(self, asset_id: str) -> list[Clip]:
        text = " ".join(self._rng.choices(WORDS, k=3))
        first, count = self._rng.randrange(20), self._rng.randint(1, 6)
        return [
            self._make(
                index, asset_id, transcript=text, vector=np.random.default_rng(self._rng.randrange(999)).normal(size=16)
            )
            for index in range(first, first + count)
        ]

    async def step(self) -> str:
        """Do it; returns what it was."""
        asset_id = self._rng.choice(ASSETS)
        kinds = ("add", "replace", "retag", "remove", "optimise")
        [kind] = self._rng.choices(kinds, weights=(8, 3, 3, 2, 2))
        if kind in ("add", "replace"):
            await self._store.upsert(self._space, self._clips(asset_id), replace_assets=kind == "replace")
        elif kind == "retag":
            await self._store.update_asset(asset_id, title=self._rng.choice(WORDS), tags=["late"])
        elif kind == "remove":
            await self._store.delete_asset(asset_id)
        else:
            await self._store.optimise(self._space)
        return f"{kind} {asset_id}"


Answers = list[list[tuple[object, ...]]]


async def near(store: ClipStore, space: Space) -> Answers:
    query = np.random.default_rng(5).normal(size=16)
    return [shown(await store.vector_search(space, query, where=where, limit=1_000)) for where in FILTERS]


async def by_words(store: ClipStore, space: Space) -> Answers:
    return [shown(await store.text_search(space, "river sea", where=where, limit=1_000)) for where in FILTERS]


def shown(hits: list[ClipHit]) -> list[tuple[object, ...]]:
    return sorted((hit.clip.clip_id, hit.clip.title, hit.clip.tags, hit.score) for hit in hits)


def without_scores(answers: Answers) -> Answers:
    return [[row[:-1] for row in answer] for answer in answers]


def scores(answers: Answers) -> list[object]:
    return [row[-1] for answer in answers for row in answer]


@pytest.mark.parametrize(
    ("seed", "most_at_once", "vector_bytes"), [(1, 2_000, 100_000), (2, 3, 100_000), (3, 2_000, 0), (4, 3, 3_000)]
)
async def test_a_reader_that_lives_with_a_table_finds_what_is_there(
    tmp_path: Path,
    space: Space,
    make_clip: MakeClip,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    most_at_once: int,
    vector_bytes: int,
) -> None:
    monkeypatch.setattr(resident_index, "MOST_VECTOR_BYTES", vector_bytes)
    monkeypatch.setattr(resident_index, "READ_AT_ONCE", most_at_once)
    monkeypatch.setattr(resident_index, "MAY_LAG_S", 0.0)  # the writer is another store
    was_held = 0
    async with await ClipStore.open(tmp_path) as writer, await ClipStore.open(tmp_path) as reader:
        life = Life(seed, writer, space, make_clip)
        await writer.upsert(space, [make_clip(0, "a_0", transcript="river")])
        for number in range(STEPS):
            what = f"step {number}: {await life.step()}"
            seen_near, seen_by_words = await near(reader, space), await by_words(reader, space)
            table = await reader.connection.table(space)
            assert table
            is_held = await table.resident() is not None
            was_held += is_held
            with monkeypatch.context() as patch:
                patch.setattr(resident_index, "MOST_ROWS", -1)
                async with await ClipStore.open(tmp_path) as disk:
                    read_near = await near(disk, space)
                    assert without_scores(seen_near) == without_scores(read_near), what
                    assert scores(seen_near) == pytest.approx(scores(read_near), abs=1e-5), what
                    # LanceDB scores what its index has not taken in yet by other counts than the rest.
                    assert without_scores(seen_by_words) == without_scores(await by_words(disk, space)), what
            if is_held and most_at_once > STEPS:
                async with await ClipStore.open(tmp_path) as new:
                    assert scores(seen_by_words) == pytest.approx(scores(await by_words(new, space)), abs=1e-5), what
            await table.wait_for_copy()
    assert was_held > STEPS // 4
