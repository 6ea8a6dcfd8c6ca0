"""LanceDB's search and the copy in memory give one answer to any question."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundbite_store import AssetSpeaker, Clip, ClipFilter, ClipHit, ClipStore, Space, clip_id_for
from soundbite_store.filters import EQUALS
from soundbite_store.lance.places import FOLDER
from soundbite_store.lance.search import ClipSearch, LanceSearch
from soundbite_store.rows import CLIP_COLUMNS

SPACE = Space("test-space-1", 16)
ROWS = 300
ALL = 2 * ROWS
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASSETS = ("a_0", "a_1'", "a_2", "\u6771", "a_4")
VALUES = {
    "content_hash": ("hash of a_0", "hash of a_1'", "hash of a_2"),
    "task_id": ("t_1", "t\\2", "t_3' OR '1'='1"),
    "segmentation": ("fixed:6", "natural", ""),
    "embedding_option": ("audio", "transcription", "fused"),
    "embedding_scope": ("clip", "asset"),
    "language": ("en", "fr", None),
    "speaker": ("1", "it's", None),
}
TAGS = ("one", "it's", "two words", "\u6771", "")
# Of scripts that are cut by a dictionary the copy in memory does not count the words, which moves all scores a little.
WORDS = ("river", "bank", "Siren", "sea", "don't", "caf\u00e9", "3.5", "e.g.", "Stra\u00dfe", "_x_", "naive")


def made(number: int) -> Clip:
    """A clip whose values, drawn from few, meet many filters."""
    rng = random.Random(number)
    asset_id, start = rng.choice(ASSETS), rng.randrange(40) * 1.5
    end = start + rng.choice((0.1, 1.5, 6.0))
    fields: dict[str, Any] = {name: rng.choice(values) for name, values in VALUES.items()}
    vector = np.random.default_rng(number).normal(size=SPACE.dimension).astype(np.float32)
    if fields["embedding_option"] != "fused":  # in a space of blocks an option leaves the others at zero
        vector[: SPACE.dimension // 2] = 0.0
    return Clip(
        **fields,
        clip_id=clip_id_for(asset_id, start, end),
        asset_id=asset_id,
        title="",
        source_uri=f"file:///{number}.wav",
        start_sec=start,
        end_sec=end,
        transcript=" ".join(rng.choices(WORDS, k=rng.randrange(9))),
        sound_words="; ".join(rng.choices(WORDS, k=rng.randrange(3))),
        tags=tuple(rng.sample(TAGS, rng.randrange(4))),
        metadata_json="{}",
        created_at=NOON + timedelta(minutes=rng.randrange(40)),
        vector=vector,
    )


@dataclass(frozen=True)
class Searches:
    """One table, searched in both ways on a loop of their own."""

    runner: asyncio.Runner
    lance: LanceSearch
    memory: ClipSearch

    def both(self, ask: Callable[[ClipSearch], Any]) -> tuple[Any, Any]:
        """What the two answer."""

        async def answers() -> tuple[Any, Any]:
            return await ask(self.lance), await ask(self.memory)

        return self.runner.run(answers())


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searches]:
    folder = tmp_path_factory.mktemp("agreement")

    async def opened() -> tuple[ClipStore, LanceSearch, ClipSearch]:
        store = await ClipStore.open(folder)
        await store.upsert(SPACE, [made(number) for number in range(ROWS)])
        await store.optimise(SPACE)  # LanceDB scores words it has not indexed yet by other counts
        table = await store.connection.table_for_writing(SPACE)
        resident = await table.resident()
        assert resident is not None
        return store, LanceSearch(table.facts, CLIP_COLUMNS, FOLDER), resident

    with asyncio.Runner() as runner:
        store, lance, memory = runner.run(opened())
        yield Searches(runner, lance, memory)
        runner.run(store.aclose())


def some(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Values that there are, now and then with any others."""
    return st.lists(st.sampled_from(values) | texts, max_size=4).map(tuple)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
seconds = st.integers(-1, 45).map(lambda number: number * 1.5) | st.floats(allow_nan=False, allow_infinity=False)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
moments = st.integers(-5, 45).map(lambda minute: NOON + timedelta(minutes=minute)) | st.datetimes(timezones=zones)
clip_ids = some(sorted({made(number).clip_id for number in range(ROWS)}))
conditions = {
    "clip_ids": clip_ids,
    "exclude_clip_ids": clip_ids,
    "asset_ids": some(ASSETS),
    **{name: st.sampled_from(VALUES.get(name, ("",))) | texts for name in EQUALS},
    "tags_any": some(TAGS),
    "speakers_any": some(("1", "it's", "2")),
    "speakers_in": st.lists(
        st.builds(AssetSpeaker, st.sampled_from(ASSETS), st.sampled_from(["1", "it's", "2", None])), max_size=4
    ).map(tuple),
    **dict.fromkeys(("start_after_sec", "end_before_sec", "ends_after_sec", "starts_before_sec"), seconds),
    "min_seconds": st.sampled_from([0.0, 0.1, 1.5, 6.0]) | seconds,
    "created_after": moments,
    "share": st.floats(0.0, 1.0),
}
# Few conditions at once: most of many let nothing through.
filters = (
    st.lists(st.sampled_from(sorted(conditions)), unique=True, max_size=3)
    .flatmap(lambda names: st.fixed_dictionaries({name: conditions[name] for name in names}))
    .map(lambda chosen: ClipFilter(**chosen))
)
vectors = st.integers(0, 1_000).map(
    lambda seed: np.random.default_rng(seed).normal(size=SPACE.dimension).astype(np.float32)
)
letters = st.characters(max_codepoint=0x17F)  # those of which `is_simple` is sure
questions = st.lists(st.sampled_from(WORDS) | st.text(letters, max_size=6), min_size=1, max_size=4)
counts = st.sampled_from([1, 7, 40, ALL])


def agree(read: list[ClipHit], known: list[ClipHit], count: int) -> None:
    """The same clips with the same scores; of equal scores at the end either may be left out."""
    scores = [sorted((hit.score for hit in hits), reverse=True) for hits in (read, known)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)
    worst = min(scores[0], default=0.0) + 1e-4 if len(read) == count else -2.0
    above = [Counter(hit.clip for hit in hits if hit.score > worst) for hits in (read, known)]
    assert above[0] == above[1]


@given(where=filters)
def test_a_filter_lets_the_same_rows_through(searches: Searches, where: ClipFilter) -> None:
    vector = np.eye(1, SPACE.dimension, dtype=np.float32)[0]
    read, known = searches.both(lambda search: search.nearest(vector, where, ALL))
    assert Counter(hit.clip for hit in read) == Counter(hit.clip for hit in known)


@given(where=filters, vector=vectors, count=counts)
def test_the_nearest_rows_are_the_same(
    searches: Searches, where: ClipFilter, vector: NDArray[np.float32], count: int
) -> None:
    unit = vector / np.linalg.norm(vector)
    read, known = searches.both(lambda search: search.nearest(unit, where, count))
    agree(read, known, count)


@given(where=filters, words=questions, vector=vectors)
def test_the_rows_that_hold_words_are_the_same_and_so_are_their_cosines(
    searches: Searches, where: ClipFilter, words: list[str], vector: NDArray[np.float32]
) -> None:
    question, unit = " ".join(words).replace("\0", " ").strip(), vector / np.linalg.norm(vector)
    if question:
        read, known = searches.both(lambda search: search.holding(question, where, ALL, unit))
        agree(read, known, ALL)
        as_nearest = [[ClipHit(hit.clip, hit.cosine or -2.0) for hit in hits] for hits in (read, known)]
        agree(*as_nearest, ALL)
