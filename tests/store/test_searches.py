from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import Clip, ClipFilter, ClipStore, Space, VectorIndex
from soundbite_store.lance.indexes import WANTED_RECALL, plan_search

MakeClip = Callable[..., Clip]


def axis(index: int, other: int | None = None) -> np.ndarray:
    vector = np.zeros(16, dtype=np.float32)
    vector[index] = 1.0
    if other is not None:
        vector[other] = 1.0
    return vector


def clusters(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Vectors as sounds have them: without structure no index can know where to look."""
    centres = rng.normal(size=(40, 16))
    return (centres[rng.integers(0, 40, rows)] + rng.normal(size=(rows, 16)) * 0.3).astype(np.float32)


async def test_the_score_is_the_cosine_whatever_the_lengths(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    vectors = [axis(0) * 7, axis(0, 1) * 0.01, axis(1), -axis(0)]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index, vector=vector) for index, vector in enumerate(vectors)])
        hits = await store.vector_search(space, axis(0) * 100)
    assert [hit.clip.start_sec for hit in hits] == [0.0, 6.0, 12.0, 18.0]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 2**-0.5, 0.0, -1.0], abs=1e-6)


async def test_a_clip_found_by_several_options_is_answered_once_with_its_best_score(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        rows = [
            make_clip(index, embedding_option=option, vector=vector)
            for index in range(4)
            for option, vector in (("audio", axis(0)), ("transcription", axis(0, 1)), ("fused", axis(2)))
        ]
        await store.upsert(space, rows)
        hits = await store.vector_search(space, axis(0), limit=4)
        assert [(hit.clip.start_sec, hit.clip.embedding_option) for hit in hits] == [
            (index * 6.0, "audio") for index in range(4)
        ]
        only = await store.vector_search(space, axis(0), where=ClipFilter(embedding_option="fused"))
        assert {hit.clip.embedding_option for hit in only} == {"fused"}


async def test_words_are_found_in_transcripts_and_sound_words_and_add_up(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(
            space,
            [
                make_clip(0, transcript="the river runs"),
                make_clip(1, sound_words="siren alarm"),
                make_clip(2, transcript="a river", sound_words="siren"),
                make_clip(3, transcript="nothing of it"),
            ],
        )
        hits = await store.text_search(space, "River SIREN")
    assert hits[0].clip.start_sec == 12.0
    assert {hit.clip.start_sec for hit in hits} == {0.0, 6.0, 12.0}
    assert all(hit.score > 0 for hit in hits)


async def test_words_of_any_script_are_found(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    texts = ["naïve idea", "東京 に 行く", "don't stop", "Straße"]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index, transcript=text) for index, text in enumerate(texts)])
        answers = {
            query: [hit.clip.transcript for hit in await store.text_search(space, query)]
            for query in ("naive", "東京", "don't")
        }
    assert answers == {"naive": ["naïve idea"], "東京": ["東京 に 行く"], "don't": ["don't stop"]}


@pytest.mark.parametrize(
    "text", ["", "   ", '"', '"open', "AND", "a AND (", "***", "+-:^~?[]{}", "nul\x00byte", "w " * 5_000, "\\'"]
)
async def test_no_text_makes_a_text_search_fail(tmp_path: Path, space: Space, make_clip: MakeClip, text: str) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(transcript="something else")])
        assert await store.text_search(space, text) == []


async def test_a_limit_below_one_answers_nothing(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(transcript="word")])
        assert await store.vector_search(space, axis(0), limit=0) == []
        assert await store.text_search(space, "word", limit=-1) == []
        assert await store.clips(space, limit=0) == []


async def test_a_large_table_gets_an_index_that_keeps_scores_exact_and_recall_high(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    vectors = clusters(np.random.default_rng(7), 6_000)
    clips = [
        make_clip(index, f"a_{index % 50}", vector=vector, tags=("even",) * (index % 2 == 0))
        for index, vector in enumerate(vectors)
    ]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        assert await store.optimise(space)
        answers = total = 0
        for query in vectors[:20]:
            exact = await store.vector_search(space, query, exact=True)
            near = await store.vector_search(space, query)
            known = {hit.clip.clip_id: hit.score for hit in exact}
            total += len(known)
            for hit in near:
                if hit.clip.clip_id in known:
                    answers += 1
                    assert hit.score == pytest.approx(known[hit.clip.clip_id], abs=1e-5)
        tagged = ClipFilter(tags_any=("even",), asset_ids=("a_2", "a_4"))
        filtered = await store.vector_search(space, vectors[0], where=tagged, limit=500)
    assert answers / total >= 0.95
    assert {hit.clip.asset_id for hit in filtered} == {"a_2", "a_4"}
    assert len(filtered) == 240


async def test_the_index_knows_how_well_it_finds_and_is_built_anew_when_outgrown(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    rng = np.random.default_rng(3)
    first, later = clusters(rng, 5_000), clusters(rng, 15_000)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index, vector=vector) for index, vector in enumerate(first)])
        assert (await store.spaces())[0].index is None
        assert await store.optimise(space)
        built = (await store.spaces())[0].index
        assert built is not None
        assert built.rows == 5_000
        assert built.recall >= 0.95
        await store.upsert(space, [make_clip(index, "a_2", vector=vector) for index, vector in enumerate(later)])
        assert await store.optimise(space)
    async with await ClipStore.open(tmp_path) as store:
        rebuilt = (await store.spaces())[0].index
        assert rebuilt is not None
        assert rebuilt.rows == 20_000
        await store.upsert(space, [make_clip(0, "a_3", transcript="written after the index was noted")])
        assert await store.count(space) == 20_001


async def test_a_search_of_all_options_still_finds_as_many_clips_when_each_has_six_rows(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    async with await ClipStore.open(tmp_path) as store:
        rows = [
            make_clip(index, embedding_option=option, embedding_scope=scope, vector=axis(0), transcript="word")
            for index in range(4)
            for option in ("audio", "transcription", "fused")
            for scope in ("clip", "asset")
        ]
        await store.upsert(space, rows)
        assert len(await store.vector_search(space, axis(0), limit=4)) == 4
        assert len(await store.text_search(space, "word", limit=4)) == 4


@pytest.mark.parametrize(
    ("rows", "matches", "is_exact", "nprobes"),
    [
        (4_999, 4_999, True, 0),
        (100_000, 20_000, True, 0),
        (100_000, 100_000, False, 20),
        (100_000, 50_000, False, 20),
        (100_000, 30_000, False, 60),
        (1_000_000, 30_000, False, 160),
        (1_000_000, 10_000, True, 0),
    ],
)
def test_the_number_of_matches_decides_between_a_scan_and_the_index(
    rows: int, matches: int, is_exact: bool, nprobes: int
) -> None:
    plan = plan_search(VectorIndex(rows, nprobes=20, candidates=100, recall=1.0), rows, matches)
    assert (plan.exact, plan.nprobes) == (is_exact, nprobes)
    assert plan_search(None, rows, matches).exact


async def test_a_search_compares_no_more_candidates_than_find_enough(tmp_path: Path, make_clip: MakeClip) -> None:
    rng, space = np.random.default_rng(5), Space("easy", 64)
    alike = np.repeat(rng.normal(size=(500, 64)), 10, axis=0)  # ten of each, far from all others
    apart = (alike + rng.normal(size=alike.shape) * 0.05).astype(np.float32)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index, vector=vector) for index, vector in enumerate(apart)])
        await store.optimise(space)
        index = (await store.spaces())[0].index
        assert index is not None
        assert index.recall >= WANTED_RECALL
        assert index.candidates < 100
