"""One file, one recording: renewed where its content changed, followed where it moved."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, get_clip, get_task, list_audio, read_transcript, search_clips

from soundbite_tools.embed.renewal import relink
from soundbite_tools.errors import ToolProblem

OpenLibrary = Callable[..., Any]


async def test_a_file_whose_content_changed_is_the_same_recording_renewed(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        platform.says = ("the river is rising fast", "nobody saw the bridge move")
        first = await embed_audio(library, recording.name, tags=["work"])
        write_wav(recording, 18.0, level=2)
        platform.duration = 18.0
        platform.says = ("the cake is done", "buy milk on the way home", "and call me")
        second = await embed_audio(library, recording.name)
        assert (first.asset_id, first.task_id != second.task_id) == (second.asset_id, True)
        listing = await list_audio(library)
        assert [(asset.audio_seconds, asset.tags) for asset in listing.assets] == [(18.0, ["work"])]
        asset = await (await library.ledger()).get_asset(first.asset_id)
        store = await library.store()
        [info] = await store.spaces()
        rows = await store.clips(info.space)
        assert asset is not None
        assert {row.content_hash for row in rows} == {asset.content_hash}
        assert "cake" in " ".join(row.transcript for row in rows)
        assert "river" not in " ".join(row.transcript for row in rows)
        assert "river" not in (await read_transcript(library, first.asset_id)).to_text()
        assert (await embed_audio(library, recording.name)).is_reused
        assert "Page 2 is past the last" in (await list_audio(library, page=2)).next_step


async def test_a_recording_whose_new_content_can_not_be_embedded_stays_what_it_was(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        first = await embed_audio(library, recording.name)
        before = await (await library.ledger()).get_asset(first.asset_id)
        write_wav(recording, 18.0, level=2)
        platform.asset_failure = "no decoder"
        with pytest.raises(ToolProblem):
            await embed_audio(library, recording.name)
        assert await (await library.ledger()).get_asset(first.asset_id) == before
        assert (await list_audio(library)).assets[0].status == "ready"
        platform.asset_failure = ""
        assert (await embed_audio(library, recording.name)).asset_id == first.asset_id


async def test_a_recording_that_is_taken_while_it_grows_is_one_recording_in_the_end(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    go_on = platform.stop_at("POST assets")
    async with open_library() as library:
        part = await embed_audio(library, recording.name, wait_seconds=0)
        await platform.reached["POST assets"].wait()
        write_wav(recording, 30.0, level=2)
        platform.duration = 30.0
        whole = await embed_audio(library, recording.name, wait_seconds=0)
        go_on.set()
        done = await get_task(library, whole.task_id, wait_seconds=25)
        assert (done.status, done.asset_id, done.audio_seconds) == ("ready", part.asset_id, 30.0)
        ledger = await library.ledger()
        assert [(task.task_id, task.status) for task in await ledger.list_tasks()] == [(whole.task_id, "ready")]
        assert await ledger.count_assets() == 1


async def test_a_file_that_moved_keeps_its_history_and_takes_its_new_name(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path]
) -> None:
    by_hand = write_wav(recording.with_name("memo.wav"), 6.0, level=3)
    async with open_library() as library:
        first = await embed_audio(library, recording.name, tags=["work"])
        named = await embed_audio(library, by_hand.name, title="Note to self")
        recording.rename(recording.with_name("river.wav"))
        by_hand.rename(by_hand.with_name("note.wav"))
        again = await embed_audio(library, "river.wav")
        named_again = await embed_audio(library, "note.wav")
    assert (again.is_reused, again.asset_id, again.title, again.tags) == (True, first.asset_id, "river", ["work"])
    assert (named_again.asset_id, named_again.title) == (named.asset_id, "Note to self")
    assert again.source.endswith("river.wav")


async def test_a_copy_is_no_move_and_one_over_another_recording_renews_that(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path]
) -> None:
    other = write_wav(recording.with_name("memo.wav"), 6.0, level=3)
    copy = recording.with_name("copy.wav")
    async with open_library() as library:
        first = await embed_audio(library, recording.name)
        second = await embed_audio(library, other.name)
        copy.write_bytes(recording.read_bytes())
        same = await embed_audio(library, copy.name)
        assert (same.asset_id, same.title, same.source) == (first.asset_id, first.title, str(recording))
        other.write_bytes(recording.read_bytes())
        renewed = await embed_audio(library, other.name)
        assert (renewed.asset_id, renewed.title, renewed.audio_seconds) == (second.asset_id, "memo", 12.0)
        # What the second recording was made of is not its content any more, and so another recording.
        old = write_wav(recording.with_name("older.wav"), 6.0, level=3)
        third = await embed_audio(library, old.name)
        assert third.asset_id not in (first.asset_id, second.asset_id)
        recording.replace(other)  # a move over another recording's file
        moved = await embed_audio(library, other.name)
        assert moved.is_reused
        assert (await list_audio(library)).total_assets == 3


async def test_a_file_that_is_gone_is_marked_and_found_again_by_its_content(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    moved, other = recording.parent / "deep" / "Tape 7.wav", write_wav(recording.with_name("other.wav"), 12.0, level=4)
    moved.parent.mkdir()
    async with open_library() as library:
        platform.says = ("the river is rising fast", "nobody saw the bridge move")
        first = await embed_audio(library, recording.name, tags=["work"])
        recording.rename(moved)
        [asset] = (await list_audio(library)).assets
        assert (asset.file, asset.status) == ("gone", "ready")
        recording.symlink_to(moved)
        assert (await list_audio(library)).assets[0].file == "gone"
        recording.unlink()
        found = await search_clips(library, "river rising")
        assert found.clips[0].file == "gone"
        assert "Its file is gone" in found.to_text()
        assert [entry.asset.asset_id for entry in await relink(library, [other, moved])] == [first.asset_id]
        [asset] = (await list_audio(library)).assets
        assert (asset.file, asset.title, asset.source, asset.tags) == ("", "Tape 7", str(moved), ["work"])
        found = await search_clips(library, "river rising")
        assert (found.clips[0].file, found.clips[0].title) == ("", "Tape 7")
        assert (await get_clip(library, found.clips[0].clip_id)).sound
        write_wav(moved, 14.0, level=6)
        assert (await list_audio(library)).assets[0].file == "changed"


async def test_a_failed_link_leaves_no_trace_in_the_list(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name)
        platform.asset_failure = "there is nothing"
        with pytest.raises(ToolProblem):
            await embed_audio(library, url="https://example.com/x.mp3")
        assert [asset.title for asset in (await list_audio(library)).assets] == ["field log"]
        platform.asset_failure = ""
        await embed_audio(library, url="https://example.com/x.mp3")
        assert (await list_audio(library)).total_assets == 2


async def test_titles_are_compared_without_case_and_accents(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path]
) -> None:
    decomposed = recording.with_name(unicodedata.normalize("NFD", "Café STRAẞE.wav"))
    write_wav(decomposed, 12.0, level=4)
    async with open_library() as library:
        await embed_audio(library, unicodedata.normalize("NFC", decomposed.name))
        for typed in ("Café", unicodedata.normalize("NFD", "café"), "CAFE", "strasse"):
            assert (await list_audio(library, title=typed)).total_assets == 1
            assert (await search_clips(library, "river rising", title=typed)).clips_searched


async def test_tags_join_those_that_are_there_and_are_taken_away_by_name_or_all(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        await embed_audio(library, recording.name, tags=["a"])
        assert (await embed_audio(library, recording.name, tags=["B"])).tags == ["a", "b"]
        assert (await embed_audio(library, recording.name, tags=["-A"])).tags == ["b"]
        assert (await embed_audio(library, recording.name, tags=["-*", "c"])).tags == ["c"]
