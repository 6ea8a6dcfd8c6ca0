"""Clips held in memory answer as LanceDB does, and as the table is now."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import Clip, ClipFilter, ClipHit, ClipStore, Space, clip_id_for
from soundbite_store.resident import index as resident_index
from soundbite_store.resident.clips import ResidentVectors
from soundbite_store.resident.rows import is_simple, words_of

MakeClip = Callable[..., Clip]
WORDS = ["river", "bank", "siren", "sea", "don't", "café", "naïve", "3.5", "e.g.", "Straße", "co-op", "www.example.com"]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILTERS = [
    ClipFilter(),
    ClipFilter(embedding_option="audio"),
    ClipFilter(embedding_option="transcription", embedding_scope="clip"),
    ClipFilter(embedding_scope="asset"),
    ClipFilter(asset_ids=("a_1", "a_3", "a_none")),
    ClipFilter(asset_ids=()),
    ClipFilter(clip_ids=(*(clip_id_for("a_1", 6.0 * at, 6.0 * at + 6.0) for at in range(40)), "c_none")),
    ClipFilter(clip_ids=("c_none",)),
    ClipFilter(task_id="t_1", segmentation="fixed:6"),
    ClipFilter(content_hash="hash of a_2"),
    ClipFilter(segmentation="natural"),
    ClipFilter(tags_any=("odd", "never")),
    ClipFilter(tags_any=()),
    ClipFilter(start_after_sec=30.0, end_before_sec=66.0),
    ClipFilter(ends_after_sec=30.0, starts_before_sec=42.0),
    ClipFilter(min_seconds=7.0),
    ClipFilter(created_after=NOON),
    ClipFilter(created_after=NOON + timedelta(minutes=20)),
    ClipFilter(share=0.3, embedding_option="audio"),
    ClipFilter(share=1.0),
]


@pytest.fixture
def clips(make_clip: MakeClip) -> list[Clip]:
    rng = random.Random(7)
    made = []
    for number in range(240):
        index, asset_id = number // 4, f"a_{number % 4}"
        options = {"start_sec": index * 6.0, "end_sec": index * 6.0 + (9.0 if number % 5 == 0 else 6.0)}
        common = {
            **options,
            "tags": ("odd", f"tag{number % 3}") if number % 2 else (),
            "created_at": NOON + timedelta(minutes=number % 40),
        }
        text = " ".join(rng.choices(WORDS, k=rng.randint(1, 12)))
        made += [
            make_clip(index, asset_id, **common, sound_words="siren; sea" if number % 7 == 0 else ""),
            make_clip(
                index,
                asset_id,
                **common,
                embedding_option="transcription",
                transcript=text,
                vector=np.random.default_rng(1_000 + number).normal(size=16),
            ),
        ]
    made.append(make_clip(0, "a_9", embedding_scope="asset", embedding_option="fused", segmentation="natural"))
    return made


def of_lance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident_index, "MOST_ROWS", -1)


def rounded(hits: list[ClipHit]) -> list[tuple[str, str, object]]:
    return [(hit.clip.clip_id, hit.clip.embedding_option, pytest.approx(hit.score, abs=1e-5)) for hit in hits]


def scored(hits: list[ClipHit]) -> list[tuple[str, str, object]]:
    return [(hit.clip.clip_id, hit.clip.embedding_option, hit.score) for hit in hits]


async def answers(folder: Path, space: Space, *, is_held: bool) -> dict[str, object]:
    shown = scored if is_held else rounded
    given: dict[str, object] = {}
    async with await ClipStore.open(folder) as store:
        for where in FILTERS:
            query = np.random.default_rng(5).normal(size=16)
            given[f"near {where}"] = shown(await store.vector_search(space, query, where=where, limit=30))
            for text in ("river", "the Siren of the sea", "cafe naive strasse", "don't", "example 3.5 www.example.com"):
                given[f"{text} {where}"] = shown(await store.text_search(space, text, where=where, limit=500))
            given[f"rows {where}"] = await store.count(space, where)
        table = await store.connection.table(space)
        assert table
        assert (await table.resident() is not None) == is_held
    return given


@pytest.mark.parametrize("vector_bytes", [100_000, 0])
async def test_memory_answers_as_the_disk_does_with_vectors_and_without(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch, vector_bytes: int
) -> None:
    monkeypatch.setattr(resident_index, "MOST_VECTOR_BYTES", vector_bytes)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        await store.optimise(space)
    copy = await answers(tmp_path, space, is_held=True)
    of_lance(monkeypatch)
    read = await answers(tmp_path, space, is_held=False)
    for question, answer in read.items():
        assert copy[question] == answer, question
    assert sum(bool(answer) for answer in copy.values()) > len(copy) // 2


async def test_clips_by_their_words_come_with_their_cosines_where_those_are_on_the_way(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_lance(monkeypatch)
    query = np.random.default_rng(5).normal(size=16)
    where = ClipFilter(embedding_option="transcription", embedding_scope="clip")
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        await store.optimise(space)
        near = {hit.clip.clip_id: hit.score for hit in await store.vector_search(space, query, where=where, limit=500)}
        hits = await store.text_search(space, "river sea", where=where, limit=50, near=query)
        assert len(hits) == 50
        assert [hit.cosine for hit in hits] == [pytest.approx(near[hit.clip.clip_id], abs=1e-5) for hit in hits]
        assert {hit.cosine for hit in await store.text_search(space, "river sea")} == {None}


async def test_few_clips_are_compared_without_counting_or_going_through_rows(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MOST_VECTOR_BYTES", 0)
    few = ClipFilter(clip_ids=tuple(clip.clip_id for clip in clips[::50]))
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        table = await store.connection.table_for_writing(space)
        before = await store.vector_search(space, clips[0].vector, where=few)
        monkeypatch.setattr(table.search._lance, "_plan", None)  # which counts, and of which a search would be made
        monkeypatch.setattr(table.facts, "count", None)
        assert await store.vector_search(space, clips[0].vector, where=few) == before
        assert before[0].clip.clip_id == clips[0].clip_id


def test_the_nearest_of_many_rows_are_the_nearest_and_of_equal_ones_the_first() -> None:
    draw = np.random.default_rng(5)
    query = np.array([1.0, 0.0], np.float32)
    for rows, count, levels in ((1_000, 7, 5), (1_000, 7, 1), (999, 30, 10_000), (64, 30, 4), (5, 10, 3)):
        cosines = (draw.integers(1, levels + 1, rows) / levels).astype(np.float32)
        vectors = ResidentVectors(2)
        vectors.extend(np.arange(rows, dtype=np.int32), np.stack([cosines, np.zeros_like(cosines)], axis=1))
        nearest, scores = vectors.nearest(query, np.ones(rows, bool), count)
        wanted = np.argsort(-cosines, kind="stable")[:count]
        assert sorted(nearest.tolist()) == sorted(wanted.tolist())
        assert sorted(scores.tolist()) == sorted(cosines[wanted].tolist())


async def test_clips_found_in_memory_are_the_whole_clips(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    written = make_clip(3, transcript="river", tags=("b", "a"), metadata_json='{"x": 1}', sound_words="sea")
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [written])
        [hit] = await store.text_search(space, "river")
        assert await (await store.connection.table_for_writing(space)).resident()
        assert [hit.clip] == await store.clips(space)


async def test_what_others_write_change_remove_and_compact_is_seen_by_the_next_search(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MAY_LAG_S", 0.0)
    async with await ClipStore.open(tmp_path) as reader, await ClipStore.open(tmp_path) as writer:

        async def starts(word: str = "word") -> list[float]:
            hits = await reader.text_search(space, word, limit=1_000)
            near = await reader.vector_search(space, make_clip(0).vector, limit=1_000)
            table = await reader.connection.table(space)
            assert table is None or await table.resident()
            assert await reader.count(space) == len(near)
            return sorted(hit.clip.start_sec for hit in hits)

        assert await starts() == []
        for index in range(20):
            await writer.upsert(space, [make_clip(index, f"a_{index % 2}", transcript="word")])
            assert len(await starts()) == index + 1
        await writer.delete_asset("a_1")
        assert await starts() == [index * 6.0 for index in range(0, 20, 2)]
        await writer.update_asset("a_0", title="Another title")
        assert {hit.clip.title for hit in await reader.text_search(space, "word")} == {"Another title"}
        assert len(await starts()) == 10
        assert await writer.optimise(space)
        assert len(await starts()) == 10
        await writer.upsert(space, [make_clip(0, "a_0", transcript="other")], replace_assets=True)
        assert await starts() == []
        assert await starts("other") == [0.0]


async def test_a_search_waits_for_its_own_writes_and_not_for_those_of_others(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MAY_LAG_S", 3_600.0)
    monkeypatch.setattr(resident_index, "_LOOKS_IN_THAT_TIME", 1e9)
    async with await ClipStore.open(tmp_path) as reader, await ClipStore.open(tmp_path) as other:

        async def starts() -> list[int]:
            near = await reader.vector_search(space, make_clip(0).vector)
            hits = await reader.text_search(space, "word")
            assert len(hits) == len(near)
            return sorted(int(hit.clip.start_sec / 6) for hit in hits)

        await reader.upsert(space, [make_clip(0, transcript="word")])
        table = await reader.connection.table_for_writing(space)
        assert await starts() == [0]
        await other.upsert(space, [make_clip(1, transcript="word")])
        assert await starts() == [0]
        await table.wait_for_copy()
        assert await starts() == [0, 1]
        await other.upsert(space, [make_clip(2, transcript="word")])
        await reader.upsert(space, [make_clip(3, transcript="word")])
        assert await starts() == [0, 1, 2, 3]
        await reader.update_asset("a_1", title="Another title")
        assert {hit.clip.title for hit in await reader.text_search(space, "word")} == {"Another title"}
        await reader.delete_asset("a_1")
        assert await starts() == []


async def test_memory_stays_right_while_another_process_writes_compacts_and_deletes(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "READ_AT_ONCE", 60)
    async with await ClipStore.open(tmp_path) as reader:
        steady = [make_clip(index, "a_kept", transcript="kept word") for index in range(50)]
        await reader.upsert(space, steady)
        arguments = [str(Path(__file__).with_name("clip_churner.py")), str(tmp_path)]
        other = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        ended = asyncio.create_task(other.wait())
        table = await reader.connection.table_for_writing(space)
        copy = 0
        while not ended.done():
            hits = await reader.text_search(space, "kept", limit=1_000)
            assert sorted(hit.clip.start_sec for hit in hits) == [clip.start_sec for clip in steady]
            near = await reader.vector_search(space, steady[7].vector, limit=1_000)
            assert near[0].clip.clip_id == steady[7].clip_id
            assert len(near) == len({hit.clip.clip_id for hit in near}) >= len(steady)
            copy += await table.resident() is not None
            await asyncio.sleep(0)  # searches in memory never pause, and the end of the process is told by the loop
        assert ended.result() == 0
        assert copy
        monkeypatch.setattr(resident_index, "MAY_LAG_S", 0.0)
        await table.wait_for_copy()
        there = await reader.clips(space, limit=10_000)
        assert {clip.asset_id for clip in there} == {"a_kept", "a_5", "a_6"}
        for _ in range(2):
            hits = [hit.clip for hit in await reader.text_search(space, "word", limit=1_000)]
            assert sorted(hits, key=lambda clip: (clip.asset_id, clip.start_sec)) == there
            await table.resident()
            await table.wait_for_copy()
        assert await table.resident()


async def test_a_table_whose_vectors_outgrow_their_limit_is_held_without_them(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MOST_VECTOR_BYTES", 16 * 4 * 300)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips[:200])
        table = await store.connection.table_for_writing(space)
        copy = await table.resident()
        assert copy
        assert copy.has_vectors
        await store.upsert(space, clips[200:])
        for _ in range(2):
            assert len(await store.vector_search(space, clips[0].vector, limit=100)) == 100
            copy = await table.resident()
            assert copy
            assert (copy.has_vectors, copy.vector_bytes) == (False, 0)
        # What another process wrote just now is found by LanceDB, and not in memory yet.
        monkeypatch.setattr(resident_index, "MAY_LAG_S", 3_600.0)
        monkeypatch.setattr(resident_index, "_LOOKS_IN_THAT_TIME", 1e9)
        await store.vector_search(space, clips[0].vector)
        async with await ClipStore.open(tmp_path) as other:
            await other.upsert(space, [replace(clips[0], clip_id="c_new", asset_id="a_new")])
        assert await store.count(space) == len(clips) + 1
        near = await store.vector_search(space, clips[0].vector, limit=10)
        assert {"c_new", clips[0].clip_id} <= {hit.clip.clip_id for hit in near}


async def test_a_table_of_too_many_rows_is_read_from_the_disk(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MOST_ROWS", 300)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips[:200])
        table = await store.connection.table_for_writing(space)
        assert await table.resident()
        await store.upsert(space, clips[200:])
        assert len(await store.vector_search(space, clips[0].vector, limit=100)) == 100
        assert await table.resident() is None


async def test_rows_that_are_gone_do_not_pile_up_in_memory(
    tmp_path: Path, space: Space, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "MOST_GONE", 5)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0, "a_stays", transcript="river")])
        table = await store.connection.table_for_writing(space)
        gone = []
        for number in range(20):
            await store.upsert(space, [make_clip(index, f"a_{number}", transcript="sea") for index in range(2)])
            assert len(await store.text_search(space, "sea")) == 2
            await store.delete_asset(f"a_{number}")
            assert [hit.clip.asset_id for hit in await store.text_search(space, "sea river")] == ["a_stays"]
            copy = await table.resident()
            assert copy
            gone.append(copy.gone)
        assert 0 < max(gone) <= 6


async def test_a_larger_table_is_read_beside_the_searches(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "READ_AT_ONCE", 100)
    monkeypatch.setattr(resident_index, "READ_WAITED_FOR", 100)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        table = await store.connection.table_for_writing(space)
        answers = [scored(await store.vector_search(space, clips[9].vector)) for _ in range(10)]
        await table.wait_for_copy()
        assert await table.resident()
        answers.append(rounded(await store.vector_search(space, clips[9].vector)))
        assert all(answer == answers[-1] for answer in answers)


async def test_searches_that_follow_each_other_wait_for_the_first_reading_of_a_small_table(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "READ_AT_ONCE", 100)
    monkeypatch.setattr(resident_index, "_PAUSE_BEFORE_READING_S", 3_600.0)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        table = await store.connection.table_for_writing(space)
        copy = [await table.resident() is not None for _ in range(10)]
        assert copy == [False] * 8 + [True] * 2


async def test_a_table_is_read_in_the_pause_after_its_first_search(
    tmp_path: Path, space: Space, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_index, "READ_AT_ONCE", 100)
    monkeypatch.setattr(resident_index, "_PAUSE_BEFORE_READING_S", 0.0)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, clips)
        table = await store.connection.table_for_writing(space)
        assert await table.resident() is None
        await table.wait_for_copy()
        assert await table.resident()


TEXTS = (
    "a:b foo_bar 3.5 1,000 e.g. example.com don't rock\u2019n\u2019roll x2y semi;colon 1;2 a,b a.b a'1 1'2 _x_ _ __",
    "café straße ørsted Æon łódź co-op at&t c++ #tag a1.b 1a.2 a·b it''s o' 'tis x. x² ½ №5 ºC ª ŉ Ŀl €5 5€",
    "x" * 39 + " " + "y" * 40 + " " + "é" * 19 + " " + "é" * 20,
    "non\u00a0break soft\u00adhyphen zero\u200bwidth 1.2.3 u.s.a. a..b 1_000.5 a_.b a._b",
)


async def test_texts_are_cut_into_words_as_the_indexes_cut_them(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    rng = random.Random(3)
    texts = [*TEXTS, *("".join(rng.choices("aB1_.',;: -\"\u2019é·/ø0z", k=14)) for _ in range(300))]
    texts += [f"a{chr(code)} {chr(code)}" for code in (*range(0x180), *range(0x2010, 0x2028))]
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(0, transcript="word")])
        table = await store.connection.table_for_writing(space)
        for text in texts:
            tokens = [token.text for token in await table.lance.tokenize(text, column="transcript")]
            if is_simple(text) and text != "a\u00b8 \u00b8":
                assert words_of(text) == tokens, ascii(text)
    assert words_of("AI的未来 日本ab") == ["ai", "ab"]
    assert not is_simple("東京")
