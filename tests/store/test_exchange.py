from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundbite_store import (
    Asset,
    Clip,
    ClipStore,
    Correction,
    Erased,
    ExchangeResult,
    ExportProblem,
    Ledger,
    LedgerChange,
    Space,
    StoredTranscript,
    TimedText,
    export_library,
    import_library,
)

MakeClip = Callable[..., Clip]
EXPORTS = Path(__file__).parent / "exports"
ASSET = Asset(
    asset_id="a_1",
    content_hash="hash of a_1",
    title='It\'s a title; "quoted" \N{CJK UNIFIED IDEOGRAPH-6771}',
    source_uri="file:///a_1.wav",
    source_kind="file",
    size_bytes=5,
    mtime_ns=7,
    duration_sec=12.0,
    tags=("one", "two"),
    metadata_json='{"a": 1}',
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
)
SAID = StoredTranscript(
    asset_id="a_1",
    source="recogniser",
    start_sec=0.0,
    end_sec=12.0,
    words=(TimedText(value="word", start_sec=1.0, end_sec=1.5, speaker="1"),),
    sentences=(),
)


CORRECTED = Correction(
    asset_id="a_1",
    content_hash=ASSET.content_hash,
    kind="correction",
    old_words=SAID.words,
    new_words=(replace(SAID.words[0], value="world"),),
    old_text="word",
    new_text="world",
    created_at=datetime(2026, 1, 3, tzinfo=UTC),
)


async def test_an_export_from_before_an_erasure_does_not_bring_it_back(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await ledger.put_asset(ASSET)
        await ledger.put_transcript(SAID)
        await store.upsert(space, [make_clip(0, transcript="word")])
        await export_library(store, ledger, before)
        erased = Erased(asset=ASSET, span=(1.0, 2.0), notes={})
        silent = replace(SAID, words=())
        await ledger.apply_change(LedgerChange(asset_id="a_1", transcripts=[silent], erased=erased))
        await store.delete_asset("a_1")
        assert await import_library(store, ledger, before) == ExchangeResult(erased=1)
        assert await ledger.transcripts_of("a_1") == [silent]
        assert await store.count(space) == 0
        await export_library(store, ledger, after)
        assert await import_library(store, ledger, after) == ExchangeResult(assets=1, transcripts=1)
    async with await ClipStore.open(tmp_path / "b") as store, await Ledger.open(tmp_path / "b.db") as ledger:
        await import_library(store, ledger, after)
        assert await ledger.erased_of(ASSET.content_hash) == ((1.0, 2.0),)
        # The other way round: what is here whole is not half erased by an import.
    async with await ClipStore.open(tmp_path / "c") as store, await Ledger.open(tmp_path / "c.db") as ledger:
        await import_library(store, ledger, before)
        assert await import_library(store, ledger, after) == ExchangeResult(erased=1)
        assert await ledger.transcripts_of("a_1") == [SAID]
        assert await ledger.erased_of(ASSET.content_hash) == ()


async def test_an_exported_library_comes_back_whole_in_another_place(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    other = Space("another-space", 8)
    languages = ("fr", None, "en", "fr", None)
    clips = [
        make_clip(index, tags=("one",), transcript=f"word {index}", language=language)
        for index, language in enumerate(languages)
    ]
    file = tmp_path / "library.parquet"
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await ledger.put_asset(replace(ASSET, language="fr"))
        await ledger.put_transcript(SAID)
        assert await ledger.name_speaker("a_1", "recogniser", ["1"], "Ann")
        await ledger.apply_change(LedgerChange(asset_id="a_1", made=[replace(CORRECTED, new_text=w) for w in "ab"]))
        await ledger.apply_change(LedgerChange(asset_id="a_1", undone=[1]))
        corrections = await ledger.corrections_of("a_1")
        task = await ledger.create_task(asset_id="a_1", space=space.id, platform="embedded")
        task = await ledger.update_task(task.task_id, status="ready") or task
        await store.upsert(space, clips)
        await store.upsert(other, [make_clip(9, vector=np.ones(8, dtype=np.float32))])
        written = await store.embeddings(space)
        assert await export_library(store, ledger, file) == ExchangeResult(assets=1, clips=6, transcripts=1)
    async with await ClipStore.open(tmp_path / "b") as store, await Ledger.open(tmp_path / "b.db") as ledger:
        for _ in range(2):  # twice is as good as once
            assert await import_library(store, ledger, file) == ExchangeResult(assets=1, clips=6, transcripts=1)
        assert await ledger.get_asset("a_1") == replace(ASSET, language="fr")
        assert await ledger.transcripts_of("a_1") == [SAID]
        assert [one.name for one in await ledger.speakers_of("recogniser")] == ["Ann"]
        assert await ledger.corrections_of("a_1") == corrections
        assert [(one.new_text, one.undone_at is None) for one in corrections] == [("a", False), ("b", True)]
        assert await ledger.list_tasks() == [task]
        assert [info.embeddings for info in await store.spaces()] == [1, 5]
        read = await store.embeddings(space)
        assert [clip.transcript for clip in read] == [clip.transcript for clip in written]
        assert [clip.language for clip in read] == [clip.language for clip in written]
        for before, after in zip(written, read, strict=True):
            assert np.array_equal(before.vector, after.vector)
            assert before.row_id(space) == after.row_id(space)


async def test_every_finished_task_of_a_recording_is_exported(tmp_path: Path, space: Space) -> None:
    file = tmp_path / "x.parquet"
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await ledger.put_asset(ASSET)
        for _ in range(101):
            task = await ledger.create_task(asset_id="a_1", space=space.id, platform="embedded")
            await ledger.update_task(task.task_id, status="ready")
        await export_library(store, ledger, file)
    assert pq.read_table(file, filters=[("record", "=", "task")]).num_rows == 101


async def test_an_export_is_plain_parquet(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await store.upsert(space, [make_clip(0)])
        await export_library(store, ledger, tmp_path / "x.parquet")
    rows = pq.read_table(tmp_path / "x.parquet", filters=[("record", "=", "clip")])
    assert rows.num_rows == 1
    assert len(rows.column("vector")[0]) == space.dimension


async def test_a_clip_whose_vector_was_changed_is_left_out_and_counted(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    file = tmp_path / "x.parquet"
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await store.upsert(space, [make_clip(0), make_clip(1)])
        await export_library(store, ledger, file)
        table = pq.read_table(file)
        sums = table.column("checksum").to_pylist()
        column = pa.array([sums[0] + 1, *sums[1:]], pa.int64())
        pq.write_table(table.set_column(table.schema.get_field_index("checksum"), "checksum", column), file)
    async with await ClipStore.open(tmp_path / "b") as store, await Ledger.open(tmp_path / "b.db") as ledger:
        assert await import_library(store, ledger, file) == ExchangeResult(clips=1, damaged=1)
        assert await store.count(space) == 1


async def test_an_export_of_the_first_version_is_read(tmp_path: Path) -> None:
    old = Space("old", 4)
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        assert await import_library(store, ledger, EXPORTS / "version_1.parquet") == ExchangeResult(1, 3, 1)
        asset = await ledger.get_asset("a_1")
        assert asset is not None
        assert (asset.title, asset.tags, asset.duration_sec) == ("A title", ("one", "two"), 12.0)
        assert [task.status for task in await ledger.list_tasks()] == ["ready"]
        [transcript] = await ledger.transcripts_of("a_1")
        assert transcript.sentences == (TimedText(value="Hello.", start_sec=1.0, end_sec=1.5),)
        clips = await store.embeddings(old)
        assert [(clip.embedding_option, clip.start_sec) for clip in clips] == [
            ("audio", 0.0),
            ("transcription", 0.0),
            ("audio", 6.0),
        ]
        assert [clip.sound_words for clip in clips] == ["", "", "siren; sea"]
        assert {clip.language for clip in clips} == {asset.language} == {None}
        assert np.array_equal(clips[2].vector, [0, 1, 0, 0])


async def test_what_a_later_version_exports_beside_is_passed_over(
    tmp_path: Path, space: Space, make_clip: MakeClip
) -> None:
    file = tmp_path / "x.parquet"
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        await ledger.put_asset(ASSET)
        await store.upsert(space, [make_clip(0)])
        await export_library(store, ledger, file)
    table = pq.read_table(file).append_column("later", pa.array(["x", "x"]))
    bodies = [body and json.dumps(json.loads(body) | {"later": 1}) for body in table.column("json").to_pylist()]
    at = table.schema.get_field_index("json")
    pq.write_table(table.set_column(at, "json", pa.array(bodies)), file)
    async with await ClipStore.open(tmp_path / "b") as store, await Ledger.open(tmp_path / "b.db") as ledger:
        assert await import_library(store, ledger, file) == ExchangeResult(assets=1, clips=1)
        assert await ledger.get_asset("a_1") == ASSET


async def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not parquet at all")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "foreign")
    async with await ClipStore.open(tmp_path / "a") as store, await Ledger.open(tmp_path / "a.db") as ledger:
        for name in ("text", "foreign"):
            with pytest.raises(ExportProblem, match="export"):
                await import_library(store, ledger, tmp_path / name)
        with pytest.raises(ExportProblem, match="No such file"):
            await import_library(store, ledger, tmp_path / "missing")
        with pytest.raises(ExportProblem, match="cannot be written"):
            await export_library(store, ledger, tmp_path / "no folder" / "x")


async def test_a_scan_finds_vectors_that_changed_on_the_disk(tmp_path: Path, space: Space, make_clip: MakeClip) -> None:
    marked = np.arange(1, 17, dtype=np.float32)
    marked /= np.linalg.norm(marked)
    async with await ClipStore.open(tmp_path) as store:
        await store.upsert(space, [make_clip(index) for index in range(20)])
        await store.upsert(space, [make_clip(7, "a_2", vector=marked)])
        sound = await store.scan(space)
        assert sound is not None
        assert sound.is_sound
        assert sound.rows == 21
        assert await store.scan(Space("nobody", 4)) is None
    changed = 0
    for path in (tmp_path / f"{space.table_name}.lance" / "data").iterdir():
        content = path.read_bytes()
        at = content.find(marked.tobytes())
        if at >= 0:
            path.write_bytes(content[: at + 5] + bytes([content[at + 5] ^ 1]) + content[at + 6 :])
            changed += 1
    assert changed == 1
    async with await ClipStore.open(tmp_path) as store:
        scan = await store.scan(space)
        assert scan is not None
        assert [(row.asset_id, row.embedding_option) for row in scan.damaged] == [("a_2", "audio")]
        assert not scan.is_sound
        await store.upsert(space, [make_clip(7, "a_2", vector=marked)])
        again = await store.scan(space)
        assert again is not None
        assert again.is_sound
