"""correct_transcript: the words, the clips and what is found follow at once; the earlier words can be had back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import correct_transcript, embed_audio, get_clip, read_transcript, search_clips

from soundbite_store import ClipFilter, Ledger, Space, finish_rewrites
from soundbite_tools.errors import QuestionProblem, UnknownId

OpenLibrary = Callable[..., Any]
THE_SPACE = Space("scripted-1", 128)


async def texts(library: Any, query: str) -> list[str]:
    """What is found of the exact words."""
    return [clip.text for clip in (await search_clips(library, query, match="words")).clips]


async def test_the_new_words_are_found_at_once_and_the_old_no_longer(
    open_library: OpenLibrary, recording: Path
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        done = await correct_transcript(
            library, asset_id=task.asset_id, old_text="The CAKE, is done", new_text="the lake is gone"
        )
        assert (done.old_text, done.text, done.clips_changed) == ("the cake is done", "the lake is gone", 1)
        assert await texts(library, "cake") == []
        (found,) = (await search_clips(library, "lake", match="words")).clips
        (near, *_) = (await search_clips(library, "the lake is gone", modality="speech")).clips
        assert (found.text, near.text) == ("the lake is gone", "the lake is gone")
        assert near.score > 0.9
        lines = (await read_transcript(library, task.asset_id)).lines
        assert [line.text for line in lines] == ["the river is rising", "the lake is gone"]
        assert (await get_clip(library, found.clip_id)).detail.text == "the lake is gone"


async def test_marks_around_the_words_stay_unless_either_side_has_some(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    platform.says = ("pizza hut, (Shirley Hinton), please", "the cake is done.")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        for old, new, now in (
            ("pizza hut, Shirley Hinton", "Pizza Hut, Cherry Hinton", "Pizza Hut, Cherry Hinton),"),
            ("done", "gone?", "gone?"),
            ("gone?", "done", "done"),
            ("please", "", ""),
        ):
            assert (await correct_transcript(library, asset_id=task.asset_id, old_text=old, new_text=new)).text == now
        lines = [line.text for line in (await read_transcript(library, task.asset_id)).lines]
        assert lines == ["Pizza Hut, Cherry Hinton),", "the cake is done"]


async def test_the_id_of_a_joined_range_names_a_place(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        joined = (await get_clip(library, asset_id=task.asset_id, start_sec=0.0, end_sec=11.5)).detail.clip_id
        assert joined.startswith(f"{task.asset_id}.")
        done = await correct_transcript(library, clip_id=joined, old_text="cake", new_text="lake")
        assert done.clips_changed == 1
        with pytest.raises(UnknownId, match="no clip"):
            await correct_transcript(library, clip_id="a_none.0-11500", old_text="cake", new_text="lake")


async def test_the_earlier_words_are_kept_and_come_back(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        ledger, store = await library.ledger(), await library.store()
        before = await ledger.get_transcript(task.asset_id, library.config.platform)
        rows = await store.embeddings(THE_SPACE, ClipFilter(asset_ids=(task.asset_id,)))
        await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
        await correct_transcript(library, asset_id=task.asset_id, old_text="rising", new_text="")
        (first, second) = await ledger.corrections_of(task.asset_id)
        assert [(one.old_text, one.new_text) for one in (first, second)] == [("cake", "lake"), ("rising", "")]
        assert await texts(library, "rising") == []
        for start_sec in (6.0, 0.0):
            await correct_transcript(library, asset_id=task.asset_id, start_sec=start_sec, undo=True)
        after = await ledger.get_transcript(task.asset_id, library.config.platform)
        again = await store.embeddings(THE_SPACE, ClipFilter(asset_ids=(task.asset_id,)))
        with pytest.raises(QuestionProblem, match="Nothing was corrected"):
            await correct_transcript(library, asset_id=task.asset_id, undo=True)
    assert before is not None
    assert after is not None
    assert after.sentences == before.sentences
    assert [row.transcript for row in again] == [row.transcript for row in rows]
    assert all(abs(float(old.vector @ new.vector) - 1) < 1e-5 for old, new in zip(rows, again, strict=True))


async def test_a_clip_that_says_nothing_now_leaves_no_words_and_a_ledger_that_knows_it(
    open_library: OpenLibrary, recording: Path
) -> None:
    from soundbite_tools.repair.comparison import compare

    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await correct_transcript(library, asset_id=task.asset_id, old_text="the cake is done", new_text="")
        assert await texts(library, "cake") == []
        assert (await compare(library, is_deep=True)).is_equal
        again = await embed_audio(library, recording.name)
        assert (again.task_id, again.status) == (task.task_id, "ready")
        await correct_transcript(library, asset_id=task.asset_id, start_sec=6.0, undo=True)
        assert await texts(library, "cake") == ["the cake is done"]
        assert (await compare(library, is_deep=True)).is_equal


async def test_a_correction_outlives_an_embedding_anew(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
        platform.space = "scripted-2"
        library.spaces._current = None
        again = await embed_audio(library, recording.name)
        assert again.task_id != task.task_id
        assert await texts(library, "lake") == ["the lake is done"]
        assert await texts(library, "cake") == []
        platform.space, platform.says = "scripted-3", ("the river is rising", "the rake is done")
        library.spaces._current = None
        third = await embed_audio(library, recording.name)
        assert await texts(library, "lake") == ["the lake is done"]
    assert not [note for note in again.notes if "correction" in note]
    assert [note for note in third.notes if "1 correction put in place of words that are recognised otherwise" in note]


async def test_a_renewed_recording_has_only_corrections_of_what_is_still_said(
    open_library: OpenLibrary, recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
        await correct_transcript(library, asset_id=task.asset_id, old_text="river", new_text="liver")
        write_wav(recording, 12.0, level=9)
        platform.says = ("nobody is here", "the cake is done")
        renewed = await embed_audio(library, recording.name)
        lines = [line.text for line in (await read_transcript(library, task.asset_id)).lines]
    assert renewed.asset_id == task.asset_id
    assert lines == ["nobody is here", "the lake is done"]
    assert [note for note in renewed.notes if "1 correction left out" in note]


@pytest.mark.parametrize("stop_after", ["apply_change", "end_rewrite"])
async def test_a_correction_that_is_cut_off_is_made_whole_by_who_opens_the_library_next(
    stop_after: str, open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)

    async def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    wrong = "soundbite_tools.edit.correct_transcript.finish_rewrites"
    with monkeypatch.context() as patch:
        if stop_after == "apply_change":
            patch.setattr(wrong, dies)
        else:
            patch.setattr(Ledger, "end_rewrite", dies)
        async with open_library() as library:
            with pytest.raises(KeyboardInterrupt):
                await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
    async with open_library() as library:
        assert await texts(library, "cake") == []
        assert await texts(library, "lake") == ["the lake is done"]
        assert not await (await library.ledger()).rewrites()


@pytest.mark.parametrize("is_of_another_process", [False, True])
async def test_nobody_sees_a_correction_half_while_it_is_made_whole(
    open_library: OpenLibrary, recording: Path, monkeypatch: pytest.MonkeyPatch, is_of_another_process: bool
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)

    async def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("soundbite_tools.edit.correct_transcript.finish_rewrites", dies)
        async with open_library() as library:
            with pytest.raises(KeyboardInterrupt):
                await correct_transcript(library, asset_id=task.asset_id, old_text="cake", new_text="lake")
    begun, may_end, opened = anyio.Event(), anyio.Event(), anyio.Event()

    async def slow(*parts: Any) -> int:
        begun.set()
        await may_end.wait()
        return await finish_rewrites(*parts)

    async def opens(library: Any) -> None:
        await library.ledger()
        opened.set()

    monkeypatch.setattr("soundbite_tools.library.finish_rewrites", slow)
    monkeypatch.setattr("soundbite_tools.library._WAIT_FOR_OTHERS_S", 60.0)
    async with open_library() as other, open_library() as library, anyio.create_task_group() as group:
        group.start_soon((other if is_of_another_process else library).store)
        with anyio.fail_after(60):
            await begun.wait()
        group.start_soon(opens, library)
        await anyio.wait_all_tasks_blocked()
        assert not opened.is_set()
        may_end.set()
        with anyio.fail_after(60):
            await opened.wait()
        assert await texts(library, "lake") == ["the lake is done"]


async def test_what_does_not_fit_is_refused_and_changes_nothing(open_library: OpenLibrary, recording: Path) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        asked = {"asset_id": task.asset_id, "new_text": "x"}
        with pytest.raises(QuestionProblem, match="is said 2 times there: 00:00, 00:06"):
            await correct_transcript(library, old_text="the", **asked)
        with pytest.raises(QuestionProblem, match='There is: "the river is rising the cake is done"'):
            await correct_transcript(library, old_text="ris", **asked)
        with pytest.raises(QuestionProblem, match="No place was named"):
            await correct_transcript(library, old_text="cake", new_text="x")
        with pytest.raises(UnknownId):
            await correct_transcript(library, clip_id="c_0", old_text="cake", new_text="x")
        assert await (await library.ledger()).corrections_of(task.asset_id) == []
