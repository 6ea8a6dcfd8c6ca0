"""teach_words: names take the place of what sounds like them; it is shown first, and taken back at will."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import correct_transcript, embed_audio, get_clip, read_transcript, search_clips, teach_words

from soundbite_tools.errors import QuestionProblem
from soundbite_tools.words.glossary import Glossary, Name

OpenLibrary = Callable[..., Any]
SAYS = ("the train goes to lester now", "a stewart was chosen at last")


@pytest.fixture
def says(platform: ScriptedPlatform) -> ScriptedPlatform:
    platform.says, platform.doubts = SAYS, ("lester", "stewart")
    return platform


async def lines(library: Any, asset_id: str) -> list[str]:
    return [line.text for line in (await read_transcript(library, asset_id)).lines]


async def found(library: Any, word: str) -> list[str]:
    return [clip.text for clip in (await search_clips(library, word, match="words")).clips]


async def test_a_name_is_shown_first_then_found_then_taken_back_for_good(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        preview = await teach_words(library, "Leicester", "steward", dry_run=True)
        assert [(one.before, one.after) for one in preview.replacements] == [
            ("lester", "Leicester"),
            ("stewart", "steward"),
        ]
        assert (preview.is_dry_run, preview.names) == (True, 2)
        assert not library.config.glossary_file.exists()
        assert await lines(library, task.asset_id) == [*SAYS]

        done = await teach_words(library, "Leicester", "steward")
        assert (done.replaced, done.clips_changed, done.names) == (2, 2, 2)
        assert library.config.glossary_file.read_text() == "Leicester\nsteward\n"
        (clip,) = done.replacements[:1]
        assert "Leicester" in (await get_clip(library, clip.clip_id)).detail.text
        assert clip.nearness > 0.8
        assert await found(library, "Leicester") == ["the train goes to Leicester now"]
        assert await found(library, "lester") == []
        (near, *_) = (await search_clips(library, "the train goes to Leicester now", modality="speech")).clips
        assert near.text == "the train goes to Leicester now"
        assert near.score > 0.9

        no_words = "No words that may be misheard sound like what was taught"
        twice = await teach_words(library, "steward")
        assert (twice.replaced, twice.notes) == (0, [f"{no_words}; it is spelled so in 1 recording already."])
        assert (await teach_words(library, "Xerxes", dry_run=True)).notes == [f"{no_words}."]

        back = await teach_words(library, "Leicester", undo=True)
        assert [(one.before, one.after) for one in back.replacements] == [("Leicester", "lester")]
        assert back.next_step == '"Leicester" stays in the glossary: remove takes a name out.'
        assert await lines(library, task.asset_id) == [SAYS[0], "a steward was chosen at last"]
        again = await teach_words(library)
        assert again.replaced == 0
        assert again.notes == ["Left as it is where a name was taken back: 1 place."]
        kinds = [(one.kind, one.undone_at is None) for one in await history(library, task.asset_id)]
        assert kinds == [("glossary", False), ("glossary", True)]
        await correct_transcript(library, asset_id=task.asset_id, start_sec=6.0, undo=True)
        assert await lines(library, task.asset_id) == [*SAYS]


async def history(library: Any, asset_id: str) -> Any:
    return await (await library.ledger()).corrections_of(asset_id)


async def test_what_is_recognised_later_has_the_names_and_what_was_taken_back_stays_so(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    async with open_library() as library:
        await teach_words(library, "Leicester", "steward")
        task = await embed_audio(library, recording.name)
        assert [note for note in task.notes if "Names of the glossary took the place" in note and "2 times" in note]
        assert await lines(library, task.asset_id) == [
            "the train goes to Leicester now",
            "a steward was chosen at last",
        ]
        assert await found(library, "Leicester") == ["the train goes to Leicester now"]
        assert [one.old_text for one in await history(library, task.asset_id)] == ["lester", "stewart"]
        await teach_words(library, "steward", undo=True)
        says.space = "scripted-2"
        library.spaces._current = None
        again = await embed_audio(library, recording.name)
        assert again.task_id != task.task_id
        assert await lines(library, task.asset_id) == ["the train goes to Leicester now", SAYS[1]]
        assert len(await history(library, task.asset_id)) == 2
        library.config.glossary_file.write_bytes(b"\xff")
        says.space = "scripted-3"
        library.spaces._current = None
        third = await embed_audio(library, recording.name)
        assert third.status == "ready"
        assert [note for note in third.notes if "can't be read" in note]


async def test_what_somebody_corrected_is_left_alone_and_all_is_taken_back_at_once(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        await correct_transcript(library, asset_id=task.asset_id, old_text="lester", new_text="Lester")
        done = await teach_words(library, "Leicester", "steward: chosen")
        assert [one.before for one in done.replacements] == ["stewart", "chosen"]
        await teach_words(library, undo=True)
        assert await lines(library, task.asset_id) == ["the train goes to Lester now", SAYS[1]]
        assert (await teach_words(library, dry_run=True)).glossary == ["Leicester", "steward: chosen"]
        assert (await teach_words(library, remove=("STEWARD",))).names == 1


async def test_a_large_library_is_told_to_be_too_much_for_one_call(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    from soundbite_tools.edit.teach_words import teach_words as teach
    from soundbite_tools.transcript_requests import TeachRequest

    async with open_library() as library:
        await embed_audio(library, recording.name)
        done = await teach(library, TeachRequest(words=("Leicester",)), longest_s=-1.0)
        assert (done.replaced, done.names) == (0, 1)
        assert "Only the newest 0 of 1 recordings were looked at" in done.notes[0]


async def test_a_glossary_that_cannot_be_used_is_refused_and_changes_nothing(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        with pytest.raises(QuestionProblem, match="is no name"):
            await teach_words(library, "Leicester", ": lester")
        with pytest.raises(QuestionProblem, match="not in the glossary"):
            await teach_words(library, remove=("Leicester",))
        library.config.home.mkdir(exist_ok=True)
        library.config.glossary_file.write_bytes(b"\xff\xfeL")
        with pytest.raises(QuestionProblem, match=r"can't be read: it is no text in UTF-8"):
            await teach_words(library, "Leicester")
        library.config.glossary_file.write_text("# of our lines\nsteward\n\n")
        await teach_words(library, "Leicester")
        assert library.config.glossary_file.read_text() == "# of our lines\nsteward\nLeicester\n"
        assert await lines(library, task.asset_id) == ["the train goes to Leicester now", SAYS[1]]


def test_a_glossary_is_written_where_its_link_leads_and_takes_no_name_that_reads_as_a_remark(tmp_path: Path) -> None:
    link, target = tmp_path / "glossary.txt", tmp_path / "names.txt"
    link.symlink_to(target)
    Glossary((Name("Leicester"),)).write(link)
    assert (link.is_symlink(), target.read_text()) == (True, "Leicester\n")
    with pytest.raises(QuestionProblem, match="is no name"):
        Name.parse("#harvest: harvest")


@pytest.mark.parametrize("name", ["Alpha Beta " * 9, "Alphabeta" * 9], ids=["blanks", "no blanks"])
async def test_a_name_that_is_too_long_is_refused_and_not_cut(open_library: OpenLibrary, name: str) -> None:
    async with open_library() as library:
        with pytest.raises(QuestionProblem, match="at most 80 characters"):
            await teach_words(library, f"{name}: Foo")
        library.config.home.mkdir(exist_ok=True)
        library.config.glossary_file.write_text(f"{name}: Foo\nLeicester\n")
        glossary = Glossary.read(library.config.glossary_file)
        assert glossary.spellings == ("Leicester",)
        assert [note[:43] for note in glossary.notes] == ['Line 1 of "glossary.txt" is no name and was']


async def test_a_line_of_the_glossary_that_is_no_name_is_skipped_and_named_and_stays_in_the_file(
    open_library: OpenLibrary, recording: Path, says: ScriptedPlatform
) -> None:
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        library.config.home.mkdir(exist_ok=True)
        library.config.glossary_file.write_text("Leicester: lester\n:: bad ::\n")
        done = await teach_words(library)
        assert done.replaced == 1
        assert done.notes == ['Line 2 of "glossary.txt" is no name and was skipped: ":: bad ::".']
        assert (await lines(library, task.asset_id))[0] == "the train goes to Leicester now"
        await teach_words(library, "steward")
        assert library.config.glossary_file.read_text().splitlines() == [":: bad ::", "Leicester: lester", "steward"]
