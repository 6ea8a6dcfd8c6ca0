"""erase_span: what is erased of a recording is gone at once, stays gone, and goes on being erased after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import (
    correct_transcript,
    embed_audio,
    erase_span,
    get_clip,
    list_audio,
    read_transcript,
    remove_audio,
    search_clips,
)

from soundbite_store import ClipFilter, ClipStore, Ledger, Space, StoreBusy
from soundbite_store.lance import upkeep
from soundbite_tools import contents_of, finish_scrubbing, housekeeping, transcript_file, transcript_of_recording
from soundbite_tools.errors import QuestionProblem, UnknownId, WorkFailed

OpenLibrary = Callable[..., Any]
THE_SPACE = Space("scripted-1", 128)


class Killed(BaseException):
    """Stands for a process that is gone: nothing after it runs."""


async def texts(library: Any, query: str) -> list[str]:
    return [clip.text for clip in (await search_clips(library, query, match="words")).clips]


async def test_words_vectors_and_history_of_a_span_go_and_the_rest_stays(
    open_library: OpenLibrary, recording: Path
) -> None:
    from soundbite_tools.repair.comparison import compare

    async with open_library() as library:
        task = await embed_audio(library, recording.name, embedding_type=["separate_embedding", "fused_embedding"])
        await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
        done = await erase_span(library, task.asset_id, 6.0, 9.0)
        assert "Erased 00:06-00:09" in done.to_text()
        lines = [line.text for line in (await read_transcript(library, task.asset_id)).lines]
        assert lines == ["the river is rising", "[erased]"]
        assert await texts(library, "cake") == await texts(library, "lake") == []
        assert await texts(library, "river") == ["the river is rising"]
        rows = await (await library.store()).embeddings(THE_SPACE, ClipFilter(asset_ids=(task.asset_id,)))
        kinds = {(row.embedding_scope, row.embedding_option, row.start_sec) for row in rows}
        options = ("audio", "fused", "transcription")
        assert kinds == {(scope, option, 0.0) for scope in ("clip", "asset") for option in options}
        # The row of the whole recording is that of what remains.
        first, whole = ([row.vector for row in rows if row.embedding_scope == scope] for scope in ("clip", "asset"))
        assert all(
            float(one @ other) > 0.999 for one, other in zip(sorted_rows(first), sorted_rows(whole), strict=True)
        )
        assert await (await library.ledger()).corrections_of(task.asset_id) == []
        assert (await compare(library, is_deep=True)).is_equal
        again = await embed_audio(library, recording.name)
        assert (again.task_id, again.is_reused) == (task.task_id, True)


async def test_a_mark_stands_where_something_was_erased_wherever_the_words_are_read(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ("the code on the door is four seven one one for friday", "the cake is done")
    platform.doubts = ("cake",)  # words with times of their own
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        ledger = await library.ledger()
        asset = await ledger.get_asset(task.asset_id)
        words = (await ledger.get_transcript(task.asset_id, library.config.platform)).words
        four, one = words[6], words[9]
        assert (four.value, one.value) == ("four", "one")
        done = await erase_span(library, task.asset_id, four.start_sec + 0.01, one.end_sec - 0.01)
        assert done.clips_changed <= 2
        marked = "the code on the door is […] for friday"
        assert await texts(library, "code") == [marked]
        found = await search_clips(library, "code", match="words", context_sec=3.0)
        assert found.notes == ["[…] stands where a part of the recording was erased."]
        assert "is […] for" in found.clips[0].context
        clip = await get_clip(library, found.clips[0].clip_id)
        assert clip.detail.text == marked
        assert any("Erased, and silent" in note for note in clip.detail.notes)
        around = {"start_sec": four.start_sec - 0.1, "end_sec": one.end_sec + 0.1}
        part = await get_clip(library, asset_id=task.asset_id, **around)
        assert "[…]" in part.detail.text
        lines = (await read_transcript(library, task.asset_id)).lines
        assert [line.text for line in lines][:3] == ["the code on the door is", "[erased]", "for friday"]
        transcript = await transcript_of_recording(library, task.asset_id)
        for kind in ("md", "srt", "vtt", "txt"):
            assert "erased" in transcript_file(asset, transcript, kind), kind
        assert (await list_audio(library)).assets[0].erased == done.time_range
        contents = await contents_of(library, await ledger.get_asset(task.asset_id))
        assert [note for note in contents.notes if f"since it was erased: {done.time_range}" in note]
        await correct_transcript(library, asset_id=task.asset_id, old_text="friday", new_text="monday")
        await embed_audio(library, recording.name, segmentation="fixed", segment_sec=6)
        corrected = marked.replace("friday", "monday")
        assert {text for text in await texts(library, "code") if text.startswith("the code")} == {corrected}


def sorted_rows(vectors: list[Any]) -> list[Any]:
    return sorted(vectors, key=lambda vector: vector.tolist())


async def test_what_is_erased_does_not_come_back_when_it_is_embedded_again_or_removed_and_added(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library:
        addresses: list[str] = []
        create = library.client.create_asset_from_url

        async def created(url: str, **more: Any) -> Any:
            addresses.append(url)
            return await create(url, **more)

        monkeypatch.setattr(library.client, "create_asset_from_url", created)
        task = await embed_audio(library, recording.name)
        assert "silent" not in addresses[0]
        await erase_span(library, task.asset_id, 6.0, 7.0)
        await erase_span(library, task.asset_id, 6.9, 9.0)
        # The platform of this test understands the same words again, whatever the sound is.
        other = await embed_audio(library, recording.name, segmentation="fixed", segment_sec=3)
        assert "00:06-00:09" in " ".join(other.notes)
        assert await texts(library, "cake") == []
        brought = "WEBVTT\n\n00:06.500 --> 00:08.000\nthe cake again\n\n00:00.500 --> 00:01.000\nrivers\n"
        told = await embed_audio(library, recording.name, transcript=brought)
        assert [note for note in told.notes if "by the times of the transcript that was brought" in note]
        ledger = await library.ledger()
        kept = [word.value for one in await ledger.transcripts_of(task.asset_id) for word in one.words]
        assert not [value for value in kept if "cake" in value]
        await remove_audio(library, task.asset_id)
        await embed_audio(library, recording.name)
        assert await texts(library, "cake") == []
        assert all(address.endswith("&silent=6.000-9.000") for address in addresses[1:])
        assert len(addresses) == 4


async def test_a_file_whose_content_changed_is_embedded_whole_and_says_so(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path]
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await erase_span(library, task.asset_id, 6.0, 9.0)
        write_wav(recording, 12.0, level=2)
        renewed = await embed_audio(library, recording.name)
        assert renewed.asset_id == task.asset_id
        assert "what was erased of the earlier content (00:06-00:09) is not erased" in " ".join(renewed.notes)
        assert await texts(library, "cake") == ["the cake is done"]
        write_wav(recording, 12.0, level=1)
        assert (await embed_audio(library, recording.name)).asset_id == task.asset_id
        assert await texts(library, "cake") == []


async def test_the_reader_is_told_to_be_silent_and_sound_that_was_cut_before_is_gone(
    open_library: OpenLibrary, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        cut_before = Path((await get_clip(library, asset_id=task.asset_id, start_sec=5.0, end_sec=8.0)).detail.path)
        silences: list[Any] = []
        cut = library.media_reader.cut

        async def noting(source: Any, *more: Any) -> Any:
            silences.append(source.silences)
            if len(silences) == 1:  # erased while it is cut
                await erase_span(library, task.asset_id, 6.0, 9.0)
            return await cut(source, *more)

        monkeypatch.setattr(library.media_reader, "cut", noting)
        await get_clip(library, asset_id=task.asset_id, start_sec=4.0, end_sec=8.0)
        assert silences == [(), ((6.0, 9.0),)]
        assert not cut_before.exists()
        assert len(list((tmp_path / "home" / "clips").iterdir())) == 1


STEPS = [
    (Ledger, "apply_change"),
    (ClipStore, "upsert"),
    (Ledger, "end_rewrite"),
    (housekeeping, "remove_cut_sound"),
    (ClipStore, "purge"),
    (Ledger, "scrub"),
    (Ledger, "end_scrub"),
]


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
async def test_a_process_killed_at_a_step_leaves_old_or_new_and_the_next_one_goes_on(
    step: tuple[Any, str], is_before: bool, open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name = step
    whole, is_killed = getattr(place, name), False

    def killed() -> None:
        nonlocal is_killed
        is_killed = True
        raise Killed()

    async def run(*asked: Any, **more: Any) -> None:
        if not is_before:
            await whole(*asked, **more)
        killed()

    def run_at_once(*asked: Any) -> None:
        if not is_before:
            whole(*asked)
        killed()

    asset_id = ""
    try:
        async with open_library() as library:
            asset_id = (await embed_audio(library, recording.name)).asset_id
            monkeypatch.setattr(place, name, run_at_once if place is housekeeping else run)
            await erase_span(library, asset_id, 6.0, 9.0)
    except BaseException:
        if not is_killed:
            raise
    assert is_killed
    monkeypatch.undo()
    async with open_library() as library:
        ledger, store = await library.ledger(), await library.store()
        if await ledger.unscrubbed():
            assert "longer than 0 seconds" in await finish_scrubbing(library, 0.0)
        assert await finish_scrubbing(library) == ""
        is_old = name == "apply_change" and is_before
        assert await texts(library, "cake") == (["the cake is done"] if is_old else [])
        rows = await store.embeddings(THE_SPACE, ClipFilter(asset_ids=(asset_id,)))
        assert len([row for row in rows if row.start_sec == 6.0]) == (2 if is_old else 0)
        assert await ledger.unscrubbed() == []
        assert await ledger.rewrites() == []


async def test_others_write_and_correct_while_the_files_are_scrubbed_and_what_they_erase_is_scrubbed_next(
    open_library: OpenLibrary, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes, compact = upkeep.create_text_indexes, upkeep.compact
    work: list[str] = []

    async with open_library() as library, open_library() as other:
        asset_id = (await embed_audio(library, recording.name)).asset_id

        async def compacted(table: Any) -> None:
            await compact(table)
            if not work:
                work.append("compacting")
                with anyio.fail_after(60.0):
                    await correct_transcript(other, asset_id=asset_id, old_text="river", new_text="tide")

        async def indexed(table: Any, **more: Any) -> None:
            await indexes(table, **more)
            if work == ["compacting"]:
                work.append("indexing")
                with anyio.fail_after(60.0):
                    await erase_span(other, asset_id, 0.0, 3.0, wait_s=0.0)

        monkeypatch.setattr(upkeep, "compact", compacted)
        monkeypatch.setattr(upkeep, "create_text_indexes", indexed)
        await erase_span(library, asset_id, 6.0, 9.0, wait_s=120.0)
        assert work == ["compacting", "indexing"]
        assert await finish_scrubbing(library) == ""
        assert await (await library.ledger()).unscrubbed() == []
        lines = [line.text for line in (await read_transcript(library, asset_id)).lines]
        assert lines == ["[erased]", "[erased]"]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert all(word not in stored for word in (b"cake", b"river", b"tide"))


async def test_a_note_made_while_the_files_are_scrubbed_is_not_taken_back(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge = ClipStore.purge

    async def purged(store: ClipStore) -> None:
        await purge(store)
        monkeypatch.setattr(ClipStore, "purge", failing)
        await erase_span(other, asset_id, 0.0, 3.0, wait_s=0.0)

    async def failing(_store: ClipStore) -> None:
        raise StoreBusy("in use")

    async with open_library() as library, open_library() as other:
        asset_id = (await embed_audio(library, recording.name)).asset_id
        monkeypatch.setattr(ClipStore, "purge", purged)
        await erase_span(library, asset_id, 6.0, 9.0, wait_s=120.0)
        assert [one.asset_id for one in await (await library.ledger()).unscrubbed()] == [asset_id]
        monkeypatch.undo()
        assert await finish_scrubbing(library) == ""
        assert await (await library.ledger()).unscrubbed() == []


async def test_what_can_not_be_erased_is_refused(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        for span in ((9.0, 6.0), (3.0, 3.0), (6.0, 60.0)):
            with pytest.raises(QuestionProblem, match="There is nothing from"):
                await erase_span(library, task.asset_id, *span)
        with pytest.raises(UnknownId):
            await erase_span(library, "a_none", 0.0, 1.0)
        ledger = await library.ledger()
        known = await ledger.get_task(task.task_id)
        await ledger.put_task(replace(known, task_id="t_other", status="processing"))
        # One that is still written to may be longer than is known.
        for end_sec in (9.0, 60.0):
            with pytest.raises(WorkFailed, match="is being embedded"):
                await erase_span(library, task.asset_id, 6.0, end_sec)
        assert await texts(library, "cake") == ["the cake is done"]
